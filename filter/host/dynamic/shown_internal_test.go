package dynamic

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
)

// TestAnswer asks what Envoy's own admin interface has of ours, with a mesh and without.
func TestAnswer(t *testing.T) {
	t.Parallel()
	s := newShown(slog.New(slog.DiscardHandler))
	t.Cleanup(s.board.Close)
	c, err := config.Parse([]byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	want := func(path string, code int, texts ...string) {
		t.Helper()
		got, text := s.Answer(path)
		for _, part := range texts {
			if got != code || !strings.Contains(text, part) {
				t.Errorf("%s = %d, %s, want %d, %q", path, got, text, code, part)
			}
		}
	}
	want("/kafkamesh/readyz", 503, "not ready: no configuration is at work yet\n")
	f, err := filter.New(c, filter.Options{
		NewClient: func(upstream.Settings) (upstream.Client, error) { return upstreamtest.New(1), nil }, Stats: stats.New(filter.Metrics(c)),
		Log: slog.New(slog.DiscardHandler), Name: "orders",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hide := s.show(f, c.Admin)
	want("/kafkamesh/readyz", 503, "not ready: not tried yet: c1\n", "orders/c1: not tried yet\n")
	want("/kafkamesh/readyz?cluster=c1", 503, "not ready: not tried yet\n")
	want("/kafkamesh/readyz?cluster=c9", 404, "there is no cluster of that name")
	want("/kafkamesh?x=y", 200, "Kafka mesh ", ", Envoy, up ", "c1")
	want("/kafkamesh/status.json", 200, `"name": "orders"`, `"advertised": "kafka.example:9092"`)
	want("/kafkamesh/nothing", 404, "there is /kafkamesh")
	want("::", 400, "")
	f.Drain()
	want("/kafkamesh/readyz", 503, "not ready: no configuration is at work yet\n")
	s.Draining()
	want("/kafkamesh/readyz", 503, "not ready: the process is about to end, or has a successor\n")
	hide()
	if got := len(s.Paths()); got != 3 {
		t.Errorf("%d paths, want 3", got)
	}
}
