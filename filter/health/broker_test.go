package health_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// One broker of three that is down is said once, and when it is back; the cluster can be reached all the while.
func TestBrokerIsLost(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		worker := b.Client(b.dialler)
		dial := func() {
			if conn, err := worker.Dial(t.Context(), "2:9092"); err == nil {
				conn.Close()
			}
		}
		b.cluster.Refuse(2, true)
		for range 40 { // as lanes do while there are batches
			b.Lost("2:9092", errors.New("EOF"))
			dial()
			bubble.Advance(250 * time.Millisecond)
		}
		b.want(health.Reachable)
		b.wantLog(`level=WARN msg="a broker is out of reach" node=2 address=2:9092 error="connection refused"`)
		if got := b.Snapshot().Brokers[1]; got.Lost.IsZero() || got.Error == "" {
			t.Errorf("%+v, want it lost", got)
		}
		bubble.Advance(time.Hour)
		b.wantLog()
		b.cluster.Refuse(2, false)
		bubble.Advance(4 * time.Second)
		b.wantLog(`level=INFO msg="a broker can be reached again" node=2 address=2:9092 after=1h`)
		if got := b.Snapshot().Brokers[1]; !got.Lost.IsZero() {
			t.Errorf("%+v, want it back", got)
		}
		dial()
		b.want(health.Reachable)
	})
}

// A broker that the cluster does not name any more, and names again when it is back.
func TestBrokerIsOmitted(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		b.cluster.Omit(2, true)
		b.Lost("2:9092", errors.New("EOF"))
		b.cluster.Refuse(2, true)
		bubble.Advance(30 * time.Second)
		b.wantLog(`"a broker is out of reach" node=2 address=2:9092`)
		if n := len(b.Snapshot().Brokers); n != 2 {
			t.Errorf("%d brokers, want 2", n)
		}
		b.cluster.Omit(2, false)
		b.cluster.Refuse(2, false)
		bubble.Advance(20 * time.Second)
		b.wantLog(`"a broker can be reached again" node=2`)
		b.Lost("2:9092", errors.New("EOF"))
		b.cluster.Omit(2, true)
		b.cluster.Refuse(2, true)
		bubble.Advance(2 * time.Hour) // it is no part of the cluster any more
		b.log.take()
		b.cluster.Omit(2, false)
		b.cluster.Refuse(2, false)
		bubble.Advance(time.Minute)
		b.wantLog()
	})
}

// What is over before anybody could act on it is not said, but for connections that took batches with them.
func TestShortTrouble(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		worker := b.Client(b.dialler)
		again := func() {
			conn, err := worker.Dial(t.Context(), "3:9092")
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
		b.cluster.Refuse(3, true)
		if _, err := worker.Dial(t.Context(), "3:9092"); err == nil {
			t.Fatal("the broker takes connections")
		}
		b.cluster.Refuse(3, false)
		again()
		bubble.Advance(10 * time.Second)
		b.wantLog()
		b.Lost("3:9092", errors.New("cut")) // and nobody needs it any more
		bubble.Advance(10 * time.Second)
		b.wantLog(`there is another now" node=3 address=3:9092 error=cut`)
		bubble.Advance(time.Minute)
		for range 30 {
			b.Lost("3:9092", errors.New("a request is past its time"))
			again()
			bubble.Advance(5 * time.Second)
		}
		b.wantLog("a broker's connection ended with batches on it; there is another now", "times=", "times=")
	})
}
