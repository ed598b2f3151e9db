package filter_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// counter is a connection that counts what is written.
type counter struct {
	bytes atomic.Int64
	wrote chan struct{}
}

var _ session.Conn = (*counter)(nil)

func (c *counter) Writev(parts [][]byte, sent func()) bool {
	if sent != nil {
		defer sent()
	}
	for _, p := range parts {
		c.bytes.Add(int64(len(p)))
	}
	select {
	case c.wrote <- struct{}{}:
	default:
	}
	return false
}
func (*counter) Close()          {}
func (*counter) Abort()          {}
func (*counter) PauseReads(bool) {}

// BenchmarkSession has one client send requests, some at a time, and wait for their answers.
func BenchmarkSession(b *testing.B) { benchmarkSession(b, twoClusters) }

// BenchmarkSessionLogged is BenchmarkSession with an access log of every request, of one in a hundred, and of failures alone. Without
// one there must be as many allocations as ever.
func BenchmarkSessionLogged(b *testing.B) {
	for name, criteria := range map[string]string{"all": "", "share": ", share: 0.01", "failures": ", failures: true"} {
		b.Run(name, func(b *testing.B) {
			benchmarkSession(b, fmt.Sprintf("%saccess_log: {path: %q%s}\n", twoClusters, filepath.Join(b.TempDir(), "access.log"), criteria))
		})
	}
}

// BenchmarkSessionQuotas is BenchmarkSession with a rule that matches and lets all through. Without one there must be as many allocations
// as ever, and with one no more.
func BenchmarkSessionQuotas(b *testing.B) {
	benchmarkSession(b, twoClusters+"quotas: {rules: [{principals: ['*'], produce_bytes_per_second: 1099511627776, fetch_bytes_per_second: 1099511627776}]}\n")
}

func benchmarkSession(b *testing.B, text string) {
	b.Helper()
	c, err := config.Parse([]byte(text))
	if err != nil {
		b.Fatal(err)
	}
	cluster := upstreamtest.New(1)
	cluster.CreateTopic("apples", 1)
	f, err := filter.New(c, filter.Options{
		NewClient: func(upstream.Settings) (upstream.Client, error) { return cluster, nil },
		Stats:     stats.New(filter.Metrics(c)),
		Log:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Cut(1)
	defer f.Close()
	versions := kmsg.NewPtrApiVersionsRequest()
	for _, tt := range []struct {
		name    string
		request []byte
		depth   int
	}{
		{"versions", wiretest.Frame(wire.KeyApiVersions, 0, 1, "bench", versions), 1},
		{"versions by 8", wiretest.Frame(wire.KeyApiVersions, 0, 1, "bench", versions), 8},
		{"refused", produce(1, "zebras"), 1},
		{"refused by 5", produce(1, "zebras"), 5},
		{"produce", produce(1, "apples"), 1},
	} {
		b.Run(tt.name, func(b *testing.B) {
			conn := &counter{wrote: make(chan struct{}, 1)}
			s := f.NewSession(0, session.Peer{LocalHost: "mesh", LocalPort: 1}, conn)
			defer s.Closed()
			s.Data(tt.request)
			<-conn.wrote
			answer := conn.bytes.Load()
			var requests []byte
			for range tt.depth {
				requests = append(requests, tt.request...)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for sent := 0; sent < b.N; sent += tt.depth {
				want := conn.bytes.Load() + answer*int64(tt.depth)
				s.Data(requests)
				for conn.bytes.Load() < want {
					<-conn.wrote
				}
			}
		})
	}
}
