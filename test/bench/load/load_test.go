package load_test

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/sink"
)

// rawSink starts one, and returns its address.
func rawSink(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { _ = (&sink.Raw{Partitions: 3}).Serve(l) }()
	return l.Addr().String()
}

// Both kinds of clients produce to both kinds of sinks, of which kfake looks at batches: an error code would fail them.
func TestRun(t *testing.T) {
	t.Parallel()
	raw := rawSink(t)
	fake, err := sink.Blackhole(0, 3, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	for name, addr := range map[string]string{"raw": raw, "kfake": fake.ListenAddrs()[0]} {
		for _, j := range []load.Job{
			{Client: load.Franz, Acks: -1, Codec: "lz4"},
			{Client: load.Franz, Acks: 1},
			{Client: load.Frames, Acks: -1, InFlight: 5},
			{Client: load.Frames, Acks: 1, Rate: 500},
		} {
			t.Run(name+" "+j.Client, func(t *testing.T) {
				t.Parallel()
				j.To = []load.Destination{{Addr: addr, Topic: "a"}, {Addr: addr, Topic: "b"}}
				j.Clients, j.BatchBytes, j.RecordBytes, j.Partitions = 3, 4<<10, 1<<10, 3
				j.WarmUp, j.Measure = 100*time.Millisecond, 300*time.Millisecond
				var got load.Result
				var marks int
				for got.Records == 0 && t.Context().Err() == nil { // on a loaded machine nothing may be answered in time
					var err error
					marks = 0
					if got, err = load.Run(t.Context(), &j, func() { marks++ }); err != nil {
						t.Fatalf("Run(%s): %v", j.Client, err)
					}
					j.Measure *= 2
				}
				if got.Bytes != got.Records<<10 || marks != 2 {
					t.Errorf("Run(%s) = %+v with %d marks", j.Client, got, marks)
				}
				if (got.P50 > 0) != (j.Rate > 0) || !slices.IsSorted([]float64{got.P50, got.P90, got.P99, got.P999, got.Max}) {
					t.Errorf("Run(%s): latencies %+v", j.Client, got)
				}
			})
		}
	}
}

// Consumers read what a raw sink makes up, of both topics.
func TestRunReads(t *testing.T) {
	t.Parallel()
	raw := rawSink(t)
	j := load.Job{
		To: []load.Destination{{Addr: raw, Topic: "a"}, {Addr: raw, Topic: "b"}}, Client: load.Reads, Clients: 2, Partitions: 3,
		BatchBytes: 100 << 10, RecordBytes: 1, WarmUp: 10 * time.Millisecond, Measure: 100 * time.Millisecond,
	}
	for t.Context().Err() == nil {
		got, err := load.Run(t.Context(), &j, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if got.Bytes != got.Batches*int64(j.BatchBytes) {
			t.Fatalf("%+v, want 100 KiB a batch", got)
		}
		if got.Batches > 0 {
			return
		}
		j.Measure *= 2
	}
}

// Idle clients are connected at the first mark, and stay so until they are told to end.
func TestRunIdle(t *testing.T) {
	t.Parallel()
	raw := rawSink(t)
	end, marks := make(chan struct{}), 0
	j := load.Job{
		To: []load.Destination{{Addr: raw, Topic: "a"}}, Client: load.Idle, Clients: 3, Partitions: 3, BatchBytes: 1, RecordBytes: 1,
		End: end,
	}
	result, err := load.Run(t.Context(), &j, func() {
		if marks++; marks == 1 {
			close(end)
		}
	})
	if err != nil || marks != 2 || result.Records != 0 {
		t.Errorf("Run(idle) = %+v, %v with %d marks", result, err, marks)
	}
}
