package e2e

import (
	"os"
	"os/exec"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestExamplesLoad has Envoy itself check the configurations that we show.
func TestExamplesLoad(t *testing.T) {
	t.Parallel()
	envoy, err := stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	stack.Check(t, err)
	modules, err := stack.ModuleDir()
	stack.Check(t, err)
	for _, file := range []string{
		"../../envoy.yaml", "../../examples/dynamic-module/envoy.yaml", "../../examples/docker-compose/envoy.yaml",
		"../../examples/access-log/envoy.yaml",
	} {
		cmd := exec.CommandContext(t.Context(), envoy, "--mode", "validate", "--config-path", file)
		cmd.Env = append(os.Environ(), "ENVOY_DYNAMIC_MODULES_SEARCH_PATH="+modules)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, stack.Tail(string(out)))
		}
	}
}
