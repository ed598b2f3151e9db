package upstream_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Whoever brings a batch writes it as far as the socket takes it. Here it takes a part: the lane's goroutine writes the rest, and
// what comes meanwhile goes behind it. Or the connection ends, and everybody is told.
func TestFullSocket(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		then func(c *upstreamtest.Cluster)
		want wire.ErrorCode // of what was being written
		rest wire.ErrorCode // of what was behind it
	}{
		{"broker reads again", func(c *upstreamtest.Cluster) { c.Clog(1, false) }, wire.None, wire.None},
		{"connection ends", func(c *upstreamtest.Cluster) { c.Cut(1) }, wire.RequestTimedOut, wire.NotLeaderOrFollower},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster := upstreamtest.New(1)
			cluster.Sockets()
			cluster.CreateTopic("a", 1)
			way := newWay(settings(), cluster, new(cork.Cork))
			b := &bench{t: t, cluster: cluster, fences: new(order.Fences), way: way}
			wantCode(t, "first", b.produce("a", 0, "first"), wire.None) // so that there is a connection
			cluster.Clog(1, true)
			want := []string{"first"}
			var batches []*wire.Batch
			var answers []<-chan int32
			for range 5 {
				records := strings.Repeat("x", 240<<10)
				batch, done := b.send("a", 0, records)
				batches, answers, want = append(batches, batch), append(answers, done), append(want, records)
			}
			tc.then(cluster)
			for i, done := range answers {
				<-done
				if i == 0 {
					wantCode(t, "being written", batches[i].Result, tc.want)
				} else {
					wantCode(t, "behind it", batches[i].Result, tc.rest)
				}
			}
			way.Close(t.Context())
			cluster.Cut(1)
			if tc.want == wire.None {
				b.wantStored(0, want...)
			}
		})
	}
}

// TestCork has two clients bring a batch each while the cork is held: nothing is sent before its release, and then one request.
func TestCork(t *testing.T) {
	t.Parallel()
	cluster := upstreamtest.New(1)
	cluster.Sockets()
	cluster.CreateTopic("a", 1, 1)
	var held cork.Cork
	way := newWay(settings(), cluster, &held)
	defer cluster.Cut(1)
	defer way.Close(t.Context())
	var answered sync.WaitGroup
	produce := func(partition int32) {
		answered.Add(1)
		batch := &wire.Batch{Topic: "a", Partition: partition, Records: []byte("records")}
		way.Produce(new(order.Fences), []*wire.Batch{batch}, -1, patience, func(int32) { answered.Done() })
	}
	produce(0) // so that there is a connection
	answered.Wait()

	held.Hold()
	produce(0)
	produce(1)
	if got := len(cluster.Requests()); got != 1 {
		t.Errorf("%d requests while the cork is held, want the first one", got)
	}
	held.Release()
	answered.Wait()
	requests := cluster.Requests()
	if len(requests) != 2 || len(requests[1].Topics[0].Partitions) != 2 {
		t.Errorf("%d requests, want both batches in the second", len(requests))
	}
}
