package load_test

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
)

// keeper starts a cluster that keeps what it is sent, and returns its address.
func keeper(t *testing.T, topics ...string) string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// untilRecords runs a job, for longer each time, until something has come of it: on a loaded machine nothing may come in time.
func untilRecords(t *testing.T, j *load.Job) (got load.Result) {
	t.Helper()
	j.WarmUp, j.Measure = 50*time.Millisecond, 200*time.Millisecond
	for got.Records == 0 && t.Context().Err() == nil {
		var err error
		if got, err = load.Run(t.Context(), j, func() {}); err != nil {
			t.Fatalf("Run(%s): %v", j.Client, err)
		}
		j.Measure *= 2
	}
	return got
}

// Consumers read a topic again when they are through, in sessions and without.
func TestRunConsume(t *testing.T) {
	t.Parallel()
	addr := keeper(t, "a", "b")
	to := []load.Destination{{Addr: addr, Topic: "a"}, {Addr: addr, Topic: "b"}}
	untilRecords(t, &load.Job{
		To: to, Client: load.Frames, Clients: 1, BatchBytes: 4 << 10, RecordBytes: 1 << 10, Acks: -1, Partitions: 3, InFlight: 1,
	})
	for _, sessions := range []bool{false, true} {
		for range 2 { // as much again
			got := untilRecords(t, &load.Job{
				To: to, Client: load.Consumes, Clients: 2, RecordBytes: 1 << 10, Partitions: 3, Sessions: sessions, FetchBytes: 8 << 10,
			})
			if got.Bytes != got.Records<<10 || got.Batches == 0 {
				t.Errorf("with sessions %v: %+v", sessions, got)
			}
		}
	}
}

// Who follows reads what is sent meanwhile, from two clusters.
func TestRunFollow(t *testing.T) {
	t.Parallel()
	for _, sessions := range []bool{false, true} {
		got := untilRecords(t, &load.Job{
			To:     []load.Destination{{Addr: keeper(t, "a"), Topic: "a"}, {Addr: keeper(t, "b"), Topic: "b"}},
			Client: load.Follows, Clients: 1, BatchBytes: 1 << 10, RecordBytes: 1 << 10, Acks: -1, Partitions: 3, Rate: 500, Sessions: sessions,
		})
		if got.P50 <= 0 || got.Max > 60e6 || !slices.IsSorted([]float64{got.P50, got.P90, got.P99, got.P999, got.Max}) {
			t.Errorf("with sessions %v: latencies %+v", sessions, got)
		}
	}
}

// Consumers wait from the first mark until they are told to end.
func TestRunWaiting(t *testing.T) {
	t.Parallel()
	for _, client := range []string{load.Waits, load.Members} {
		end, marks := make(chan struct{}), 0
		j := load.Job{
			To: []load.Destination{{Addr: keeper(t, "a"), Topic: "a"}}, Client: client, Clients: 3, Partitions: 3, BatchBytes: 1, RecordBytes: 1,
			End: end,
		}
		result, err := load.Run(t.Context(), &j, func() {
			if marks++; marks == 1 {
				close(end)
			}
		})
		if err != nil || marks != 2 || result.Records != 0 {
			t.Errorf("Run(%s) = %+v, %v with %d marks", client, result, err, marks)
		}
	}
}
