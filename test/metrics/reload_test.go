package metrics

import (
	"path/filepath"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestReloadsLoseNoCount has a configuration replaced by another between one part of the traffic and the next, in each host that can:
// what both have counted adds up.
func TestReloadsLoseNoCount(t *testing.T) {
	t.Parallel()
	t.Run("Envoy", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		file := filepath.Join(t.TempDir(), "listeners.yaml")
		take := func() { stack.Replace(t, file, stack.Listeners(w.addr, stack.AsString(w.text()))) }
		take()
		e, sources := startEnvoyWith(t, w, stack.EnvoyVersion, stack.DynamicBootstrap(file), "--drain-time-s", "1", "--drain-strategy", "immediate")
		w.reload(e.Process, sources[0], take)
	})
	t.Run("plain binary", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s, running, end := startPlain(t, w)
		w.reload(s.Process, running, func() { stack.Check(t, s.Reload(w.text())) })
		s.Stop()
		w.wantShown(end)
	})
}

// reload sends traffic, has the mesh take another configuration, sends the same again, and wants all of it shown.
func (w *world) reload(p *stack.Process, from source, take func()) {
	w.t.Helper()
	w.batches()
	w.violations()
	w.config["limits"].(map[string]int64)["connections_max_idle_ms"] = 60_000
	take()
	stack.Check(w.t, p.WaitLog(w.t.Context(), "configuration let go"))
	w.batches()
	w.violations()
	w.wantShown(from)
}
