package upstream_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// The places where a faulty cluster panics.
const (
	inDial     = "dial"
	inMetadata = "metadata"
	inWatch    = "watch"
	inRead     = "read"
	inWrite    = "write"
	inHangUp   = "hang up"
)

// faulty is a cluster's client, and the connections that it makes, with a bug in one place that shows a number of times.
type faulty struct {
	upstream.Client

	place string
	left  atomic.Int32
}

func (f *faulty) Dial(ctx context.Context, addr string) (link.Conn, error) {
	f.bug(inDial)
	l, err := f.Client.Dial(ctx, addr)
	if err != nil {
		return l, err
	}
	hangUp := l.Close
	l.Conn = faultyConn{l.Conn, f}
	l.Close = func() { hangUp(); f.bug(inHangUp) }
	return l, nil
}

func (f *faulty) Watch(ctx context.Context, changed func()) {
	f.bug(inWatch)
	f.Client.Watch(ctx, changed)
}

func (f *faulty) bug(place string) {
	if f.place == place && f.left.Add(-1) >= 0 {
		panic("bug in " + place)
	}
}

type faultyConn struct {
	net.Conn

	f *faulty
}

func (c faultyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.f.bug(inRead)
	return n, err
}

func (c faultyConn) Write(p []byte) (int, error) {
	c.f.bug(inWrite)
	if len(p) > 6 && wire.APIKey(binary.BigEndian.Uint16(p[4:])) == wire.KeyMetadata {
		c.f.bug(inMetadata)
	}
	return c.Conn.Write(p)
}

// withFaulty runs f with a way into a faulty cluster.
func withFaulty(t *testing.T, place string, f func(b *bench, cluster *faulty)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, cluster: upstreamtest.New(1), fences: new(order.Fences), stats: statstest.New("c1")}
		b.cluster.CreateTopic("a", 1, 1)
		cluster := &faulty{Client: b.cluster, place: place}
		b.way = upstream.New(settings(), cluster, upstream.Thread{Cork: new(cork.Cork)}, b.stats.Cluster("c1"), slog.New(slog.DiscardHandler))
		f(b, cluster)
		b.way.Close(t.Context())
		b.cluster.Cut(1)
		statstest.AtRest(t, b.stats)
	})
}

func (b *bench) panics() int64 {
	synctest.Wait()
	return statstest.Value(b.t, b.stats, "panics_recovered")
}

// wantAnswered waits for what is in flight, for a minute.
func (b *bench) wantAnswered(what string, done <-chan int32) {
	b.t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		b.t.Errorf("%s: not answered within a minute", what)
	}
}

// TestPanics has a bug in everything that the upstream path calls. It is counted, whatever is in flight is answered, and it goes on.
func TestPanics(t *testing.T) {
	t.Parallel()
	for _, place := range []string{inDial, inMetadata, inRead, inWrite, inHangUp, inWatch} {
		for _, fresh := range []bool{true, false} {
			t.Run(place, func(t *testing.T) {
				t.Parallel()
				const bugs = 3
				withFaulty(t, place, func(b *bench, cluster *faulty) {
					if !fresh {
						b.produce("a", 0, "before")
					}
					cluster.left.Store(bugs)
					for range 10 * bugs {
						_, one := b.send("a", 0, "one")
						_, other := b.send("a", 1, "other")
						listed := make(chan int32, 1)
						b.way.Topics(nil, false, func([]wire.Topic) { listed <- 0 })
						b.cluster.Replace()
						b.wantAnswered("one", one)
						b.wantAnswered("other", other)
						b.wantAnswered("topics", listed)
						bubble.Advance(time.Minute)
					}
					want := int64(bugs)
					if place == inWatch && !fresh { // it is called once, and had begun
						want = 0
					}
					if got := b.panics(); got != want || cluster.left.Load() > int32(bugs-want) {
						t.Errorf("panics_recovered = %d, want %d", got, want)
					}
					wantCode(t, "afterwards", b.produce("a", 0, "after"), wire.None)
				})
			})
		}
	}
}

// TestPanicOfWhoIsTold has a bug in a client's own part: it is not that of the others whose batches or questions went along.
func TestPanicOfWhoIsTold(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1, 1)
		b.produce("a", 0, "before")
		b.cluster.Stall(1, true)
		batch := func(partition int32) []*wire.Batch {
			return []*wire.Batch{{Topic: "a", Partition: partition, Records: []byte("x")}}
		}
		bug := func(int32) { panic("bug") }
		b.way.Produce(b.fences, batch(0), -1, 1000, bug)
		b.way.Produce(b.fences, batch(1), -1, 1000, bug)
		_, done := b.send("a", 2, "good")
		b.cluster.Stall(1, false)
		b.wantAnswered("good", done)
		release := b.cluster.HoldMetadata()
		b.way.Topics(nil, false, func([]wire.Topic) { panic("bug") })
		listed := make(chan int32, 1)
		b.way.Topics(nil, false, func([]wire.Topic) { listed <- 0 })
		release()
		b.wantAnswered("topics", listed)
		if got := b.panics(); got != 3 {
			t.Errorf("panics_recovered = %d, want 3", got)
		}
	})
}

// TestPanicUnderTheMutex has a bug while the lanes' mutex is held, on the goroutine of who calls. That one meets it; nobody else
// finds the mutex locked.
func TestPanicUnderTheMutex(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, cluster: upstreamtest.New(1), fences: new(order.Fences)}
		b.cluster.CreateTopic("a", 1)
		b.way = newWay(settings(), b.cluster, new(cork.Cork))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			b.way.Produce(b.fences, []*wire.Batch{nil}, -1, 1000, func(int32) {})
		}()
		wantCode(t, "afterwards", b.produce("a", 0, "x"), wire.None)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // the batch that was no batch is waited for
		defer cancel()
		b.way.Close(ctx)
		b.cluster.Cut(1)
	})
}
