package e2e

import (
	"path/filepath"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestListenerUpdatesLoseNothing runs each Envoy that we say we run in, under two default producers, while its listener is
// updated again and again. Envoy closes the connections of an old listener when its drain time is over, with answers on their
// way; the producers notice nothing, and all is stored once and in order.
func TestListenerUpdatesLoseNothing(t *testing.T) {
	t.Parallel()
	const updates = 20
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			apples, bananas := "apples-envoy", "bananas-envoy"
			c1, c2, mesh := fakes(t, apples, bananas)
			more := mesh
			more.Rules = append([]stack.MeshRule{{Cluster: mesh.Clusters[1].Name, Prefix: "cherries"}}, mesh.Rules...)
			file := filepath.Join(t.TempDir(), "listeners.yaml")
			update(t, file, &mesh)
			envoy := stack.Envoy(t, stack.EnvoyOptions{
				Version: version, Config: stack.DynamicBootstrap(file), Args: []string{"--drain-time-s", "1", "--drain-strategy", "immediate"},
			})
			wait(t, envoy, "listener_manager.listener_create_success", 1)
			loads := []*load{startLoad(t, mesh.Addr, apples), startLoad(t, mesh.Addr, bananas)}
			for i := range updates {
				update(t, file, []*stack.Mesh{&more, &mesh}[i%2])
				wait(t, envoy, "listener_manager.listener_modified", int64(i+1))
				for _, l := range loads {
					l.wantMore(t, 200)
				}
			}
			wait(t, envoy, "kafkamesh.connections", 7) // the producers need at most three each: drains have closed some
			verifyTopic(t, c1.Addr(), apples, loads[0].finish(t))
			verifyTopic(t, c2.Addr(), bananas, loads[1].finish(t))
			stack.WantAlive(t, envoy.Process)
		})
	}
}

func wait(t *testing.T, envoy *stack.EnvoyProcess, counter string, least int64) {
	t.Helper()
	if err := envoy.WaitStats(t.Context(), counter, least); err != nil {
		t.Fatal(err)
	}
}
