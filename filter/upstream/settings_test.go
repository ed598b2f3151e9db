package upstream_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// A connection whose login ends is replaced before, and no batch notices.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.Sessions(10 * time.Second)
		var want []string
		for i := range 50 {
			want = append(want, strconv.Itoa(i))
			wantCode(t, "produce", b.produce("a", 0, want[i]), wire.None)
			bubble.Advance(time.Second)
		}
		b.wantStored(0, want...)
		if n := b.metric("connections"); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
		if dials, _ := b.cluster.Calls(); dials != 6 {
			t.Errorf("%d dials in 50 s, want 6", dials)
		}
	})
}

// A connection that is replaced gets its answers first; what comes meanwhile goes to the new one, after them.
func TestReplaced(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		wantCode(t, "first", b.produce("a", 0, "0"), wire.None)
		b.cluster.Stall(1, true)
		first, done := b.send("a", 0, "1")
		synctest.Wait()
		b.cluster.Replace()
		b.cluster.Replace() // while the first is under way
		synctest.Wait()
		second, done2 := b.send("a", 0, "2")
		synctest.Wait()
		b.cluster.Stall(1, false)
		<-done
		<-done2
		wantCode(t, "in flight", first.Result, wire.None)
		wantCode(t, "behind it", second.Result, wire.None)
		b.wantStored(0, "0", "1", "2")
		if dials, _ := b.cluster.Calls(); dials != 2 {
			t.Errorf("%d dials, want 2", dials)
		}
	})
}

// While no new connection can be made the old one goes on.
func TestReplacedInVain(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		wantCode(t, "first", b.produce("a", 0, "0"), wire.None)
		b.cluster.Refuse(1, true)
		b.cluster.Replace()
		bubble.Advance(time.Minute)
		wantCode(t, "on the old connection", b.produce("a", 0, "1"), wire.None)
		b.cluster.Refuse(1, false)
		bubble.Advance(time.Minute)
		wantCode(t, "on the new one", b.produce("a", 0, "2"), wire.None)
		b.wantStored(0, "0", "1", "2")
		if dials, _ := b.cluster.Calls(); dials < 5 || dials > 15 {
			t.Errorf("%d dials in two minutes, want a handful", dials)
		}
	})
}

func TestMaxIdle(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxIdle = 10 * time.Second
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		for range 3 {
			wantCode(t, "produce", b.produce("a", 0, "x"), wire.None)
			bubble.Advance(9 * time.Second)
		}
		if dials, _ := b.cluster.Calls(); dials != 1 || b.metric("connections") != 1 {
			t.Errorf("%d dials, %d connections while it is used; want one", dials, b.metric("connections"))
		}
		bubble.Advance(10 * time.Second)
		if n := b.metric("connections"); n != 0 {
			t.Errorf("%d connections after ten idle seconds, want none", n)
		}
		wantCode(t, "produce", b.produce("a", 0, "x"), wire.None)
	})
}

func TestAnswerTimeout(t *testing.T) {
	t.Parallel()
	s := settings()
	s.AnswerTimeout = 3 * time.Second
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.Stall(1, true)
		start := time.Now()
		wantCode(t, "produce", b.produce("a", 0, "x"), wire.RequestTimedOut)
		if waited := time.Since(start); waited > 4*time.Second {
			t.Errorf("it took %v, want 3 s and a little", waited)
		}
		b.cluster.Stall(1, false)
	})
}

func TestMessageTimeout(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MessageTimeout = 2 * time.Second
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.Stall(1, true)
		start := time.Now()
		wantCode(t, "produce", b.produce("a", 0, "x"), wire.RequestTimedOut)
		if waited := time.Since(start); waited > 3*time.Second {
			t.Errorf("it took %v, want 2 s and a little", waited)
		}
		b.cluster.Stall(1, false)
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Window = 1
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.Stall(1, true)
		_, done := b.send("a", 0, "1")
		_, done2 := b.send("a", 0, "2")
		synctest.Wait()
		if n := b.metric("batches"); n != 1 {
			t.Errorf("%d batches sent, want 1", n)
		}
		b.cluster.Stall(1, false)
		<-done
		<-done2
	})
}

func TestMaxMessageBytes(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxMessageBytes = 10
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		wantCode(t, "ten bytes", b.produce("a", 0, strings.Repeat("x", 10)), wire.None)
		wantCode(t, "eleven bytes", b.produce("a", 0, strings.Repeat("x", 11)), wire.MessageTooLarge)
	})
}

func TestNoAutoCreate(t *testing.T) {
	t.Parallel()
	s := settings()
	s.NoAutoCreate = true
	inBubbleWith(t, 1, s, func(b *bench) {
		got := make(chan []wire.Topic, 1)
		b.way.Topics([]string{"new"}, true, func(topics []wire.Topic) { got <- topics })
		if topics := <-got; topics[0].Code != wire.UnknownTopicOrPartition {
			t.Errorf("topic %+v, want it unknown", topics[0])
		}
	})
}

// A broker that moves to another address is followed, without a batch noticing.
func TestReaddressed(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		wantCode(t, "before", b.produce("a", 0, "0"), wire.None)
		b.cluster.Readdress(1, "elsewhere")
		bubble.Advance(6 * time.Minute) // metadata is refreshed
		wantCode(t, "after", b.produce("a", 0, "1"), wire.None)
		if dials, _ := b.cluster.Calls(); dials != 2 || b.metric("connections") != 1 {
			t.Errorf("%d dials, %d connections; want 2 and 1", dials, b.metric("connections"))
		}
		b.wantStored(0, "0", "1")
	})
}

// Batches of a partition that would wait for long for those of other clients take further connections, and those end when they have
// nothing to do.
func TestConnectionsPerBroker(t *testing.T) {
	t.Parallel()
	for _, allowed := range []int{1, 3} {
		s := settings()
		s.ConnectionsPerBroker, s.Window = allowed, 1
		inBubbleWith(t, 1, s, func(b *bench) {
			b.cluster.CreateTopic("a", 1)
			b.produce("a", 0, "warm")
			b.cluster.Delay(1, 100*time.Millisecond, 0) // a broker works on one request of a connection at a time
			start := time.Now()
			var waiting []<-chan int32
			for i := range 32 {
				batch, done := &wire.Batch{Topic: "a", Records: []byte(strconv.Itoa(i))}, make(chan int32, 1)
				b.way.Produce(new(order.Fences), []*wire.Batch{batch}, -1, 30_000, func(n int32) { done <- n })
				waiting = append(waiting, done)
				if i == 3 && b.metric("connections") != 1 {
					t.Errorf("%d connections after the first clients, want 1", b.metric("connections"))
				}
				bubble.Advance(40 * time.Millisecond)
			}
			for _, done := range waiting {
				<-done
			}
			took, one := time.Since(start), 32*100*time.Millisecond
			if took < one != (allowed > 1) {
				t.Errorf("32 clients of a partition took %v with %d connections; one connection takes %v", took, allowed, one)
			}
			if n := b.metric("connections"); n != int64(allowed) {
				t.Errorf("%d connections, want %d", n, allowed)
			}
			bubble.Advance(3 * time.Minute)
			if n := b.metric("connections"); n != 1 {
				t.Errorf("%d connections after a rest, want 1", n)
			}
		})
	}
}

// A client's batches of a partition stay on one connection while one of them is on its way, whatever else is queued.
func TestOneClientKeepsToOneConnection(t *testing.T) {
	t.Parallel()
	s := settings()
	s.ConnectionsPerBroker, s.Window = 3, 1
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "warm")
		b.cluster.Delay(1, 100*time.Millisecond, 0)
		var want []string
		var waiting []<-chan int32
		for i := range 8 {
			_, done := b.send("a", 0, strconv.Itoa(i))
			waiting = append(waiting, done)
			want = append(want, strconv.Itoa(i))
			synctest.Wait()
		}
		for _, done := range waiting {
			<-done
		}
		b.wantStored(0, append([]string{"warm"}, want...)...)
	})
}
