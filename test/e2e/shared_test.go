package e2e

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// brokers are two Apache Kafka clusters, which most tests share. Tests keep apart by the names of their topics: the mesh
// sends those that begin with apples to the first cluster and those with bananas to the second.
type brokers struct{ apples, bananas *stack.KafkaCluster }

// parts are the brokers, and Envoy with the mesh in front of them.
type parts struct {
	brokers

	mesh  stack.Mesh
	envoy *stack.EnvoyProcess
}

var (
	running     parts // what has been started so far
	brokersOnce = sync.OnceValue(startBrokers)
	envoyOnce   = sync.OnceValue(startEnvoy)
)

func sharedBrokers(t *testing.T) *brokers {
	t.Helper()
	stack.Check(t, brokersOnce())
	return &running.brokers
}

// shared returns the shared parts, and shows what Envoy printed if the test fails.
func shared(t *testing.T) *parts {
	t.Helper()
	sharedBrokers(t)
	stack.Check(t, envoyOnce())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Envoy's log:\n%s", tail(running.envoy.Log()))
		}
	})
	return &running
}

func startBrokers() error {
	ctx := context.Background()
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { running.apples, errs[0] = stack.StartKafka(ctx, stack.KafkaOptions{}) })
	wg.Go(func() { running.bananas, errs[1] = stack.StartKafka(ctx, stack.KafkaOptions{}) })
	wg.Wait()
	return errors.Join(errs[:]...)
}

func startEnvoy() error {
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	running.mesh = twoClusters(stack.Local(port), running.apples.Addr(), running.bananas.Addr())
	config, err := running.mesh.Bootstrap()
	if err != nil {
		return err
	}
	running.envoy, err = stack.StartEnvoy(context.Background(), stack.EnvoyOptions{Config: config})
	return err
}

func stopShared() {
	if running.envoy != nil {
		running.envoy.Close()
	}
	var wg sync.WaitGroup
	for _, k := range []*stack.KafkaCluster{running.apples, running.bananas} {
		if k != nil {
			wg.Go(k.Close)
		}
	}
	wg.Wait()
}

// twoClusters is a mesh that sends apples to one cluster and bananas to another.
func twoClusters(addr, apples, bananas string) stack.Mesh {
	return stack.Mesh{
		Addr: addr,
		Clusters: []stack.MeshCluster{
			{Name: "kafka_c1", Bootstrap: apples},
			{Name: "kafka_c2", Bootstrap: bananas},
		},
		Rules: []stack.MeshRule{{Cluster: "kafka_c1", Prefix: "apples"}, {Cluster: "kafka_c2", Prefix: "bananas"}},
	}
}

// target is something that speaks Kafka, and the broker that stores what is sent there to topics beginning with apples.
type target struct{ name, addr, broker string }

// targets are Kafka itself, as the oracle, and the mesh in each of its hosts, all with the same Kafka behind. With
// E2E_TARGETS=kafka,envoy,standalone some can be chosen.
func targets(t *testing.T) []target {
	t.Helper()
	broker := sharedBrokers(t).apples.Addr()
	addr := map[string]func() string{
		"kafka": func() string { return broker },
		"envoy": func() string { return shared(t).mesh.Addr },
		"standalone": func() string {
			mesh := twoClusters(freeAddr(t), broker, running.bananas.Addr())
			stack.Standalone(t, &mesh)
			return mesh.Addr
		},
	}
	var list []target
	for name := range strings.SplitSeq(cmp.Or(os.Getenv("E2E_TARGETS"), "kafka,envoy,standalone"), ",") {
		list = append(list, target{name, addr[name](), broker})
	}
	return list
}

func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := stack.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return stack.Local(port)
}

// tail keeps what a reader of a failure will read.
func tail(log string) string {
	const limit = 20_000
	if len(log) <= limit {
		return log
	}
	return "…" + log[len(log)-limit:]
}
