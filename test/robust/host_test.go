package robust

import (
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

func TestMain(m *testing.M) { stack.Main(m, func() error { return nil }) }

// host is the mesh in one of its hosts. It sends topics that begin with apples to one cluster and bananas to another.
type host struct {
	*stack.Process

	name    string
	addr    string
	workers int
	envoy   *stack.EnvoyProcess // nil in the plain binary
}

// onEachHost runs f for the mesh in each of its hosts, one after the other: they are watched for their memory.
func onEachHost(t *testing.T, apples, bananas string, limits map[string]int64, f func(t *testing.T, h *host)) {
	t.Helper()
	eachHost(t, func(t *testing.T, name string) {
		t.Helper()
		f(t, startHost(t, name, apples, bananas, limits))
	})
}

func eachHost(t *testing.T, f func(t *testing.T, name string)) {
	t.Helper()
	for _, name := range []string{"envoy", "standalone"} {
		t.Run(name, func(t *testing.T) { f(t, name) })
	}
}

func startHost(t *testing.T, name, apples, bananas string, limits map[string]int64) *host {
	t.Helper()
	mesh := meshOf(t, apples, bananas)
	mesh.Limits = limits
	if name == "standalone" {
		return &host{stack.Standalone(t, &mesh).Process, name, mesh.Addr, min(runtime.NumCPU(), 4), nil}
	}
	const workers = 2
	envoy := stack.Envoy(t, stack.EnvoyOptions{Mesh: &mesh, Concurrency: workers})
	return &host{envoy.Process, name, mesh.Addr, workers, envoy}
}

func meshOf(t *testing.T, apples, bananas string) stack.Mesh {
	t.Helper()
	return stack.TwoClusters(stack.Addr(t), apples, bananas)
}

// violations are the connections closed so far, by reason. The plain binary tells when it ends, so it is stopped.
func (h *host) violations(t *testing.T) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	if h.envoy == nil {
		h.Stop()
		for _, m := range regexp.MustCompile(`violations\.(\w+) +(\d+)`).FindAllStringSubmatch(h.Log(), -1) {
			counts[m[1]], _ = strconv.ParseInt(m[2], 10, 64) // digits
		}
		return counts
	}
	for _, reason := range wire.Reasons() {
		n, err := h.envoy.Stats(t.Context(), "kafkamesh.violations."+reason.String())
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			counts[reason.String()] = n
		}
	}
	return counts
}
