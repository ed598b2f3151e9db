package upstream_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// dialled is a cluster's client that notes which brokers are dialled.
type dialled struct {
	*upstreamtest.Cluster

	mu    sync.Mutex
	addrs []string
}

func (d *dialled) Dial(ctx context.Context, addr string) (link.Conn, error) {
	d.mu.Lock()
	d.addrs = append(d.addrs, addr)
	d.mu.Unlock()
	return d.Cluster.Dial(ctx, addr)
}

// want compares what was dialled since the last time.
func (d *dialled) want(t *testing.T, what string, addrs ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addrs = slices.DeleteFunc(d.addrs, func(a string) bool { return a == "bootstrap:1" })
	if diff := cmp.Diff(addrs, d.addrs); diff != "" {
		t.Errorf("%s: dialled (-want +got):\n%s", what, diff)
	}
	d.addrs = nil
}

// forget forgets what was dialled.
func (d *dialled) forget() {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addrs = nil
}

// withDialled runs f in a bubble with a cluster of three brokers: the topic a is led by the second and the third.
func withDialled(t *testing.T, f func(b *bench, d *dialled)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &dialled{Cluster: upstreamtest.New(3)}
		d.CreateTopic("a", 2, 3)
		b := &bench{t: t, cluster: d.Cluster, fences: new(order.Fences), stats: statstest.New("c1")}
		b.way = upstream.New(settings(), d, upstream.Thread{Cork: new(cork.Cork)}, b.stats.Cluster("c1"), slog.New(slog.DiscardHandler))
		f(b, d)
		b.way.Close(b.t.Context())
		for id := range int32(3) {
			d.Cut(id + 1)
		}
	})
}

// call asks a broker for the cluster's metadata, and returns how many brokers it named.
func (b *bench) call(to target.Broker) (brokers int, err error) {
	done := make(chan struct{})
	b.way.Call(to, kmsg.NewPtrMetadataRequest(), 9, func(r kmsg.Response, e error) {
		if err = e; err == nil {
			brokers = len(r.(*kmsg.MetadataResponse).Brokers)
		}
		close(done)
	})
	<-done
	return brokers, err
}

// A call reaches the broker that it is for, on a link that calls share and lanes do not.
func TestCall(t *testing.T) {
	t.Parallel()
	withDialled(t, func(b *bench, d *dialled) {
		for _, tc := range []struct {
			to    target.Broker
			dials []string
		}{
			{target.Node(2), []string{"2:9092"}},
			{target.Node(2), nil},
			{target.Leader("a", 0), nil},
			{target.Leader("a", 1), []string{"3:9092"}},
			{target.Controller(), []string{"1:9092"}},
			{target.Any(), nil},
		} {
			if n, err := b.call(tc.to); n != 3 || err != nil {
				t.Errorf("%s: %d brokers, %v; want 3", tc.to, n, err)
			}
			d.want(t, tc.to.String(), tc.dials...)
		}
		wantCode(t, "produce", b.produce("a", 0, "x"), wire.None)
		d.want(t, "a lane", "2:9092")
		for _, to := range []target.Broker{target.Node(9), target.Leader("a", 2), target.Leader("none", 0)} {
			if _, err := b.call(to); err == nil {
				t.Errorf("%s: no error", to)
			}
			d.want(t, to.String())
		}
		d.Move("a", 0, 1)
		wantCode(t, "produce to the old leader", b.produce("a", 0, "x"), wire.NotLeaderOrFollower)
		synctest.Wait()
		if _, err := b.call(target.Leader("a", 0)); err != nil {
			t.Errorf("the new leader: %v", err)
		}
		d.want(t, "the new leader, whose link is there")
	})
}

// The links of calls end when they are idle, and are replaced when what they are made from is.
func TestLinksOfCalls(t *testing.T) {
	t.Parallel()
	withDialled(t, func(b *bench, d *dialled) {
		call := func(what string, dials ...string) {
			t.Helper()
			if _, err := b.call(target.Node(1)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			d.want(t, what, dials...)
		}
		call("first", "1:9092")
		bubble.Advance(59 * time.Second)
		call("soon")
		bubble.Advance(59 * time.Second)
		call("soon again")
		bubble.Advance(61 * time.Second)
		call("late", "1:9092")
		d.Cut(1)
		synctest.Wait()
		call("after it was cut", "1:9092")
		d.Replace()
		call("after a renewal", "1:9092")
		d.Sessions(10 * time.Second)
		d.Replace()
		call("whose login ends", "1:9092")
		bubble.Advance(11 * time.Second)
		call("whose login has ended", "1:9092")
	})
}

// A call fails when its broker cannot be reached, does not answer, or goes away.
func TestCallsThatFail(t *testing.T) {
	t.Parallel()
	withDialled(t, func(b *bench, d *dialled) {
		d.Refuse(1, true)
		if _, err := b.call(target.Node(1)); err == nil {
			t.Error("a broker that refuses connections: no error")
		}
		d.Refuse(1, false)
		d.Stall(1, true)
		begin := time.Now()
		if _, err := b.call(target.Node(1)); err == nil || time.Since(begin) > 31*time.Second {
			t.Errorf("a broker that hangs: %v after %s, want a failure after 30 s", err, time.Since(begin))
		}
		time.AfterFunc(time.Second, func() { d.Cut(1) })
		begin = time.Now()
		if _, err := b.call(target.Node(1)); err == nil || time.Since(begin) != time.Second {
			t.Errorf("a broker that goes away: %v after %s, want a failure after 1 s", err, time.Since(begin))
		}
		closing := make(chan error, 1)
		b.way.Call(target.Node(1), kmsg.NewPtrMetadataRequest(), 9, func(_ kmsg.Response, err error) { closing <- err })
		synctest.Wait()
		b.way.Close(b.t.Context())
		if err := <-closing; err == nil {
			t.Error("closed: no error")
		}
		if _, err := b.call(target.Node(1)); err == nil {
			t.Error("after it was closed: no error")
		}
		d.Stall(1, false)
	})
	withDialled(t, func(b *bench, d *dialled) {
		d.Silence(true)
		for range 2 {
			if _, err := b.call(target.Node(1)); err == nil {
				t.Error("a cluster that is away: no error")
			}
		}
		d.Silence(false)
	})
}

// While no broker of a cluster answers, calls fail at once, and do not wait for a connection each; soon after it is back they do not.
func TestCallsOfAClusterThatIsDown(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(d *dialled, on bool){
		"away": func(d *dialled, on bool) {
			for id := range int32(3) {
				d.Down(id+1, on)
			}
			d.DelayDials(0)
			if on {
				d.DelayDials(10 * time.Second)
			}
		},
		"hanging": func(d *dialled, on bool) {
			for id := range int32(3) {
				d.Stall(id+1, on)
			}
			d.Silence(on)
		},
	} {
		withDialled(t, func(b *bench, d *dialled) {
			if _, err := b.call(target.Node(1)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			fail(d, true)
			b.way.Doubt(target.Any())
			go func() { _, _ = b.call(target.Node(1)) }()
			bubble.Advance(time.Minute)
			for _, to := range []target.Broker{target.Node(1), target.Node(2), target.Any(), target.Coordinator("g"), target.Controller()} {
				begin := time.Now()
				if _, err := b.call(to); err == nil || time.Since(begin) > 0 {
					t.Errorf("%s: a call of %s: %v after %s, want a failure at once", name, to, err, time.Since(begin))
				}
			}
			fail(d, false)
			begin := time.Now()
			for {
				if _, err := b.call(target.Node(1)); err == nil {
					break
				}
				bubble.Advance(time.Second)
			}
			if took := time.Since(begin); took > 31*time.Second {
				t.Errorf("%s: the cluster is asked again after %s", name, took)
			}
		})
	}
}

// client is the owner of a link.
type client struct {
	ready, ended chan struct{}
	once         sync.Once
	err          error
}

func (c *client) Ready(*link.Link) { c.once.Do(func() { close(c.ready) }) }
func (c *client) Answering()       {}
func (c *client) Answered()        {}
func (c *client) Ended(err error) {
	c.err = err
	close(c.ended)
}

// A link of a caller's own is nobody else's, and ends with the cluster at the latest.
func TestOpen(t *testing.T) {
	t.Parallel()
	withDialled(t, func(b *bench, d *dialled) {
		open := func(to target.Broker) (*client, *link.Link) {
			c := &client{ready: make(chan struct{}), ended: make(chan struct{})}
			return c, b.way.Open(to, c)
		}
		first, l := open(target.Leader("a", 1))
		second, _ := open(target.Leader("a", 1))
		<-first.ready
		<-second.ready
		d.want(t, "two links", "3:9092", "3:9092")
		answered := make(chan error, 1)
		done := func(_ kmsg.Response, err error) { answered <- err }
		d.Stall(3, true)
		if err := l.Send(&link.Request{Body: kmsg.NewPtrMetadataRequest(), Most: 9, Done: done}); err != nil {
			t.Fatal(err)
		}
		bubble.Advance(10 * time.Minute) // nobody says when it is due
		d.Stall(3, false)
		if err := <-answered; err != nil {
			t.Errorf("an answer that takes long: %v", err)
		}
		l.Close(context.Canceled)
		<-first.ended
		nowhere, _ := open(target.Node(9))
		<-nowhere.ended
		if nowhere.err == nil {
			t.Error("a link to a broker that there is not: no error")
		}
		b.way.Close(b.t.Context())
		<-second.ended
	})
}
