package e2e

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestEnvoysLevels has Envoy say what it takes, and everything once it is told to, and no more than before when it is told to stop.
func TestEnvoysLevels(t *testing.T) {
	t.Parallel()
	for _, envoy := range stack.EnvoyVersions() {
		t.Run(envoy, func(t *testing.T) {
			t.Parallel()
			mesh := stack.TwoClusters(stack.Addr(t), stack.Addr(t), stack.Addr(t))
			e := stack.Envoy(t, stack.EnvoyOptions{Version: envoy, Mesh: &mesh})
			stack.Check(t, e.WaitLog(t.Context(), "kafka_mesh: configuration taken filter=kafka_mesh version="))
			stack.Check(t, stack.WaitDial(t.Context(), mesh.Addr))
			meet := func(id string) {
				_, err := rawkafka.Ask[*kmsg.ApiVersionsResponse](mesh.Addr, id, 3, rawkafka.APIVersions("apache-kafka-java", "4.3.1"))
				stack.Check(t, err)
				stack.Check(t, e.WaitGauge(t.Context(), "kafkamesh.connections_active", 0))
			}
			stack.Check(t, e.Post(t.Context(), "/logging?dynamic_modules=debug"))
			meet("first")
			stack.Check(t, e.WaitLog(t.Context(), "kafka_mesh: a client has connected filter=kafka_mesh client="))
			stack.Check(t, e.WaitLog(t.Context(), `kafka_mesh: a client is gone filter=kafka_mesh reason=left for=`))
			stack.Check(t, e.WaitLog(t.Context(), `client_id=first software="apache-kafka-java 4.3.1"`))
			stack.Check(t, e.Post(t.Context(), "/logging?dynamic_modules=error"))
			meet("second")
			stack.Check(t, e.Post(t.Context(), "/logging?dynamic_modules=debug"))
			meet("third")
			stack.Check(t, e.WaitLog(t.Context(), "client_id=third"))
			if log := e.Log(); strings.Contains(log, "client_id=second") {
				t.Errorf("at the level error, Envoy's log has the second client:\n%s", stack.Tail(log))
			}
		})
	}
}
