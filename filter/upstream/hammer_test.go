package upstream_test

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// TestHammerOrder has clients produce through one way while leaders move and connections are cut. Each client keeps several
// batches on their way, and sends what is refused again, in order. Every few batches it begins a producer id that no broker
// knows: any batch of it would be taken as the first. In the end every batch is in the log, once, in the order of its client.
func TestHammerOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sockets    bool
		size, each int
	}{"pipes": {false, 10, 200}, "sockets": {true, 10, 200}, "sockets that are full": {true, 50 << 10, 100}} {
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
	cluster.Persist()
	if sockets {
		cluster.Sockets()
	}
	cluster.CreateTopic("a", 1, 2, 3, 1)
	s := settings()
	s.ConnectionsPerBroker = 2
	way := newWay(s, cluster, new(cork.Cork))
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
	for n := range clients {
		work.Go(func() {
			p := producer{t: t, way: way, number: n, partition: int32(n % partitions), size: size}
			p.send(each)
		})
	}
	work.Wait()
	close(stop)
	chaos.Wait()
	way.Close(context.WithoutCancel(t.Context()))
	for id := range 3 {
		cluster.Cut(int32(id + 1))
	}
	checkOrder(t, cluster, clients, each, partitions)
}

const (
	// onTheirWay is how many batches a client has on their way, as Java and librdkafka.
	onTheirWay = 5
	// perID is how many batches have the same producer id.
	perID = 20
)

// producer is a client that numbers its batches.
type producer struct {
	t         *testing.T
	way       *upstream.Cluster
	fences    order.Fences
	number    int
	partition int32
	size      int
}

// sent is a batch on its way.
type sent struct {
	number int
	batch  *wire.Batch
	done   chan struct{}
}

// send has so many batches stored. Answers are read in the order of requests, as clients get them.
func (p *producer) send(each int) {
	var way []sent
	waiting := make([]bool, each) // has been refused, and has to be sent again
	first, next := 0, 0           // not stored, not sent
	for first < each {
		last := min(each, first+onTheirWay, (first/perID+1)*perID)
		for n := first; n < last && len(way) < onTheirWay; n++ {
			if n < next && !waiting[n] {
				continue
			}
			waiting[n], next = false, max(next, n+1)
			way = append(way, p.start(n))
		}
		oldest := way[0]
		way = way[1:]
		<-oldest.done
		switch code := oldest.batch.Result.Code; {
		case code == wire.None:
			first = max(first, oldest.number+1)
		case code.Transient():
			waiting[oldest.number] = true
			<-time.After(time.Millisecond) // as clients wait a little
		default:
			p.t.Errorf("client %d: batch %d: %s", p.number, oldest.number, code)
			return
		}
	}
}

func (p *producer) start(n int) sent {
	s := sent{n, &wire.Batch{Topic: "a", Partition: p.partition, Records: p.batch(n)}, make(chan struct{})}
	p.way.Produce(&p.fences, []*wire.Batch{s.batch}, -1, 1000, func(int32) { close(s.done) })
	return s
}

// batch makes the client's batch number n.
func (p *producer) batch(n int) []byte {
	id := wiretest.Producer{ID: int64(p.number)<<32 | int64(n/perID), Sequence: int32(n % perID)}
	return wiretest.Batch{Records: []wiretest.Record{{Value: make([]byte, p.size)}}, Producer: &id}.Bytes()
}

// checkOrder sees that each client's batches are stored once each, in order.
func checkOrder(t *testing.T, cluster *upstreamtest.Cluster, clients, each, partitions int) {
	t.Helper()
	next := make([]int, clients)
	for p := range partitions {
		for _, r := range cluster.Stored("a", int32(p)) {
			id := binary.BigEndian.Uint64(r[43:])
			c, n := id>>32, int(uint32(id))*perID+int(binary.BigEndian.Uint32(r[53:]))
			if n != next[c] {
				t.Errorf("client %d: batch %d is stored where batch %d was to come", c, n, next[c])
			}
			next[c] = n + 1
		}
	}
	for c, n := range next {
		if n != each {
			t.Errorf("client %d: %d batches stored, want %d", c, n, each)
		}
	}
}
