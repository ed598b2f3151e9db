package health_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is what is known of a scripted cluster of three brokers.
type bench struct {
	*health.Cluster

	t       *testing.T
	cluster *upstreamtest.Cluster
	dialler *dialler
	set     *stats.Set
	log     *lines
}

// dialler dials a scripted cluster, unless it is told what to say instead.
type dialler struct {
	upstream.Client

	mu    sync.Mutex
	says  error         // in place of a connection
	takes time.Duration // to say so
	bug   bool
}

func (d *dialler) Dial(ctx context.Context, addr string) (link.Conn, error) {
	d.mu.Lock()
	says, takes, bug := d.says, d.takes, d.bug
	d.bug = false
	d.mu.Unlock()
	if bug {
		panic("bug")
	}
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return link.Conn{}, &link.BrokerError{Doing: "connect to", Addr: addr, Err: context.Cause(ctx)}
		}
	}
	if says != nil {
		return link.Conn{}, &link.BrokerError{Doing: "connect to", Addr: addr, Err: says}
	}
	return d.Client.Dial(ctx, addr)
}

func (d *dialler) say(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.says = err
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take is what was logged since the last time, without its time.
func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for line := range strings.Lines(l.text.String()) {
		all = append(all, strings.TrimSuffix(line, "\n"))
	}
	l.text.Reset()
	return all
}

// inBubble runs f in fake time, with a cluster that nobody watches yet.
func inBubble(t *testing.T, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, cluster: upstreamtest.New(3), set: statstest.New("c1"), log: &lines{}}
		b.dialler = &dialler{Client: b.cluster}
		log := b.logger()
		s := upstream.Settings{Name: "c1", BootstrapServers: []string{"1:9092", "2:9092", "3:9092"}, ClientID: "test"}
		panics := guard.Panics{Caught: func(where string, reason any, _ []byte) { log.Error("panic", "in", where, "panic", reason) }}
		b.Cluster = health.New(s, b.set.Cluster("c1"), log, panics)
		f(b)
		b.Close()
		for id := range int32(3) {
			b.cluster.Cut(id + 1)
		}
		bubble.Advance(time.Minute) // for answers that nobody waits for any more
		if raised := statstest.Raised(b.set); len(raised) > 0 {
			t.Errorf("gauges at the end: %v, want none", raised)
		}
	})
}

// logger logs without what differs.
func (b *bench) logger() *slog.Logger {
	timeless := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "cluster" {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{ReplaceAttr: timeless}))
}

// watch has the cluster watched, and waits for what comes of it at once.
func (b *bench) watch() {
	b.Watch(b.dialler)
	synctest.Wait()
}

// want looks at the state and at the gauge.
func (b *bench) want(state health.State) {
	b.t.Helper()
	synctest.Wait()
	if got := b.Snapshot().State; got != state {
		b.t.Errorf("after %s: %s, want %s", b.age(), got, state)
	}
	reachable := int64(0)
	if state == health.Reachable {
		reachable = 1
	}
	b.value("reachable", reachable)
}

// value looks at a metric.
func (b *bench) value(name string, want int64) {
	b.t.Helper()
	if got := statstest.Value(b.t, b.set, "cluster.c1."+name); got != want {
		b.t.Errorf("after %s: %s is %d, want %d", b.age(), name, got, want)
	}
}

// wantLog wants so many new lines, each with its text.
func (b *bench) wantLog(texts ...string) {
	b.t.Helper()
	synctest.Wait()
	got := b.log.take()
	for i, text := range texts {
		if i >= len(got) || !strings.Contains(got[i], text) {
			b.t.Errorf("after %s: the log says\n%s\nwant\n%s", b.age(), strings.Join(got, "\n"), strings.Join(texts, "\n"))
			return
		}
	}
	if len(got) > len(texts) {
		b.t.Errorf("after %s: the log says besides\n%s", b.age(), strings.Join(got[len(texts):], "\n"))
	}
}

// age is the time in the bubble.
func (b *bench) age() time.Duration { return time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) }
