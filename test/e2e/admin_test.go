package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestEnvoyShowsItsMeshes asks each Envoy, on its own admin interface and on the listener of ours, with one cluster that is there and one
// that is not; then it gets a listener's new version, and another mesh that wants the same address, and drains.
func TestEnvoyShowsItsMeshes(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c1 := stack.Fake(t, stack.FakeOptions{})
			mesh := stack.TwoClusters(stack.Addr(t), c1.Addr(), stack.Addr(t))
			admin := stack.Addr(t)
			text := func(more string) string {
				config, err := mesh.Config()
				stack.Check(t, err)
				return fmt.Sprintf(`{"admin": {"address": %q%s}, %s`, admin, more, config[1:])
			}
			file := filepath.Join(t.TempDir(), "listeners.yaml")
			stack.Replace(t, file, stack.Listeners(mesh.Addr, stack.AsString(text(""))))
			envoy := stack.Envoy(t, stack.EnvoyOptions{Version: version, Config: stack.DynamicBootstrap(file)})
			own, ours := "http://"+envoy.Admin()+"/kafkamesh", "http://"+admin
			waitPage(t, ours+"/readyz", 503, "1 of 2 clusters cannot be reached: kafka_c2")
			waitPage(t, own+"/readyz", 503, "1 of 2 clusters cannot be reached: kafka_c2")
			waitPage(t, own+"/readyz?cluster=kafka_c1", 200, "kafka_mesh/kafka_c1: can be reached")
			waitPage(t, own, 200, "CRITICAL: kafka_c2 cannot be reached")
			waitPage(t, own+"/status.json", 200, `"host": "Envoy"`)
			waitPage(t, ours+"/", 200, "<h3>kafka_c1")
			waitPage(t, ours+"/metrics", 200, `envoy_kafkamesh_cluster_reachable{kafka_cluster="kafka_c1"} 1`)
			waitPage(t, ours+"/log", 200, "Envoy has the log")
			waitPage(t, ours+"/debug/pprof/", 404, "pprof: true")

			stack.Replace(t, file, stack.Listeners(mesh.Addr, stack.AsString(text(`, "readiness": "READINESS_ANY", "pprof": true`))))
			wait(t, envoy, "listener_manager.listener_modified", 1)
			waitPage(t, ours+"/readyz", 200, "ready\n") // the version before does not count any more
			waitPage(t, ours+"/debug/pprof/", 200, "goroutine")

			stack.Check(t, envoy.Post(t.Context(), "/drain_listeners?graceful"))
			waitPage(t, ours+"/readyz", 503, "about to end")
			waitPage(t, own+"/readyz", 503, "about to end")
			waitPage(t, ours+"/healthz", 200, "alive")
		})
	}
}

// waitPage waits until a page is answered with a code and has a text.
func waitPage(t *testing.T, url string, code int, want string) {
	t.Helper()
	stack.Wait(t, url, func() error {
		got, text, err := fetch(t, url)
		if err == nil && (got != code || !strings.Contains(text, want)) {
			err = fmt.Errorf("%d, %.500s, want %d and %q", got, text, code, want)
		}
		return err
	})
}

// fetch is what is at a URL, whatever its code.
func fetch(t *testing.T, url string) (code int, text string, err error) {
	t.Helper()
	text, err = stack.Page(t.Context(), http.MethodGet, url)
	if failed, ok := errors.AsType[*stack.PageError](err); ok {
		return failed.Code, failed.Body, nil
	}
	return http.StatusOK, text, err
}

// TestValidateListensNowhere has Envoy look at a configuration whose admin address somebody has: it says nothing of it.
func TestValidateListensNowhere(t *testing.T) {
	t.Parallel()
	binary, err := stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	stack.Check(t, err)
	module, err := stack.ModuleDir()
	stack.Check(t, err)
	mesh := stack.TwoClusters(stack.Addr(t), stack.Addr(t), stack.Addr(t))
	config, err := mesh.Config()
	stack.Check(t, err)
	taken := stack.Fake(t, stack.FakeOptions{})
	file := filepath.Join(t.TempDir(), "envoy.yaml")
	bootstrap := stack.Bootstrap(mesh.Addr, stack.AsString(fmt.Sprintf(`{"admin": {"address": %q}, %s`, taken.Addr(), config[1:])))
	stack.Check(t, os.WriteFile(file, []byte(bootstrap), 0o600))
	cmd := exec.CommandContext(t.Context(), binary, "--mode", "validate", "-c", file)
	cmd.Env = append(cmd.Environ(), "ENVOY_DYNAMIC_MODULES_SEARCH_PATH="+module)
	said, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(said), "admin listener") {
		t.Errorf("envoy --mode validate: %v\n%s", err, said)
	}
}

// TestSuccessorHasTheAdminListener has Envoys take over from each other: the new one has the address while the old one drains, long
// before that one ends.
func TestSuccessorHasTheAdminListener(t *testing.T) {
	t.Parallel()
	for i, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c1 := stack.Fake(t, stack.FakeOptions{})
			mesh := stack.TwoClusters(stack.Addr(t), c1.Addr(), c1.Addr())
			config, err := mesh.Config()
			stack.Check(t, err)
			admin := stack.Addr(t)
			mesh.Text = fmt.Sprintf(`{"admin": {"address": %q}, %s`, admin, config[1:])
			base := (os.Getpid()+50_000)%100_000*10 + i
			epoch := func(n int) *stack.EnvoyProcess {
				return stack.Envoy(t, stack.EnvoyOptions{
					Version: version, Mesh: &mesh, HotRestart: &stack.HotRestart{BaseID: base, Epoch: n},
					Args: []string{"--drain-time-s", "600", "--parent-shutdown-time-s", "900"},
				})
			}
			first := epoch(0)
			waitPage(t, "http://"+admin+"/readyz", 200, "ready")
			second := epoch(1)
			stack.Check(t, second.WaitLog(t.Context(), "the admin listener is there"))
			waitPage(t, "http://"+admin+"/readyz", 200, "ready")
			stack.WantAlive(t, first.Process)
		})
	}
}
