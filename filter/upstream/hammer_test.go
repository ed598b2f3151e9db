package upstream_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// TestHammerOrder has clients produce through one pool while leaders move and connections are cut. Each client sends
// its next batch when the last is stored. Then every batch is in the log, and no batch stands there for the first time
// before the one its client sent earlier.
func TestHammerOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sockets    bool
		size, each int
	}{"pipes": {false, 0, 200}, "sockets": {true, 0, 200}, "sockets that are full": {true, 50 << 10, 100}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hammerOrder(t, c.sockets, c.size, c.each)
		})
	}
}

// hammerOrder has batches be of size bytes and a few more.
func hammerOrder(t *testing.T, sockets bool, size, each int) {
	t.Helper()
	const clients, partitions = 8, 4
	cluster := upstreamtest.New(3)
	if sockets {
		cluster.Sockets()
	}
	cluster.CreateTopic("a", 1, 2, 3, 1)
	s := settings()
	s.ConnectionsPerBroker = 2
	pool := newPool(s, cluster, new(cork.Cork))
	stop := make(chan struct{})
	var chaos, work sync.WaitGroup
	chaos.Go(func() {
		for i := int32(0); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			cluster.Move("a", i%partitions, i%3+1)
			if i%7 == 0 {
				cluster.Cut(i%3 + 1)
			}
		}
	})
	padding := strings.Repeat("x", size)
	for c := range clients {
		work.Go(func() {
			for i := range each {
				sendUntilStored(pool, int32(c%partitions), fmt.Sprintf("%d %d %s", c, i, padding))
			}
		})
	}
	work.Wait()
	close(stop)
	chaos.Wait()
	pool.Close(context.WithoutCancel(t.Context()))
	for id := range 3 {
		cluster.Cut(int32(id + 1))
	}
	checkOrder(t, cluster, clients, each, partitions)
}

func sendUntilStored(pool *upstream.Pool, partition int32, records string) {
	for {
		batch := &wire.Batch{Topic: "a", Partition: partition, Records: []byte(records)}
		done := make(chan struct{})
		pool.Produce(new(order.Fences), []*wire.Batch{batch}, -1, 1000, func(int32) { close(done) })
		<-done
		if batch.Result.Code == wire.None {
			return
		}
	}
}

func checkOrder(t *testing.T, cluster *upstreamtest.Cluster, clients, each, partitions int) {
	t.Helper()
	next := make([]int, clients)
	for p := range partitions {
		for _, r := range cluster.Stored("a", int32(p)) {
			var c, i int
			if _, err := fmt.Fscanf(strings.NewReader(string(r)), "%d %d", &c, &i); err != nil {
				t.Fatal(err)
			}
			switch {
			case i == next[c]:
				next[c]++
			case i > next[c]:
				t.Errorf("client %d: batch %d is stored before batch %d", c, i, next[c])
			}
		}
	}
	for c, n := range next {
		if n != each {
			t.Errorf("client %d: %d batches stored, want %d", c, n, each)
		}
	}
}
