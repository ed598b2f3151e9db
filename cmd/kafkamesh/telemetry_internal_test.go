package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	colpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// collector plays one that counts the exports in which there are metrics of a mesh.
func collector(t *testing.T) (url string, exports *atomic.Int32) {
	t.Helper()
	exports = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		m := &colpb.ExportMetricsServiceRequest{}
		if err != nil || proto.Unmarshal(body, m) != nil || r.URL.Path != "/v1/metrics" {
			t.Errorf("%s %s: not an export", r.Method, r.URL)
		}
		if strings.Contains(m.String(), "kafkamesh.build_info") || strings.Contains(m.String(), "kafkamesh.connections") {
			exports.Add(1)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, exports
}

// TestTelemetryMoves has a reload name another collector: the first gets what was counted until then, the second what is counted at the end.
func TestTelemetryMoves(t *testing.T) { //nolint:paralleltest // signals are the process's
	first, toFirst := collector(t)
	second, toSecond := collector(t)
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	t.Run("serving", func(t *testing.T) {
		writeConfig(t, file, good+"open_telemetry: {endpoint: \""+first+"\", interval_ms: 3600000}\n")
		r := start(t, "--config", file, "--admin", "off")
		r.next("metrics are sent")
		r.next("msg=listening")
		writeConfig(t, file, good+"open_telemetry: {endpoint: \""+second+"\", interval_ms: 3600000}\n")
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		r.next("metrics are sent")
		r.next("msg=reloaded")
		if n := toFirst.Load(); n != 1 {
			t.Errorf("%d exports to the first collector, want 1", n)
		}
		if n := toSecond.Load(); n != 0 {
			t.Errorf("%d exports to the second collector already", n)
		}
	})
	if n, m := toFirst.Load(), toSecond.Load(); n != 1 || m != 1 {
		t.Errorf("%d and %d exports, want one to each", n, m)
	}
}
