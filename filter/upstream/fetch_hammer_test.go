package upstream_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// TestHammerFetch has clients read together what is much more than there is room for, while leaders move, connections are cut, and clients
// seek, dawdle and end in the middle. All get to the end, each reads every batch as it was stored, and nothing is held then.
func TestHammerFetch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sockets, inLoop bool }{"pipes": {}, "sockets": {sockets: true}, "sockets in a loop": {true, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hammerFetch(t, c.sockets, c.inLoop)
		})
	}
}

const (
	hammerBatches    = 30
	hammerBatch      = 20 << 10
	hammerPartitions = 4
)

func hammerFetch(t *testing.T, sockets, inLoop bool) {
	t.Helper()
	cluster := upstreamtest.New(2)
	if sockets {
		cluster.Sockets()
	}
	cluster.CreateTopic("a", 1, 2, 1, 2)
	cluster.Read(link.Range{Min: 4, Max: 12})
	for p := range int32(hammerPartitions) {
		for i := range hammerBatches {
			cluster.Store("a", p, string(hammerRecords(p, int64(i))))
		}
	}
	room := fetch.NewRoom(300 << 10)
	thread := upstream.Thread{Cork: new(cork.Cork), Room: room}
	if inLoop {
		l := loop.New(func(reason any, stack []byte) { t.Errorf("panic: %v\n%s", reason, stack) })
		defer l.Close()
		thread.Watcher = l
	}
	way := upstream.New(settings(), cluster, thread, statstest.New("c1").Cluster("c1"), slog.New(slog.DiscardHandler))
	stop := make(chan struct{})
	var chaos, clients sync.WaitGroup
	chaos.Go(func() {
		for i := int32(0); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			cluster.Move("a", i%hammerPartitions, i%2+1)
			if i%5 == 0 {
				cluster.Cut(i%2 + 1)
			}
		}
	})
	for range 8 {
		clients.Go(func() { hammerReader(t, way) })
	}
	clients.Wait()
	close(stop)
	chaos.Wait()
	way.Close(context.WithoutCancel(t.Context()))
	for id := range int32(2) {
		cluster.Cut(id + 1)
	}
	if held := room.Held(); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
}

// hammerRecords is a batch.
func hammerRecords(partition int32, offset int64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%04d/%04d ", partition, offset), hammerBatch/10)
}

// hammerReader reads all partitions to their ends.
func hammerReader(t *testing.T, way *upstream.Cluster) {
	t.Helper()
	own := way.Own("")
	defer func() { own.Close() }()
	var offsets [hammerPartitions]int64
	for round := 0; ; round++ {
		request := &wire.FetchRequest{MaxWaitMillis: 50, MinBytes: 1, MaxBytes: 1 << 20}
		topic := wire.FetchTopic{Name: "a"}
		for p, offset := range offsets {
			if offset < hammerBatches {
				topic.Partitions = append(topic.Partitions, wire.FetchPartition{
					Partition: int32(p), Offset: offset, LeaderEpoch: -1, LastFetchedEpoch: -1, MaxBytes: 100 << 10,
				})
			}
		}
		if len(topic.Partitions) == 0 {
			return
		}
		request.Topics = []wire.FetchTopic{topic}
		hammerFetchOnce(t, own, request, &offsets)
		switch rand.IntN(20) {
		case 0:
			offsets[rand.IntN(hammerPartitions)] = rand.Int64N(hammerBatches)
		case 1:
			own.Close()
			own = way.Own("")
		case 2:
			runtime.Gosched() // others go first
		}
		if round > 100_000 {
			t.Error("there is no end")
			return
		}
	}
}

// hammerFetchOnce asks once, and compares what comes.
func hammerFetchOnce(t *testing.T, own *upstream.Own, request *wire.FetchRequest, offsets *[hammerPartitions]int64) {
	t.Helper()
	news := make(chan struct{}, 1)
	f := own.Fetch(11, request, func() {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	for over := false; !over; {
		if n, urgent, complete := f.Ready(); n > 0 || urgent || complete {
			break
		}
		select {
		case <-news:
		case <-timer.C:
			over = true
		}
	}
	into := [][]wire.Fetched{make([]wire.Fetched, len(request.Topics[0].Partitions))}
	_, _, release := f.Take(1<<20, true, into)
	for _, p := range into[0] {
		for records := p.Records; len(records) > 0; offsets[p.Partition]++ {
			want := hammerRecords(p.Partition, offsets[p.Partition])
			if len(records) < len(want) || !bytes.Equal(records[:len(want)], want) {
				t.Errorf("partition %d at %d: %.20q, want %.20q", p.Partition, offsets[p.Partition], records, want)
				return
			}
			records = records[len(want):]
		}
	}
	release()
}
