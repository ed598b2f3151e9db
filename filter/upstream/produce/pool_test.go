package produce_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
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
	synctest.Test(t, func(t *testing.T) {
		c := upstreamtest.New(1)
		c.Silence(true)
		log := slog.New(slog.DiscardHandler)
		m := topology.New(topology.Settings{
			Bootstrap: func(context.Context) []string { return []string{"bootstrap:1"} }, Refreshed: func() {},
			MaxAge: time.Minute, Backoff: time.Second, BackoffMax: time.Second,
		}, c, log)
		st := statstest.New("c1").Cluster("c1")
		p := produce.New(produce.Settings{
			Link: link.Settings{AnswerTimeout: time.Minute}, RequestTimeout: time.Minute, MaxRequestBytes: 1 << 20, MetadataMaxAge: time.Minute, Window: 5,
			ConnectionsPerBroker: 1, ReconnectBackoff: time.Second, ReconnectBackoffMax: time.Second,
		}, c, m, new(cork.Cork), st, log)
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
		p.Drain(t.Context())
		p.Shut()
		m.Close()
		p.Wait()
	})
}
