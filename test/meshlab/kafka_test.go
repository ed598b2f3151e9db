//go:build onrequest

package meshlab_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/meshlab"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// cluster is an Apache Kafka of one broker in a pod.
type cluster struct {
	pod  *meshlab.Pod
	addr string // that it advertises: its pod's
}

// properties of a broker that tells clients to come to its pod's address, as those behind a headless Service do.
const properties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://%s
log.dirs=%s
log.cleaner.enable=false
num.partitions=3
`

// startKafka starts one until the test ends.
func startKafka(t *testing.T, pod *meshlab.Pod) *cluster {
	t.Helper()
	libs, err := stack.KafkaLibs(t.Context(), stack.KafkaVersion)
	stack.Check(t, err)
	k := &cluster{pod: pod, addr: pod.IP + ":9092"}
	dir := t.TempDir()
	file := filepath.Join(dir, "server.properties")
	stack.Check(t, os.WriteFile(file, fmt.Appendf(nil, properties, k.addr, filepath.Join(dir, "data")), 0o600))
	java := func(args ...string) *exec.Cmd {
		return exec.Command("java", append([]string{
			"-Xms64m", "-Xmx160m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true",
			"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(libs, "*"),
		}, args...)...)
	}
	if out, err := java("kafka.tools.StorageTool", "format", "--cluster-id", "AAAAAAAAAAAAAAAAAAAAAA", "--config", file).CombinedOutput(); err != nil {
		t.Fatalf("format Kafka's storage: %v\n%s", err, out)
	}
	stack.Check(t, pod.Start(java("kafka.Kafka", file)))
	ctx, cancel := context.WithTimeout(t.Context(), stack.StartTimeout)
	defer cancel()
	client := k.client(t)
	for client.Ping(ctx) != nil {
		select {
		case <-ctx.Done():
			t.Fatalf("Kafka in %s does not answer", pod.Name)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return k
}

// client is a client in the broker's own pod, which meets no sidecar.
func (k *cluster) client(t *testing.T, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers("127.0.0.1:9092"), kgo.AllowAutoTopicCreation(),
		kgo.Dialer(func(ctx context.Context, network, _ string) (conn netConn, err error) {
			return k.pod.Dial(ctx, network, "127.0.0.1:9092")
		}),
	}, more...)...)
	stack.Check(t, err)
	t.Cleanup(c.Close)
	return c
}

// count counts the records of a topic, once each by their value.
func (k *cluster) count(t *testing.T, topic string, want int) map[string]int {
	t.Helper()
	c := k.client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), stack.StartTimeout)
	defer cancel()
	found := map[string]int{}
	for n := 0; n < want; {
		fetched := c.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%s has %d records, want %d", topic, n, want)
		}
		fetched.EachRecord(func(r *kgo.Record) { found[string(r.Value)]++; n++ })
	}
	return found
}
