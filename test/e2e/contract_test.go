package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/hosttest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestContract runs the suite of all hosts in each Envoy, and in the plain binary.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			hosttest.Run(t, hosttest.Host{
				Start: func(t *testing.T, config string) string {
					t.Helper()
					addr := stack.Addr(t)
					envoy := stack.Envoy(t, stack.EnvoyOptions{Version: version, Config: stack.Bootstrap(addr, stack.AsStruct(config))})
					t.Cleanup(func() { stack.WantAlive(t, envoy.Process) })
					return addr
				},
				Refuse: func(t *testing.T, config string) string {
					t.Helper()
					envoy, err := stack.StartEnvoy(t.Context(), stack.EnvoyOptions{
						Version: version, Config: stack.Bootstrap(stack.Addr(t), stack.AsStruct(config)),
					})
					if err == nil {
						envoy.Close()
						t.Fatal("the configuration was taken")
					}
					return err.Error()
				},
			})
		})
	}
	t.Run("kafkamesh serve", func(t *testing.T) {
		t.Parallel()
		hosttest.Run(t, hosttest.Host{
			Start: func(t *testing.T, config string) string {
				t.Helper()
				addr := stack.Addr(t)
				stack.Standalone(t, &stack.Mesh{Addr: addr, Text: config})
				return addr
			},
			Refuse: func(t *testing.T, config string) string {
				t.Helper()
				binary, err := stack.Binary()
				stack.Check(t, err)
				file := filepath.Join(t.TempDir(), "mesh.json")
				stack.Check(t, os.WriteFile(file, []byte(config), 0o600))
				said, err := exec.CommandContext(t.Context(), binary, "serve", "--config", file, "--listen", stack.Addr(t)).CombinedOutput()
				if err == nil {
					t.Error("the configuration was taken")
				}
				return string(said)
			},
		})
	})
}
