package upstream_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings() upstream.Settings {
	return upstream.Settings{
		Name: "c1", BootstrapServers: []string{"bootstrap:1"}, ClientID: "test", RequestTimeout: 30 * time.Second,
		MetadataRefreshInterval: 5 * time.Minute, MetadataMaxAge: 15 * time.Minute,
	}
}

// bench is a way into a scripted cluster.
type bench struct {
	t       *testing.T
	cluster *upstreamtest.Cluster
	way     *upstream.Cluster
	fences  *order.Fences // of the one client
	stats   *stats.Set
}

// patience is how long a batch may wait in tests whose time is real, in milliseconds.
const patience = 60_000

// newWay makes a way into a cluster, without a bubble and with metrics that nobody reads.
func newWay(s upstream.Settings, cluster upstream.Client, k *cork.Cork) *upstream.Cluster {
	return upstream.New(s, cluster, upstream.Thread{Cork: k}, statstest.New("c1").Cluster("c1"), slog.New(slog.DiscardHandler))
}

// inBubble runs f with fake time: a way into a cluster of n brokers.
func inBubble(t *testing.T, n int, f func(b *bench)) {
	t.Helper()
	inBubbleWith(t, n, settings(), f)
}

func inBubbleWith(t *testing.T, n int, s upstream.Settings, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, cluster: upstreamtest.New(n), fences: new(order.Fences), stats: statstest.New("c1")}
		b.way = upstream.New(s, b.cluster, upstream.Thread{Cork: new(cork.Cork)}, b.stats.Cluster("c1"), slog.New(slog.DiscardHandler))
		f(b)
		b.way.Close(t.Context())
		for i := 1; i <= n; i++ {
			b.cluster.Cut(int32(i))
		}
		statstest.AtRest(t, b.stats)
	})
}

func (b *bench) metric(name string) int64 {
	b.t.Helper()
	synctest.Wait()
	return statstest.Value(b.t, b.stats, "cluster.c1."+name)
}

// send produces one batch without waiting.
func (b *bench) send(topic string, partition int32, records string) (*wire.Batch, <-chan int32) {
	batch := &wire.Batch{Topic: topic, Partition: partition, Records: []byte(records)}
	done := make(chan int32, 1)
	b.way.Produce(b.fences, []*wire.Batch{batch}, -1, 1000, func(throttle int32) { done <- throttle })
	return batch, done
}

// produce produces one batch and waits for its result.
func (b *bench) produce(topic string, partition int32, records string) wire.Result {
	batch, done := b.send(topic, partition, records)
	<-done
	return batch.Result
}

func (b *bench) wantStored(partition int32, want ...string) {
	b.t.Helper()
	var got []string
	for _, r := range b.cluster.Stored("a", partition) {
		got = append(got, string(r))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("a/%d stored (-want +got):\n%s", partition, diff)
	}
}

func wantCode(t *testing.T, what string, r wire.Result, want wire.ErrorCode) {
	t.Helper()
	if r.Code != want {
		t.Errorf("%s: %s %q, want %s", what, r.Code, r.Message, want)
	}
}

func TestProduceReachesTheLeader(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 2)
		for i := range 3 {
			r := b.produce("a", 1, fmt.Sprint("batch ", i))
			wantCode(t, "produce", r, wire.None)
			if r.BaseOffset != int64(i) {
				t.Errorf("base offset %d, want %d", r.BaseOffset, i)
			}
		}
		b.wantStored(1, "batch 0", "batch 1", "batch 2")
		b.wantStored(0)
		if dials, asked := b.cluster.Calls(); dials != 1 || asked != 1 {
			t.Errorf("%d dials and %d metadata requests, want one of each", dials, asked)
		}
		if got := b.metric("batches"); got != 3 {
			t.Errorf("batches = %d, want 3", got)
		}
	})
}

func TestProduceFailures(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1, -1)
		wantCode(t, "unknown topic", b.produce("b", 0, "x"), wire.UnknownTopicOrPartition)
		wantCode(t, "unknown partition", b.produce("a", 2, "x"), wire.UnknownTopicOrPartition)
		wantCode(t, "negative partition", b.produce("a", -1, "x"), wire.UnknownTopicOrPartition)
		wantCode(t, "no leader", b.produce("a", 1, "x"), wire.NotLeaderOrFollower)
		b.cluster.Answer("a", 0, wire.MessageTooLarge)
		wantCode(t, "broker's own code", b.produce("a", 0, "x"), wire.MessageTooLarge)
		if got := b.metric("errors.message_too_large"); got != 1 {
			t.Errorf("errors.message_too_large = %d, want 1", got)
		}
	})
}

// A request's batches have results of their own, and the request is done when the last has its.
func TestProduceSpreadsARequest(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 2)
		b.cluster.CreateTopic("b", 2)
		b.cluster.Throttle(70)
		batches := []*wire.Batch{
			{Topic: "a", Partition: 0, Records: []byte("a0")},
			{Topic: "a", Partition: 1, Records: []byte("a1")},
			{Topic: "missing", Partition: 0, Records: []byte("m")},
			{Topic: "b", Partition: 0, Records: []byte("b0")},
			{Topic: "b", Partition: 0, Records: []byte("twice")},
		}
		done := make(chan int32)
		b.way.Produce(b.fences, batches, 1, 1000, func(throttle int32) { done <- throttle })
		if throttle := <-done; throttle != 70 {
			t.Errorf("throttle %d, want 70", throttle)
		}
		want := []wire.ErrorCode{wire.None, wire.None, wire.UnknownTopicOrPartition, wire.None, wire.InvalidRequest}
		for i, w := range want {
			wantCode(t, batches[i].Topic, batches[i].Result, w)
		}
	})
}

// Batches that wait for metadata keep their order, with those that come right behind.
func TestOrderWhileMetadataIsUnknown(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		release := b.cluster.HoldMetadata()
		var want []string
		var last <-chan int32
		for i := range 20 {
			if i == 10 {
				release()
			}
			want = append(want, strconv.Itoa(i))
			_, last = b.send("a", 0, strconv.Itoa(i))
		}
		<-last
		b.wantStored(0, want...)
	})
}

func TestLeaderMoves(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		wantCode(t, "before", b.produce("a", 0, "0"), wire.None)
		b.cluster.Move("a", 0, 2)
		wantCode(t, "at the old leader", b.produce("a", 0, "1"), wire.NotLeaderOrFollower)
		wantCode(t, "the client's retry", b.produce("a", 0, "1"), wire.None)
		b.wantStored(0, "0", "1")
	})
}

// While batches of a partition are on their way to its old leader, none may go to the new one: it could overtake them.
func TestNewLeaderWaitsForTheOldOne(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1)
		wantCode(t, "before", b.produce("a", 0, "0"), wire.None)
		b.cluster.Stall(1, true)
		slow, slowDone := b.send("a", 0, "1")
		synctest.Wait()
		b.cluster.Move("a", 0, 2)
		bubble.Advance(6 * time.Minute) // the periodic refresh learns of the move; the old leader is past its time by then
		<-slowDone
		wantCode(t, "stalled at the old leader", slow.Result, wire.RequestTimedOut)
		wantCode(t, "at the new leader", b.produce("a", 0, "2"), wire.None)
	})
}

func TestLostConnection(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1)
		wantCode(t, "before", b.produce("a", 0, "0"), wire.None)
		b.cluster.Stall(1, true)
		var batches []*wire.Batch
		var last <-chan int32
		for i := range 8 { // five fit into the window, three stay queued
			var batch *wire.Batch
			batch, last = b.send("a", 0, strconv.Itoa(i+1))
			batches = append(batches, batch)
		}
		synctest.Wait()
		b.cluster.Cut(1)
		<-last
		for i, batch := range batches {
			want := wire.RequestTimedOut
			if i >= 5 {
				want = wire.NotLeaderOrFollower // never sent
			}
			wantCode(t, fmt.Sprint("batch ", i), batch.Result, want)
		}
		wantCode(t, "right behind the failed ones", b.produce("a", 0, "late"), wire.NotLeaderOrFollower)
		b.cluster.Stall(1, false)
		bubble.Advance(time.Second)
		wantCode(t, "after the back-off", b.produce("a", 0, "1"), wire.None)
	})
}

// A connection that the broker closes while nothing is in flight costs no batch.
func TestIdleConnectionClosed(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		for i := range 3 {
			wantCode(t, "produce", b.produce("a", 0, strconv.Itoa(i)), wire.None)
			b.cluster.Cut(1)
			synctest.Wait()
		}
		if dials, _ := b.cluster.Calls(); dials != 3 {
			t.Errorf("%d dials, want 3", dials)
		}
	})
}

// A hung broker is given up for a client when its time is over, or somewhat later: what another client would wait for it does not
// matter.
func TestStalledBroker(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[time.Duration]time.Duration{
		time.Second:      7500 * time.Millisecond, // a quarter of request.timeout.ms, 30 s
		10 * time.Second: 12 * time.Second,
		29 * time.Second: 30 * time.Second,
		30 * time.Second: 30 * time.Second,
		45 * time.Second: 45 * time.Second,
		time.Hour:        time.Minute, // socket.timeout.ms
	} {
		inBubble(t, 1, func(b *bench) {
			b.cluster.CreateTopic("a", 1)
			wantCode(t, "before", b.produce("a", 0, "0"), wire.None)
			b.cluster.Stall(1, true)
			start := time.Now()
			batch, done := &wire.Batch{Topic: "a", Records: []byte("1")}, make(chan int32, 1)
			b.way.Produce(b.fences, []*wire.Batch{batch}, -1, int32(timeout/time.Millisecond), func(n int32) { done <- n })
			<-done
			wantCode(t, "stalled", batch.Result, wire.RequestTimedOut)
			if waited := time.Since(start); waited < want || waited > want+sweep {
				t.Errorf("a client with a timeout of %v was answered after %v, want %v", timeout, waited, want)
			}
		})
	}
}

func TestUnreachableBroker(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.Down(1, true)
		for range 1000 { // a client that retries ten times a second for 100 seconds
			wantCode(t, "unreachable", b.produce("a", 0, "0"), wire.NotLeaderOrFollower)
			bubble.Advance(100 * time.Millisecond)
		}
		if dials, _ := b.cluster.Calls(); dials > 20 {
			t.Errorf("%d dials in 100 s, want the back-off to keep them under 20", dials)
		}
		b.cluster.Down(1, false)
		bubble.Advance(10 * time.Second)
		wantCode(t, "back again", b.produce("a", 0, "0"), wire.None)
	})
}

// Close waits for what is in flight and fails what cannot be answered any more.
func TestCloseAnswersEverything(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		wantCode(t, "before", b.produce("a", 0, "0"), wire.None)
		b.cluster.Stall(1, true)
		batch, done := b.send("a", 0, "1")
		go func() {
			bubble.Advance(time.Second)
			b.cluster.Stall(1, false)
		}()
		b.way.Close(b.t.Context())
		<-done
		wantCode(t, "in flight at Close", batch.Result, wire.None)
		wantCode(t, "after Close", b.produce("a", 0, "2"), wire.NotLeaderOrFollower)
	})
}

// TestNothingKeepsABatch has a request of many partitions answered: what is known of the partitions later must not keep its
// batches, which point into the client's frame.
func TestNothingKeepsABatch(t *testing.T) {
	t.Parallel()
	cluster := upstreamtest.New(1)
	cluster.Sockets()
	cluster.CreateTopic("a", 1, 1)
	way := newWay(settings(), cluster, new(cork.Cork))
	defer cluster.Cut(1)
	defer way.Close(t.Context())

	forgotten := make(chan struct{})
	func() {
		frame := make([]byte, 1<<20)
		runtime.AddCleanup(&frame[0], func(c chan struct{}) { close(c) }, forgotten)
		batches := []*wire.Batch{{Topic: "a", Partition: 0, Records: frame}, {Topic: "a", Partition: 1, Records: frame}}
		done := make(chan struct{})
		way.Produce(new(order.Fences), batches, -1, patience, func(int32) {
			if code := batches[0].Result.Code; code != wire.None {
				t.Errorf("produce: %s", code)
			}
			close(done)
		})
		<-done
	}()
	for {
		runtime.GC()
		select {
		case <-forgotten:
			return
		case <-t.Context().Done():
			t.Fatal("the batch is still there")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
