package admin

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// newTestBoard is a board that is closed with the test.
func newTestBoard(t *testing.T) *Board {
	t.Helper()
	b := NewBoard("test", slog.New(slog.DiscardHandler))
	t.Cleanup(b.Close)
	return b
}

// get asks a handler.
func get(t *testing.T, h http.Handler, path string) (code int, body string, headers http.Header) {
	t.Helper()
	return ask(t, h, http.MethodGet, path)
}

func ask(t *testing.T, h http.Handler, method, path string, header ...string) (code int, body string, headers http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(text), w.Header()
}

// lines are those of a text that begin with one of the beginnings.
func lines(text string, beginnings ...string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		for _, beginning := range beginnings {
			if strings.HasPrefix(line, beginning) {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

// TestMetrics wants Envoy's names, labels that are escaped, and classic histograms.
func TestMetrics(t *testing.T) {
	t.Parallel()
	b := newTestBoard(t)
	f := &fake{set: stats.New(stats.NewTable(stats.Scope{Clusters: []string{`a"b\c`}, Rules: []string{""}}))}
	t.Cleanup(b.Join(f))
	c := f.set.Cluster(`a"b\c`)
	c.Bytes.Add(42)
	c.Reachable.Set(1)
	c.Error(6).Add(2)
	f.set.Rule("").Time.Record(100)
	f.set.Connections.Add(7)
	code, body, _ := get(t, metricsHandler(b, true), "/metrics")
	if code != http.StatusOK {
		t.Fatalf("GET /metrics = %d, %s", code, body)
	}
	for _, want := range []string{
		"# TYPE envoy_kafkamesh_connections counter\nenvoy_kafkamesh_connections 7\n",
		`envoy_kafkamesh_cluster_bytes{kafka_cluster="a\"b\\c"} 42` + "\n",
		"# TYPE envoy_kafkamesh_cluster_reachable gauge\n" + `envoy_kafkamesh_cluster_reachable{kafka_cluster="a\"b\\c"} 1` + "\n",
		`envoy_kafkamesh_cluster_errors{kafka_cluster="a\"b\\c",kafka_error="not_leader_or_follower"} 2` + "\n",
		"# TYPE envoy_kafkamesh_rule_time_total_us histogram\n",
		`envoy_kafkamesh_rule_time_total_us_bucket{kafka_rule="*",le="63"} 0` + "\n",
		`envoy_kafkamesh_rule_time_total_us_bucket{kafka_rule="*",le="127"} 1` + "\n",
		`envoy_kafkamesh_rule_time_total_us_bucket{kafka_rule="*",le="+Inf"} 1` + "\n",
		`envoy_kafkamesh_rule_time_total_us_sum{kafka_rule="*"} 100` + "\n",
		`envoy_kafkamesh_rule_time_total_us_count{kafka_rule="*"} 1` + "\n",
		"# TYPE go_goroutines gauge\n", "# TYPE process_resident_memory_bytes gauge\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if rare := lines(body, `envoy_kafkamesh_cluster_errors{kafka_cluster="a\"b\\c",kafka_error="request_timed_out"}`); rare != "" {
		t.Errorf("what is rare and zero is shown: %s", rare)
	}
	if _, body, _ := get(t, metricsHandler(b, false), "/metrics"); strings.Contains(body, "go_goroutines") {
		t.Error("a process that is not ours is shown")
	}
}

// TestMetricsOfSeveral are summed, and those of one that has left are kept, but for what it no longer has.
func TestMetricsOfSeveral(t *testing.T) {
	t.Parallel()
	b := newTestBoard(t)
	one, two := newFake(), newFake()
	leave := b.Join(one)
	t.Cleanup(b.Join(two))
	for _, f := range []*fake{one, two} {
		c := f.set.Cluster("kafka_c1")
		c.Batches.Add(5)
		c.Connections.Add(3)
		c.TimeTotal.Record(1)
	}
	want := func(when, want string) {
		_, body, _ := get(t, metricsHandler(b, false), "/metrics")
		if got := lines(body, `envoy_kafkamesh_cluster_batches{kafka_cluster="kafka_c1"}`, `envoy_kafkamesh_cluster_connections{kafka_cluster="kafka_c1"}`,
			`envoy_kafkamesh_cluster_time_total_us_count{kafka_cluster="kafka_c1"}`); got != want {
			t.Errorf("%s:\n%swant:\n%s", when, got, want)
		}
	}
	want("both", `envoy_kafkamesh_cluster_batches{kafka_cluster="kafka_c1"} 10
envoy_kafkamesh_cluster_connections{kafka_cluster="kafka_c1"} 6
envoy_kafkamesh_cluster_time_total_us_count{kafka_cluster="kafka_c1"} 2
`)
	leave()
	leave()
	want("one has left", `envoy_kafkamesh_cluster_batches{kafka_cluster="kafka_c1"} 10
envoy_kafkamesh_cluster_connections{kafka_cluster="kafka_c1"} 3
envoy_kafkamesh_cluster_time_total_us_count{kafka_cluster="kafka_c1"} 2
`)
}

// broken has bugs.
type broken struct{}

func (broken) Status() status.Mesh     { panic("status") }
func (broken) Clients() status.Clients { panic("clients") }
func (broken) Read() []stats.Sample    { panic("metrics") }

// TestBugsAreStopped has a mesh that panics beside one that does not.
func TestBugsAreStopped(t *testing.T) {
	t.Parallel()
	b := newTestBoard(t)
	f := newFake()
	f.set.Connections.Add(7)
	t.Cleanup(b.Join(f))
	t.Cleanup(b.Join(broken{}))
	h := handler(b, Options{Log: slog.New(slog.DiscardHandler)})
	if _, body, _ := get(t, h, "/metrics"); lines(body, "envoy_kafkamesh_connections ") != "envoy_kafkamesh_connections 7\n" {
		t.Errorf("/metrics lacks what the other has:\n%s", body)
	}
	if code, body, _ := get(t, h, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "a bug keeps a mesh from being asked") {
		t.Errorf("/readyz = %d, %s, want that there is a bug", code, body)
	}
	if code, body, _ := get(t, h, "/"); code != http.StatusOK || !strings.Contains(body, "kafka_c1") {
		t.Errorf("/ = %d, want the other mesh", code)
	}
}
