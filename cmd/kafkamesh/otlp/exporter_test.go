package otlp_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/otlp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// soon is the time between exports.
const soon = 10 * time.Millisecond

func counted() *stats.Set {
	set := stats.New(stats.NewTable(stats.Scope{Clusters: []string{"c1", "c2"}, Rules: []string{"orders.", ""}}))
	set.Connections.Add(7)
	set.ActiveConnections.Add(3)
	c1 := set.Cluster("c1")
	c1.Bytes.Add(1000)
	c1.Reachable.Set(1)
	c1.Error(6).Add(2)
	for _, us := range []int64{0, 1, 2, 100, 1 << 40} {
		c1.TimeTotal.Record(us)
	}
	set.Cluster("c2").Bytes.Add(5)
	return set
}

func begin(t *testing.T, c *config.OpenTelemetry, read func() []stats.Sample, w io.Writer) *otlp.Exporter {
	t.Helper()
	e, err := otlp.Start(t.Context(), c, time.Unix(1000, 0), read, slog.New(slog.NewTextHandler(w, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestExport has a receiver read what is sent: counters, gauges and histograms, with units, labels and the time since when they count.
func TestExport(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	e := begin(t, &config.OpenTelemetry{Endpoint: r.URL + "/v1/metrics", Interval: soon}, counted().Read, t.Output())
	defer e.Close()
	got := r.wait(func(export) bool { return true })
	if got.path != "POST /v1/metrics" || got.resource["service.name"] != "kafkamesh" || got.resource["service.version"] == "" {
		t.Errorf("%s of %v", got.path, got.resource)
	}
	for _, want := range []string{
		`name: "kafkamesh.connections" description: "Connections accepted from clients." unit: "{connections}"
		 sum: {aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE is_monotonic: true data_points: {start_time_unix_nano: 1000000000000 as_int: 7}}`,
		`name: "kafkamesh.connections_active" description: "Clients connected now." unit: "{connections}" gauge: {data_points: {as_int: 3}}`,
		`name: "kafkamesh.cluster.bytes" description: "Length of those batches, as the client sent them." unit: "By"
		 sum: {aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE is_monotonic: true
		 data_points: {attributes: {key: "kafka_cluster" value: {string_value: "c1"}} start_time_unix_nano: 1000000000000 as_int: 1000}
		 data_points: {attributes: {key: "kafka_cluster" value: {string_value: "c2"}} start_time_unix_nano: 1000000000000 as_int: 5}}`,
		`name: "kafkamesh.cluster.errors" description: "Batches answered with an error, whether they were sent or not, by its code." unit: "{batches}"
		 sum: {aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE is_monotonic: true data_points: {
		 attributes: {key: "kafka_cluster" value: {string_value: "c1"}} attributes: {key: "kafka_error" value: {string_value: "not_leader_or_follower"}}
		 start_time_unix_nano: 1000000000000 as_int: 2}}`,
	} {
		m := &metricspb.Metric{}
		if err := prototext.Unmarshal([]byte(want), m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(prototext.Format(m), prototext.Format(timeless(got.metric(m.GetName())))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m.GetName(), diff)
		}
	}
	for _, m := range got.metrics {
		if strings.HasPrefix(m.GetName(), "kafkamesh.violations") {
			t.Errorf("%s is sent, though nothing was counted", m.GetName())
		}
	}
}

// TestHistogram reads the buckets of a histogram.
func TestHistogram(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	e := begin(t, &config.OpenTelemetry{Endpoint: r.URL + "/v1/metrics", Interval: soon}, counted().Read, t.Output())
	defer e.Close()
	m := r.wait(func(export) bool { return true }).metric("kafkamesh.cluster.time_total_us")
	if m.GetUnit() != "us" || m.GetHistogram().GetAggregationTemporality() != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
		t.Errorf("metric = %v", m)
	}
	p := m.GetHistogram().GetDataPoints()[0]
	buckets := map[float64]uint64{} // by the largest that counts; 0: larger than all
	for i, n := range p.GetBucketCounts() {
		bound := 0.0
		if i < len(p.GetExplicitBounds()) {
			bound = p.GetExplicitBounds()[i]
		}
		if n > 0 {
			buckets[bound] = n
		}
	}
	if diff := cmp.Diff(map[float64]uint64{1: 2, 3: 1, 127: 1, 0: 1}, buckets); diff != "" || p.GetCount() != 5 || p.GetSum() != 103+1<<40 {
		t.Errorf("count %d, sum %v, buckets (-want +got):\n%s", p.GetCount(), p.GetSum(), diff)
	}
}

// timeless is a metric without the times at which it was looked at.
func timeless(m *metricspb.Metric) *metricspb.Metric {
	m = proto.CloneOf(m)
	for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
		p.TimeUnixNano = 0
	}
	return m
}

// TestHeaders sends what is in a file now with each export, over TLS that an authority of the configuration has signed.
func TestHeaders(t *testing.T) {
	t.Parallel()
	ca, err := authority.New("ours")
	check(t, err)
	leaf, err := ca.Issue("collector", []string{"127.0.0.1"}, nil)
	check(t, err)
	certificate, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	check(t, err)
	r := newReceiver(t, certificate)
	file := filepath.Join(t.TempDir(), "token")
	check(t, os.WriteFile(file, []byte("Bearer one\n"), 0o600))
	e := begin(t, &config.OpenTelemetry{
		Endpoint: r.URL + "/v1/metrics", Interval: soon, TLS: dial.TLS{CA: dial.Source{Inline: string(ca.PEM)}},
		Headers: []config.Header{{Name: "authorization", Value: dial.Source{File: file}}, {Name: "x-scope", Value: dial.Source{Inline: "us"}}},
	}, counted().Read, t.Output())
	defer e.Close()
	r.wait(func(e export) bool {
		return e.header.Get("Authorization") == "Bearer one" && e.header.Get("X-Scope") == "us"
	})
	check(t, os.WriteFile(file, []byte("Bearer two"), 0o600))
	r.wait(func(e export) bool { return e.header.Get("Authorization") == "Bearer two" })
}

// TestStrangersAreNotBelieved sends nothing to a collector whose certificate somebody else has signed, and says so.
func TestStrangersAreNotBelieved(t *testing.T) {
	t.Parallel()
	ca, err := authority.New("ours")
	check(t, err)
	other, err := authority.New("another's")
	check(t, err)
	leaf, err := other.Issue("collector", []string{"127.0.0.1"}, nil)
	check(t, err)
	certificate, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	check(t, err)
	r := newReceiver(t, certificate)
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	var told log
	e := begin(t, &config.OpenTelemetry{Endpoint: r.URL + "/v1/metrics", Interval: time.Hour, TLS: dial.TLS{CA: dial.Source{Inline: string(ca.PEM)}}}, counted().Read, &told)
	e.Close() // which sends
	if len(r.got) > 0 || !strings.Contains(told.String(), "certificate signed by unknown authority") {
		t.Errorf("%d exports; the log says %s", len(r.got), &told)
	}
}

// TestTroubleIsToldOnce has the log say when exports begin to fail, and when they work again.
func TestTroubleIsToldOnce(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.refuse(true)
	var told log
	e := begin(t, &config.OpenTelemetry{Endpoint: r.URL + "/v1/metrics", Interval: soon}, counted().Read, &told)
	r.waitFor(5)
	r.refuse(false)
	r.wait(func(e export) bool { return len(e.metrics) > 0 })
	e.Close() // after which the log has all
	text := told.String()
	if strings.Count(text, "metrics cannot be sent") != 1 || strings.Count(text, "metrics can be sent again") != 1 || !strings.Contains(text, "503") {
		t.Errorf("the log says\n%s", text)
	}
}

// TestCloseSends has what was counted since the last export sent at the end.
func TestCloseSends(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	set := counted()
	e := begin(t, &config.OpenTelemetry{Endpoint: r.URL + "/v1/metrics", Interval: time.Hour}, set.Read, t.Output())
	set.Connections.Add(1)
	e.Close()
	got := r.wait(func(export) bool { return true })
	if n := got.metric("kafkamesh.connections").GetSum().GetDataPoints()[0].GetAsInt(); n != 8 || len(r.got) != 1 {
		t.Errorf("%d connections in %d exports, want 8 in one", n, len(r.got))
	}
}

// TestPanicsEndNothing has a panic while metrics are read be told of, and the next export be as if nothing were.
func TestPanicsEndNothing(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	set, calls := counted(), 0
	e := begin(t, &config.OpenTelemetry{Endpoint: r.URL + "/v1/metrics", Interval: soon}, func() []stats.Sample {
		if calls++; calls == 1 {
			panic("a bug")
		}
		return set.Read()
	}, t.Output())
	defer e.Close()
	r.wait(func(e export) bool { return e.metric("kafkamesh.connections") != nil })
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheEndIsNoTrouble has an export interrupted by the end: that is not told as a failure.
func TestTheEndIsNoTrouble(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	var told log
	begun := make(chan struct{})
	var first sync.Once
	inner := r.Config.Handler
	r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		interrupted := false
		first.Do(func() {
			_, _ = io.Copy(io.Discard, q.Body) // so that the end of the connection is seen
			close(begun)
			<-q.Context().Done()
			interrupted = true
		})
		if !interrupted {
			inner.ServeHTTP(w, q)
		}
	})
	e := begin(t, &config.OpenTelemetry{Endpoint: r.URL + "/v1/metrics", Interval: soon}, counted().Read, &told)
	<-begun
	e.Close()
	if text := told.String(); strings.Contains(text, "metrics cannot be sent") {
		t.Errorf("the log says\n%s", text)
	}
}
