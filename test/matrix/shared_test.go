package matrix

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var update = flag.Bool("update", false, "write docs/clients.md after a full run without a fault")

// parts are one Kafka, and Envoy with the mesh in front of it as if it were three clusters: topics that begin with apples,
// with bananas, and with cut; the connections to the third can be broken. Topics that begin with down are of a fourth cluster,
// which is not there. Cherries have no rule.
type parts struct {
	kafka *stack.KafkaCluster
	cut   *breaker
	mesh  stack.Mesh
	envoy *stack.EnvoyProcess
}

// downCluster is the place of the cluster that is not there.
const downCluster = 3

var (
	running parts // what has been started so far
	once    = sync.OnceValue(func() error { return running.start(context.Background()) })
)

func kafkaVersion() string { return cmp.Or(os.Getenv("MATRIX_KAFKA"), stack.KafkaVersion) }

// shared returns the shared parts, and shows what Envoy printed if the test fails.
func shared(t *testing.T) *parts {
	t.Helper()
	stack.Check(t, once())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Envoy's log:\n%s", tail(running.envoy.Log()))
		}
	})
	return &running
}

func (p *parts) start(ctx context.Context) error {
	var ports [5]int
	for i := range ports {
		var err error
		if ports[i], err = stack.FreePort(); err != nil {
			return err
		}
	}
	broker, behind, controller := ports[0], stack.Local(ports[1]), stack.Local(ports[2])
	var err error
	if p.cut, err = newBreaker(behind); err != nil {
		return err
	}
	// Kafka tells each client the address of the listener that it came through; the second is reached through the breaker.
	p.kafka, err = stack.StartKafka(ctx, stack.KafkaOptions{Version: kafkaVersion(), Port: broker, Properties: map[string]string{
		"listeners":                      fmt.Sprintf("PLAINTEXT://%s,CUT://%s,CONTROLLER://%s", stack.Local(broker), behind, controller),
		"advertised.listeners":           fmt.Sprintf("PLAINTEXT://%s,CUT://%s", stack.Local(broker), p.cut.Addr()),
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CUT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.quorum.voters":       "1@" + controller,
		"inter.broker.listener.name":     "PLAINTEXT",
	}})
	if err != nil {
		return err
	}
	p.mesh = stack.Mesh{
		Addr: stack.Local(ports[3]),
		Clusters: []stack.MeshCluster{
			{Name: "kafka_c1", Bootstrap: p.kafka.Addr()},
			{Name: "kafka_c2", Bootstrap: p.kafka.Addr()},
			{Name: "kafka_c3", Bootstrap: p.cut.Addr()},
			downCluster: {Name: "kafka_c4", Bootstrap: stack.Local(ports[4])},
		},
		Rules: []stack.MeshRule{
			{Cluster: "kafka_c1", Prefix: "apples"},
			{Cluster: "kafka_c2", Prefix: "bananas"},
			{Cluster: "kafka_c3", Prefix: "cut"},
			{Cluster: "kafka_c4", Prefix: "down"},
		},
	}
	p.envoy, err = stack.StartEnvoy(ctx, stack.EnvoyOptions{Mesh: &p.mesh})
	return err
}

func (p *parts) stop() {
	if p.envoy != nil {
		p.envoy.Close()
	}
	if p.kafka != nil {
		p.kafka.Close()
	}
	if p.cut != nil {
		p.cut.Close()
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	running.stop()
	stock.stop()
	if code == 0 && *update {
		if err := results.write(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
