package metrics

import (
	"net/http"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestEnvoyEnds ends each Envoy while clients have requests in flight, after its metrics and our pages have been looked at: it ends in
// order. One that frees something twice says so, and aborts.
func TestEnvoyEnds(t *testing.T) {
	t.Parallel()
	const clients, inFlight, looks = 4, 20, 200
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e, sources := startEnvoy(t, w, version)
			for i := range clients {
				c := w.connectAs("kgo")
				for range inFlight * (i % 2) {
					req := request(9, -1, to(silentTopic, 0, 2))
					req.TimeoutMillis = 500
					c.Send(req)
				}
			}
			for range looks {
				_, err := sources[0].read()
				stack.Check(t, err)
			}
			_, err := stack.Page(t.Context(), http.MethodGet, "http://"+e.Admin()+"/kafkamesh")
			stack.Check(t, err)
			e.Stop()
			stack.WantNoAlarm(t, e.Process)
			if code := e.ExitCode(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
		})
	}
}
