//go:build onrequest

package tools

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var update = flag.Bool("update", false, "write docs/tools.md")

const (
	olderKafka = "3.9.2"
	partitions = 2 // of each topic
	nodes      = 2 // of each cluster, so that a group's coordinator and its partitions' leaders differ
)

// parts are two clusters and a mesh in front of them: topics that begin with bananas are of the second, all others of the first.
type parts struct {
	clusters [2]*stack.KafkaBrokers
	mesh     stack.Mesh
	envoy    *stack.EnvoyProcess
	dir      string // what is installed
}

var (
	running parts // what has been started so far
	once    = sync.OnceValue(func() error { return running.start(context.Background()) })
)

func TestMain(m *testing.M) {
	flag.Parse()
	stack.Main(m, func() error {
		running.stop()
		return nil
	})
}

// shared returns the shared parts.
func shared(t *testing.T) *parts {
	t.Helper()
	stack.Check(t, once())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Envoy's log:\n%s", stack.Tail(running.envoy.Log()))
		}
	})
	return &running
}

func (p *parts) start(ctx context.Context) error {
	if err := stack.Install(ctx, "build/install-tools.sh"); err != nil {
		return err
	}
	root, err := stack.Root()
	if err != nil {
		return err
	}
	p.dir = filepath.Join(root, ".cache", "tools")
	errs := make([]error, len(p.clusters))
	var wg sync.WaitGroup
	for i, version := range []string{stack.KafkaVersion, olderKafka} {
		wg.Go(func() {
			o := stack.KafkaOptions{Version: version, Properties: map[string]string{"group.initial.rebalance.delay.ms": "0"}}
			p.clusters[i], errs[i] = stack.StartBrokers(ctx, nodes, o, nil)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	addr, err := stack.FreeAddr()
	if err != nil {
		return err
	}
	p.mesh = stack.TwoClusters(addr, p.clusters[0].Addr(), p.clusters[1].Addr())
	p.mesh.Rules = []stack.MeshRule{{Cluster: "kafka_c2", Prefix: "bananas"}, {Cluster: "kafka_c1"}}
	p.mesh.Deleting = true
	p.mesh.Topics = "ACCESS_ALL" // the programs make topics, and Kafka Streams deletes records
	p.envoy, err = stack.StartEnvoy(ctx, stack.EnvoyOptions{Mesh: &p.mesh})
	return err
}

func (p *parts) stop() {
	if p.envoy != nil {
		p.envoy.Close()
	}
	for _, c := range p.clusters {
		if c != nil {
			c.Close()
		}
	}
}

// way is a way from a program to topics. Its name is in the names of what it makes; both have names of one length.
type way struct {
	*parts

	name string
	addr string
	mesh bool
}

// onEachWay does the same directly and through the mesh.
func onEachWay(t *testing.T, do func(t *testing.T, w way)) {
	t.Helper()
	p := shared(t)
	for _, w := range []way{{p, "kafka", p.clusters[0].Nodes[0].Addr(), false}, {p, "envoy", p.mesh.Addr, true}} {
		t.Run(w.name, func(t *testing.T) { do(t, w) })
	}
}

// apples is a name of a topic of the first cluster.
func (w way) apples(name string) string { return "apples-" + name + "-" + w.name }

// bananas is a name of a topic of the second cluster, where there is one.
func (w way) bananas(name string) string { return "bananas-" + name + "-" + w.name }

// second is the cluster that has topics that begin with bananas.
func (w way) second() *stack.KafkaBrokers {
	if w.mesh {
		return w.clusters[1]
	}
	return w.clusters[0]
}

// create makes topics of both clusters in the cluster that they are of.
func (w way) create(t *testing.T, apples, bananas []string) {
	t.Helper()
	o := stack.TopicOptions{Partitions: partitions}
	for names, c := range map[*[]string]*stack.KafkaBrokers{&apples: w.clusters[0], &bananas: w.second()} {
		if len(*names) > 0 {
			stack.Check(t, stack.Admin{Client: client(t, c)}.CreateTopics(t.Context(), o, *names...))
		}
	}
}

// client is a client of a cluster, past the mesh, until the test ends.
func client(t *testing.T, c *stack.KafkaBrokers, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	one, err := c.Client(more...)
	stack.Check(t, err)
	t.Cleanup(one.Close)
	return one
}

// write writes values into a topic of a cluster.
func write(t *testing.T, c *stack.KafkaBrokers, topic string, values ...string) {
	t.Helper()
	one := client(t, c, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	for _, value := range values {
		one.Produce(t.Context(), &kgo.Record{Topic: topic, Value: []byte(value)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("write to %s: %v", topic, err)
			}
		})
	}
	stack.Check(t, one.Flush(t.Context()))
}

// java is a command of Kafka's programs.
func (p *parts) java(ctx context.Context, class string, args ...string) *exec.Cmd {
	kafka := filepath.Join(p.dir, "kafka")
	path := filepath.Join(kafka, "classes") + string(os.PathListSeparator) + filepath.Join(kafka, "libs", "*")
	return exec.CommandContext(ctx, "java", append([]string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path, class,
	}, args...)...)
}

// launch starts a program that ends with the test at the latest.
func launch(t *testing.T, name string, cmd *exec.Cmd) *stack.Process {
	t.Helper()
	p, err := stack.Launch(name, cmd)
	stack.Check(t, err)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, stack.Tail(p.Log()))
		}
	})
	return p
}

// file makes a file of a test.
func file(t *testing.T, dir, name, format string, args ...any) string {
	t.Helper()
	path := filepath.Join(dir, name)
	stack.Check(t, os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600))
	return path
}
