//go:build onrequest

package meshlab_test

import (
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/meshlab"
)

// TestWalk is what happens to a producer with a plain sidecar, without Kafka mesh: docs/istio.md tells of each step.
func TestWalk(t *testing.T) {
	l := newLab(t)
	orders := l.pod(t, "orders", ordersPod, true)
	identity := l.identity(t, "orders", "orders", meshlab.Life)
	const service = "10.96.0.10:9092"
	for _, step := range []struct {
		name       string
		permissive bool
		sidecar    meshlab.Sidecar
		seed       string
		delivers   bool
		said       string // by the first broker's sidecar
		brokers    int    // that the Service leads to; 0: all
	}{
		{
			name:    "STRICT, a Service that is not headless: it leads to a broker, whose own address does not",
			sidecar: meshlab.Sidecar{Service: true}, seed: service,
		},
		{
			name: "PERMISSIVE: the broker's own address is reached, in plaintext", permissive: true,
			sidecar: meshlab.Sidecar{Service: true}, seed: service, delivers: true, said: "plaintext",
		},
		{
			name:    "STRICT, a headless Service: the sidecar knows each broker's address",
			sidecar: meshlab.Sidecar{Headless: true}, seed: firstBroker + ":9092", delivers: true, said: "mtls from spiffe://cluster.local/ns/orders/sa/orders",
		},
		{
			name:    "appProtocol http: the sidecar takes Kafka for HTTP",
			sidecar: meshlab.Sidecar{Service: true, HTTP: true}, seed: service,
		},
	} {
		t.Run(step.name, func(t *testing.T) {
			brokers := l.brokers(t, step.permissive)
			s := step.sidecar
			s.Template, s.Identity, s.Pod, s.User = "sidecar", identity, orders, sidecarUser
			l.start(t, s)
			err := send(t.Context(), producer(t, orders, step.seed), 10, "apples")
			t.Logf("the producer: %v", err)
			if (err == nil) != step.delivers {
				t.Errorf("the producer says %v, want delivery: %t", err, step.delivers)
			}
			for _, b := range brokers {
				b.Close() // it logs connections when they end
			}
			if said := brokers[0].Log() + brokers[1].Log(); !strings.Contains(said, step.said) {
				t.Errorf("the broker's sidecar says\n%s\nwant %q", said, step.said)
			}
		})
	}
}
