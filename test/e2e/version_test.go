package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestEveryEnvoyShowsTheVersion wants it in the log and in the metrics, and before a client has come, but for Envoy 1.38.
func TestEveryEnvoyShowsTheVersion(t *testing.T) {
	t.Parallel()
	binary, err := stack.Binary()
	stack.Check(t, err)
	said, err := exec.CommandContext(t.Context(), binary, "--version").Output()
	stack.Check(t, err)
	version, _, _ := strings.Cut(strings.TrimPrefix(string(said), "kafkamesh "), "\n")
	for _, envoy := range stack.EnvoyVersions() {
		t.Run(envoy, func(t *testing.T) {
			t.Parallel()
			mesh := stack.TwoClusters(stack.Addr(t), stack.Addr(t), stack.Addr(t))
			e := stack.Envoy(t, stack.EnvoyOptions{Version: envoy, Mesh: &mesh})
			stack.Check(t, e.WaitLog(t.Context(), "kafka_mesh: loaded version="+version+" commit="))
			if strings.HasPrefix(envoy, "1.38") {
				stack.Check(t, stack.WaitDial(t.Context(), mesh.Addr))
			}
			stack.Wait(t, "the metric", func() error {
				page, err := stack.Page(t.Context(), http.MethodGet, "http://"+e.Admin()+"/stats?filter=kafkamesh.build_info")
				if err == nil && (strings.Count(page, "\n") != 1 || !strings.HasSuffix(page, ": 1\n")) {
					err = fmt.Errorf("Envoy shows %q", page)
				}
				return err
			})
		})
	}
}
