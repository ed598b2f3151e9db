package upstream_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// Whatever refuses a batch, what its client had sent behind it is not stored before it.
func TestNothingOvertakes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault func(b *bench) // after "zero" is stored, before "one" comes
		mend  func(b *bench) // after "one" has been refused
	}{
		{"a leader that has moved", func(b *bench) { b.cluster.Move("a", 0, 2) }, func(*bench) {}},
		{"a broker's answer", func(b *bench) { b.cluster.Answer("a", 0, wire.NotEnoughReplicas) }, func(*bench) {}},
		{"a topic that is gone", func(b *bench) { b.cluster.DeleteTopic("a") }, func(b *bench) { b.cluster.CreateTopic("a", 1) }},
		{"a connection that is lost", func(b *bench) {
			b.cluster.Stall(1, true)
			time.AfterFunc(time.Millisecond, func() { b.cluster.Cut(1); b.cluster.Stall(1, false) })
		}, func(*bench) { bubble.Advance(150 * time.Millisecond) }},
		{"a broker that is down", func(b *bench) { b.cluster.Down(1, true) }, func(b *bench) {
			b.cluster.Down(1, false)
			bubble.Advance(10 * time.Second)
		}},
		{"a broker that does not answer", func(b *bench) { b.cluster.Stall(1, true) }, func(b *bench) {
			b.cluster.Stall(1, false)
			bubble.Advance(10 * time.Second)
		}},
		{"no leader", func(b *bench) { b.cluster.Move("a", 0, -1); bubble.Advance(16 * time.Minute) }, func(b *bench) {
			b.cluster.Move("a", 0, 1)
			b.way.Topics([]string{"a"}, false, func([]wire.Topic) {})
			synctest.Wait()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, 2, func(b *bench) {
				b.cluster.CreateTopic("a", 1)
				b.produce("a", 0, "warm")
				tc.fault(b)
				one := string(idempotent(1, 0))
				two := string(idempotent(1, 1))
				if r := b.produce("a", 0, one); r.Code == wire.None || !r.Code.Transient() {
					t.Fatalf("the first batch: %s, want a code that its client retries", r.Code)
				}
				tc.mend(b)
				if r := b.produce("a", 0, two); !r.Code.Transient() {
					t.Errorf("a batch that was sent behind it: %s, want a code that its client retries", r.Code)
				}
				for _, records := range []string{one, two} {
					b.produceUntilStored(0, records)
				}
			})
		})
	}
}

// A broker refuses one batch of three that are on their way to it, and finds the others out of order: they come again behind that one,
// and their client hears of no gap, which could make it begin anew.
func TestNoGapBehindWhatIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, string(idempotent(1, 0)))
		b.cluster.Stall(1, true)
		b.cluster.Answer("a", 0, wire.NotEnoughReplicas)
		var batches []*wire.Batch
		var waiting []<-chan int32
		for n := range int32(3) {
			batch, done := b.send("a", 0, string(idempotent(1, 1+n)))
			synctest.Wait() // each goes in a request of its own
			batches, waiting = append(batches, batch), append(waiting, done)
		}
		if n := len(b.cluster.Requests()); n != 4 {
			t.Fatalf("%d requests are with the broker, want 4", n)
		}
		b.cluster.Stall(1, false)
		for i, want := range []wire.ErrorCode{wire.NotEnoughReplicas, wire.NotLeaderOrFollower, wire.NotLeaderOrFollower} {
			<-waiting[i]
			wantCode(t, fmt.Sprint("number ", 1+i), batches[i].Result, want)
		}
		b.produce("a", 0, string(idempotent(1, 1)))
		wantCode(t, "a batch with a gap before it", b.produce("a", 0, string(idempotent(1, 3))), wire.OutOfOrderSequenceNumber)
	})
}

// idempotent is a batch of one record.
func idempotent(producer int64, sequence int32) []byte {
	b := wiretest.Batch{Records: wiretest.Records(1, 10), Producer: &wiretest.Producer{ID: producer, Sequence: sequence}}
	return b.Bytes()
}

// produceUntilStored retries for as long as a client would.
func (b *bench) produceUntilStored(partition int32, records string) {
	b.t.Helper()
	for range 100 {
		switch r := b.produce("a", partition, records); {
		case r.Code == wire.None:
			return
		case !r.Code.Transient():
			b.t.Fatalf("%s %s", r.Code, r.Message)
		}
		bubble.Advance(time.Second)
	}
	b.t.Fatal("never stored")
}

// What a producer sends behind its first batch waits until that is stored: a broker that refused the first would take the next for it.
func TestNothingIsSentBehindAFirstBatch(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "warm")
		b.cluster.Answer("a", 0, wire.NotEnoughReplicas)
		records := []string{string(idempotent(1, 0)), string(idempotent(1, 1)), string(idempotent(1, 2))}
		for _, want := range [][]wire.ErrorCode{{wire.NotEnoughReplicas, wire.NotLeaderOrFollower, wire.NotLeaderOrFollower}, {wire.None, wire.None, wire.None}} {
			var batches []*wire.Batch
			var waiting []<-chan int32
			for _, r := range records {
				batch, done := b.send("a", 0, r)
				batches, waiting = append(batches, batch), append(waiting, done)
			}
			other, done := b.send("a", 0, string(idempotent(2, 7)))
			for _, done := range append(waiting, done) {
				<-done
			}
			for i, batch := range batches {
				wantCode(t, fmt.Sprint("number ", i), batch.Result, want[i])
			}
			wantCode(t, "of another producer", other.Result, wire.None)
		}
		b.wantStored(0, "warm", string(idempotent(2, 7)), records[0], records[1], records[2])
	})
}

// What was held for longer than it might have been queued is not sent any more: its client is about to hang up, and sends it again.
func TestNothingIsSentThatWasHeldForTooLong(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "warm")
		b.cluster.Delay(1, 0, 1500*time.Millisecond)
		first, answered := b.send("a", 0, string(idempotent(1, 0)))
		held, done := b.send("a", 0, string(idempotent(1, 1)))
		behind, last := b.send("a", 0, string(idempotent(1, 2)))
		<-answered
		<-done
		<-last
		wantCode(t, "the first", first.Result, wire.None)
		wantCode(t, "held", held.Result, wire.RequestTimedOut)
		wantCode(t, "behind it", behind.Result, wire.NotLeaderOrFollower)
		b.wantStored(0, "warm", string(idempotent(1, 0)))
		b.cluster.Delay(1, 0, 0)
		wantCode(t, "again", b.produce("a", 0, string(idempotent(1, 1))), wire.None)
		wantCode(t, "again", b.produce("a", 0, string(idempotent(1, 2))), wire.None)
		b.wantStored(0, "warm", string(idempotent(1, 0)), string(idempotent(1, 1)), string(idempotent(1, 2)))
	})
}

// A leader that the cluster does not name any more, while its first lane is full, has no other lanes: what would have taken one is queued.
func TestNoSpareLaneToABrokerThatIsGone(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Window = 1
	inBubbleWith(t, 2, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.CreateTopic("b", 2)
		b.produce("a", 0, "warm")
		b.cluster.Stall(1, true)
		var waiting []<-chan int32
		send := func(topic string) {
			done := make(chan int32, 1)
			b.way.Produce(new(order.Fences), []*wire.Batch{{Topic: topic, Records: []byte("x")}}, -1, 1000, func(n int32) { done <- n })
			waiting = append(waiting, done)
			synctest.Wait()
		}
		send("a") // in flight
		send("a") // queued
		bubble.Advance(time.Second)
		b.cluster.Omit(1, true)
		send("b") // teaches brokers without the leader of a
		send("a")
		b.cluster.Stall(1, false)
		for _, done := range waiting {
			<-done
		}
	})
}

// What is queued behind a batch that is refused is not sent.
func TestNothingOvertakesInTheQueue(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Window = 1
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "warm")
		b.cluster.Answer("a", 0, wire.NotEnoughReplicas)
		b.cluster.Stall(1, true)
		one, done1 := b.send("a", 0, string(idempotent(1, 0)))
		two, done2 := b.send("a", 0, string(idempotent(1, 1)))
		other, done3 := b.send("a", 0, string(idempotent(2, 0)))
		synctest.Wait()
		b.cluster.Stall(1, false)
		<-done1
		<-done2
		<-done3
		wantCode(t, "refused by the broker", one.Result, wire.NotEnoughReplicas)
		wantCode(t, "queued behind it", two.Result, wire.NotLeaderOrFollower)
		wantCode(t, "of another producer", other.Result, wire.None)
	})
}

// A batch that came again before its first try was refused: what is behind it waits no longer than until it is stored.
func TestRefusedWhenItHasComeAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "warm")
		b.cluster.Answer("a", 0, wire.NotEnoughReplicas)
		b.cluster.Stall(1, true)
		one := string(idempotent(1, 0))
		_, done1 := b.send("a", 0, one)
		synctest.Wait()
		again, done2 := b.send("a", 0, one)
		synctest.Wait()
		b.cluster.Stall(1, false)
		<-done1
		<-done2
		wantCode(t, "again", again.Result, wire.None)
		wantCode(t, "behind it", b.produce("a", 0, string(idempotent(1, 1))), wire.None)
	})
}

// What waits in the queue, sent behind the first try of a batch, is not sent before that batch when it has come again.
func TestStaleInTheQueue(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Window = 1
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1)
		b.produce("a", 0, "warm")
		b.cluster.Answer("a", 0, wire.NotEnoughReplicas)
		b.cluster.Delay(1, 0, time.Second)
		one, two := string(idempotent(1, 0)), string(idempotent(1, 1))
		_, done1 := b.send("a", 0, one)
		synctest.Wait()
		_, done := b.send("a", 1, "in between") // in flight while the refused batch comes again
		stale, done2 := b.send("a", 0, two)
		<-done1
		again, done3 := b.send("a", 0, one)
		<-done
		<-done2
		<-done3
		wantCode(t, "queued behind the first try", stale.Result, wire.NotLeaderOrFollower)
		wantCode(t, "the batch again", again.Result, wire.None)
		wantCode(t, "behind it again", b.produce("a", 0, two), wire.None)
	})
}

// A client that waits for ever does not make others wait: a broker that hangs is found by the earliest deadline of all.
func TestEarliestDeadline(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1)
		b.produce("a", 0, "warm")
		b.cluster.Stall(1, true)
		start := time.Now()
		slow := make(chan int32, 1)
		batch := &wire.Batch{Topic: "a", Records: []byte("slow")}
		b.way.Produce(b.fences, []*wire.Batch{batch}, -1, math.MaxInt32, func(n int32) { slow <- n })
		bubble.Advance(time.Second)
		fast, done := b.send("a", 1, "fast")
		<-done
		wantCode(t, "a client with a timeout of a second", fast.Result, wire.RequestTimedOut)
		if waited := time.Since(start); waited > 9*time.Second {
			t.Errorf("it waited %v, want a quarter of the request timeout, 7.5 s", waited)
		}
		<-slow
		b.cluster.Stall(1, false)
	})
}

// A client's own timeout counts for five minutes at most.
func TestLongestTimeout(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		done := make(chan int32, 1)
		b.way.Produce(b.fences, []*wire.Batch{{Topic: "a", Records: []byte("slow")}}, -1, math.MaxInt32, func(n int32) { done <- n })
		<-done
		for _, r := range b.cluster.Requests() {
			if r.TimeoutMillis != 300_000 {
				t.Errorf("the broker may take %d ms, want 300000", r.TimeoutMillis)
			}
		}
	})
}

// What is queued for longer than its client waits is not sent any more: the client sends it again.
func TestLongestQueueing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		timeout int32 // milliseconds
		least   time.Duration
	}{{0, time.Second}, {5_000, 2500 * time.Millisecond}, {30_000, 15 * time.Second}, {120_000, time.Minute}} {
		inBubble(t, 1, func(b *bench) {
			b.cluster.CreateTopic("a", 1)
			b.cluster.DelayDials(10 * time.Minute)
			start := time.Now()
			done := make(chan int32, 1)
			batch := &wire.Batch{Topic: "a", Records: []byte("x")}
			b.way.Produce(b.fences, []*wire.Batch{batch}, -1, tc.timeout, func(n int32) { done <- n })
			<-done
			wantCode(t, "queued for too long", batch.Result, wire.RequestTimedOut)
			if waited := time.Since(start); waited < tc.least || waited > tc.least+sweep {
				t.Errorf("a client with a timeout of %d ms was answered after %v, want %v", tc.timeout, waited, tc.least)
			}
		})
	}
}

// sweep is how late a request past its time may be noticed.
const sweep = time.Second

// A broker that answers steadily keeps its connection, however long the requests wait for it.
func TestSlowBrokerKeepsItsConnection(t *testing.T) {
	t.Parallel()
	s := settings()
	s.RequestTimeout, s.AnswerTimeout = 4*time.Second, 2*time.Second
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "warm")
		b.cluster.Delay(1, 900*time.Millisecond, 0)
		var waiting []<-chan int32
		for i := range 5 { // all are in flight, and the last is answered after 4.5 s
			_, done := b.send("a", 0, strconv.Itoa(i))
			synctest.Wait()
			waiting = append(waiting, done)
		}
		for _, done := range waiting {
			<-done
		}
		if dials, _ := b.cluster.Calls(); dials != 1 {
			t.Errorf("%d connections, want 1", dials)
		}
	})
}

// A client that has nothing on its way to a partition's old leader does not wait for those that have.
func TestMovingIsEachClientsOwn(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "warm")
		b.cluster.Stall(1, true)
		_, hangs := b.send("a", 0, "one")
		synctest.Wait()
		b.cluster.Move("a", 0, 2)
		bubble.Advance(6 * time.Second)
		b.way.Topics([]string{"a"}, false, func([]wire.Topic) {})
		synctest.Wait()
		wantCode(t, "of the client that waits", b.produce("a", 0, "two"), wire.NotLeaderOrFollower)
		other := &wire.Batch{Topic: "a", Records: []byte("other")}
		done := make(chan int32, 1)
		b.way.Produce(new(order.Fences), []*wire.Batch{other}, -1, 1000, func(n int32) { done <- n })
		<-done
		wantCode(t, "of another", other.Result, wire.None)
		b.cluster.Stall(1, false)
		<-hangs
	})
}
