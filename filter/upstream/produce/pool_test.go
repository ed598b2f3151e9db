package produce_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/produce"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// What a pool does is tested through the cluster that it belongs to, in package upstream.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Names that nobody knows are not kept while the cluster cannot be asked for them.
func TestOutageKeepsNoNames(t *testing.T) {
	t.Parallel()
	c := upstreamtest.New(1)
	c.Silence(true)
	withPool(t, c, func(t *testing.T, p *produce.Pool, _ *stats.Set) {
		t.Helper()
		for i := range 1000 {
			done := make(chan struct{})
			b := &wire.Batch{Topic: fmt.Sprint("t", i), Records: []byte("x")}
			p.Produce(new(order.Fences), []*wire.Batch{b}, -1, 1000, func(int32) { close(done) })
			<-done
			if b.Result.Code != wire.NotLeaderOrFollower {
				t.Fatalf("%s, want NOT_LEADER_OR_FOLLOWER", b.Result.Code)
			}
		}
		if topics := p.Remembered(); topics != 0 {
			t.Errorf("%d topics are remembered, want none", topics)
		}
	})
}

// What is not sent, because the connection has just ended, does not count as sent.
func TestUnsentDoesNotCountAsSent(t *testing.T) {
	t.Parallel()
	withPool(t, upstreamtest.New(1), func(t *testing.T, p *produce.Pool, set *stats.Set) {
		t.Helper()
		if err := p.SendTooLate(&wire.Batch{Topic: "a", Records: []byte("x"), Count: 1}); err == nil {
			t.Error("sent on a connection that has ended")
		}
		for _, s := range set.Read() {
			if _, own, _ := strings.Cut(s.Name, "cluster.c1."); !s.IsZero() && !strings.Contains(own, "connect") {
				t.Errorf("%s counts", s.Name)
			}
		}
	})
}

// withPool runs f with fake time and a pool before a scripted cluster.
func withPool(t *testing.T, c *upstreamtest.Cluster, f func(t *testing.T, p *produce.Pool, set *stats.Set)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		m := topology.New(topology.Settings{
			Bootstrap: func(context.Context) []string { return []string{"bootstrap:1"} }, Refreshed: func() {},
			MaxAge: time.Minute, Backoff: time.Second, BackoffMax: time.Second,
		}, c)
		set := statstest.New("c1")
		p := produce.New(produce.Settings{
			Link: link.Settings{AnswerTimeout: time.Minute}, RequestTimeout: time.Minute, MaxRequestBytes: 1 << 20, MetadataMaxAge: time.Minute, Window: 5,
			ConnectionsPerBroker: 1, ReconnectBackoff: time.Second, ReconnectBackoffMax: time.Second,
			Lost: func(string, error) {},
		}, c, m, new(cork.Cork), set.Cluster("c1"), log)
		f(t, p, set)
		p.Drain(t.Context())
		p.Shut()
		m.Close()
		p.Wait()
	})
}
