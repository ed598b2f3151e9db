package e2e

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

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
			t.Logf("Envoy's log:\n%s", stack.Tail(running.envoy.Log()))
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
	addr, err := stack.FreeAddr()
	if err != nil {
		return err
	}
	running.mesh = stack.TwoClusters(addr, running.apples.Addr(), running.bananas.Addr())
	running.envoy, err = stack.StartEnvoy(context.Background(), stack.EnvoyOptions{Mesh: &running.mesh})
	return err
}

func stopShared() error {
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
	return nil
}

// fakes are two embedded clusters with a topic of three partitions each, and a mesh to be put in front of them.
func fakes(t *testing.T, apples, bananas string) (c1, c2 *stack.FakeCluster, mesh stack.Mesh) {
	t.Helper()
	c1 = stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(3, apples)}})
	c2 = stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(3, bananas)}})
	return c1, c2, stack.TwoClusters(stack.Addr(t), c1.Addr(), c2.Addr())
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
			mesh := stack.TwoClusters(stack.Addr(t), broker, running.bananas.Addr())
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
