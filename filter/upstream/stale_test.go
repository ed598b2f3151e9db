package upstream_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// list asks for all topics and says how many there are.
func (b *bench) list() int {
	n := make(chan int, 1)
	b.way.Topics(nil, false, func(topics []wire.Topic) { n <- len(topics) })
	return <-n
}

// A cluster that did not answer is asked until it does, whether or not anybody wants something of it.
func TestAskedUntilItAnswers(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.Silence(true)
		if n := b.list(); n != 0 {
			t.Errorf("away: %d topics, want 0", n)
		}
		bubble.Advance(time.Hour)
		b.cluster.Silence(false)
		bubble.Advance(20 * time.Second) // the longest pause is 10 s
		if n := b.list(); n != 1 {
			t.Errorf("back: %d topics, want 1", n)
		}
		_, asked := b.cluster.Calls()
		bubble.Advance(time.Hour)
		if _, again := b.cluster.Calls(); again > asked+13 { // the refresh of five minutes
			t.Errorf("asked %d times in an hour though it answers", again-asked)
		}
	})
}

// The same when the cluster is slow, and its answer comes as patience is lost.
func TestSlowClusterIsNotTakenForOneThatIsAway(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		release := b.cluster.HoldMetadata()
		if n := b.list(); n != 0 {
			t.Errorf("slow: %d topics, want 0", n)
		}
		release()
		synctest.Wait()
		if n := b.list(); n != 1 {
			t.Errorf("after its answer: %d topics, want 1", n)
		}
	})
}

// The same when it answers at the very moment.
func TestAnswerAsPatienceIsLost(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MetadataRefreshInterval = 0
	for range 50 {
		inBubbleWith(t, 1, s, func(b *bench) {
			b.cluster.CreateTopic("a", 1)
			b.cluster.DelayMetadata(2 * time.Second)
			b.list()
			b.cluster.DelayMetadata(0)
			bubble.Advance(time.Hour)
			wantCode(t, "an hour later", b.produce("a", 0, "x"), wire.None)
		})
	}
}

// A cluster whose list of topics cannot be had is not taken for one that is away for long.
func TestUnlistedClusterIsServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := upstreamtest.New(1)
		c.Unlist(true)
		c.CreateTopic("a", 1)
		b := &bench{t: t, cluster: c, fences: new(order.Fences), way: newWay(settings(), c, new(cork.Cork))}
		b.list()
		b.produceUntilStored(0, "x")
		b.way.Close(t.Context())
		c.Cut(1)
	})
}

// What waits for metadata when the cluster is closed is answered: from what is asked still, or without.
func TestCloseAnswersWhatWaits(t *testing.T) {
	t.Parallel()
	for _, answers := range []bool{true, false} {
		inBubble(t, 1, func(b *bench) {
			b.cluster.CreateTopic("a", 1)
			b.cluster.CreateTopic("b", 1)
			release := b.cluster.HoldMetadata()
			b.way.Topics([]string{"b"}, false, func([]wire.Topic) {})
			synctest.Wait()
			batch, done := b.send("a", 0, "x") // to be asked for next
			synctest.Wait()
			closed := make(chan struct{})
			ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
			defer cancel()
			go func() { b.way.Close(ctx); close(closed) }()
			synctest.Wait()
			b.cluster.Silence(!answers)
			release()
			<-closed
			<-done
			if answers {
				wantCode(t, "asked for while closing", batch.Result, wire.None)
			} else {
				wantCode(t, "not answered", batch.Result, wire.NotLeaderOrFollower)
			}
		})
	}
}

// What is known of a topic's partitions outlives an answer that says there is no such topic, for as long as batches are on their way.
func TestTopicWithBatchesIsNotForgotten(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Window = 1
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "zero")
		b.cluster.Stall(1, true)
		_, done1 := b.send("a", 0, "one") // in flight
		_, done2 := b.send("a", 0, "two") // queued
		bubble.Advance(6 * time.Second)   // what is known is no longer fresh
		b.cluster.DeleteTopic("a")
		b.way.Topics([]string{"a"}, false, func([]wire.Topic) {})
		synctest.Wait()
		b.cluster.CreateTopic("a", 1)
		_, done3 := b.send("a", 0, "three")
		synctest.Wait()
		b.cluster.Stall(1, false)
		for _, done := range []<-chan int32{done1, done2, done3} {
			<-done
		}
		for _, r := range b.cluster.Requests() {
			for _, topic := range r.Topics {
				if len(topic.Partitions) > 1 {
					t.Errorf("a request has %d batches of one partition", len(topic.Partitions))
				}
			}
		}
	})
}

// A topic that is made again, with another id, fewer or more partitions, is served without a restart.
func TestTopicMadeAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1, 1)
		b.produce("a", 2, "0")
		for _, leaders := range [][]int32{{2}, {1, 2, 1, 2}} {
			b.cluster.DeleteTopic("a")
			b.cluster.CreateTopic("a", leaders...)
			for p := range leaders {
				b.produceUntilStored(int32(p), "1")
			}
		}
	})
}

// slowDial dials the first connection to a broker slowly: what is at the address when it is dialled is what is reached.
type slowDial struct {
	*upstreamtest.Cluster

	gate  chan struct{}
	first atomic.Bool
}

func (s *slowDial) Dial(ctx context.Context, addr string) (link.Conn, error) {
	conn, err := s.Cluster.Dial(ctx, addr)
	if strings.HasPrefix(addr, "1:") && s.first.CompareAndSwap(false, true) {
		<-s.gate
	}
	return conn, err
}

// What changes while a connection is made counts: an address is not served by the broker that had it before, and a certificate that
// has been replaced is used.
func TestChangesDuringADial(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(c *slowDial, way *upstream.Cluster)
		dials  int
	}{
		{"address", func(c *slowDial, way *upstream.Cluster) {
			c.Exchange(1, 2) // the address that is being dialled is the other broker's from now on
			c.Cut(1)
			bubble.Advance(6 * time.Second)
			way.Topics([]string{"a"}, false, func([]wire.Topic) {})
		}, 2},
		{"certificate", func(c *slowDial, _ *upstream.Cluster) { c.Replace() }, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &slowDial{Cluster: upstreamtest.New(2), gate: make(chan struct{})}
				c.CreateTopic("a", 1)
				way := newWay(settings(), c, new(cork.Cork))
				b := &bench{t: t, cluster: c.Cluster, fences: new(order.Fences), way: way}
				_, done := b.send("a", 0, "first")
				synctest.Wait()
				tc.change(c, way)
				synctest.Wait()
				close(c.gate)
				<-done
				b.produceUntilStored(0, "second")
				synctest.Wait()
				if dials, _ := c.Calls(); dials != tc.dials {
					t.Errorf("%d connections were made, want %d", dials, tc.dials)
				}
				way.Close(t.Context())
				c.Cut(1)
				c.Cut(2)
			})
		})
	}
}

// A batch that no broker takes in a request is refused, and those of one client that are too many for one leave in several: the
// broker would drop the connection, which others share.
func TestRequestsThatABrokerTakes(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1, 1)
		huge := make([]byte, 100<<20)
		wantCode(t, "100 MiB", b.produce("a", 0, string(huge)), wire.MessageTooLarge)
		var batches []*wire.Batch
		for i := range int32(3) {
			batches = append(batches, &wire.Batch{Topic: "a", Partition: i, Records: huge[:33<<20]})
		}
		done := make(chan int32, 1)
		b.way.Produce(b.fences, batches, -1, 1000, func(n int32) { done <- n })
		<-done
		for i, batch := range batches {
			wantCode(t, fmt.Sprintf("batch %d", i), batch.Result, wire.None)
		}
		if n := len(b.cluster.Requests()); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}
