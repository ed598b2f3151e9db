package upstream_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Whoever brings a batch writes it as far as the socket takes it. Here it takes a part: the lane's goroutine writes the rest, and
// what comes meanwhile goes behind it. Or the connection ends, and everybody is told.
func TestFullSocket(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		then func(c *upstreamtest.Cluster)
		want wire.ErrorCode // of what was being written
		rest wire.ErrorCode // of what was behind it
	}{
		{"broker reads again", func(c *upstreamtest.Cluster) { c.Clog(1, false) }, wire.None, wire.None},
		{"connection ends", func(c *upstreamtest.Cluster) { c.Cut(1) }, wire.RequestTimedOut, wire.NotLeaderOrFollower},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster := upstreamtest.New(1)
			cluster.Sockets()
			cluster.CreateTopic("a", 1)
			table := stats.Table([]string{"c1"})
			st := stats.New(table, make([]int64, len(table))).Cluster("c1")
			pool := upstream.New(settings(), cluster, new(cork.Cork), st, slog.New(slog.DiscardHandler))
			b := &bench{t: t, cluster: cluster, pool: pool}
			for _, first := range []string{"0", "1"} { // the broker waits for a request after the second, if not before
				wantCode(t, "first", b.produce("a", 0, first), wire.None)
				cluster.Clog(1, true)
			}
			want := []string{"0", "1"}
			var batches []*wire.Batch
			var answers []<-chan int32
			for range 5 {
				records := strings.Repeat("x", 240<<10)
				batch, done := b.send("a", 0, records)
				batches, answers, want = append(batches, batch), append(answers, done), append(want, records)
			}
			tc.then(cluster)
			for i, done := range answers {
				<-done
				if i == 0 {
					wantCode(t, "being written", batches[i].Result, tc.want)
				} else {
					wantCode(t, "behind it", batches[i].Result, tc.rest)
				}
			}
			pool.Close(t.Context())
			cluster.Cut(1)
			if tc.want == wire.None {
				b.wantStored(0, want...)
			}
		})
	}
}
