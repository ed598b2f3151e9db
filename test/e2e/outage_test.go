package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestOutagesAreSaidOnce takes a broker of three away, and then all of them, while a producer sends through two workers: each outage is
// one line of the log, and its end another.
func TestOutagesAreSaidOnce(t *testing.T) {
	t.Parallel()
	kafka := stack.Brokers(t, 3, stack.KafkaOptions{}, nil)
	stack.CreateTopics(t, kafka.Nodes[0].Addr(), stack.TopicOptions{Partitions: 6, Replicas: 3}, "apples-outage")
	envoy, addr := envoyBefore(t, kafka.Addr())
	const reachable = "kafkamesh.cluster.kafka_c1.reachable"
	stack.Check(t, envoy.WaitGauge(t.Context(), reachable, 1))
	l := startLoad(t, addr, "apples-outage")
	l.wantMore(t, 1000)

	kafka.Nodes[1].Kill()
	stack.Check(t, envoy.WaitLog(t.Context(), "a broker is out of reach"))
	l.wantMore(t, 1000) // the others lead
	if n, err := envoy.Stats(t.Context(), reachable); n != 1 || err != nil {
		t.Errorf("reachable = %d, %v with two brokers of three", n, err)
	}
	stack.Check(t, kafka.Nodes[1].Start(t.Context()))
	stack.Check(t, envoy.WaitLog(t.Context(), "a broker can be reached again"))
	l.wantMore(t, 1000)

	for _, node := range kafka.Nodes {
		node.Kill()
	}
	stack.Check(t, envoy.WaitGauge(t.Context(), reachable, 0))
	restart(t, kafka)
	stack.Check(t, envoy.WaitGauge(t.Context(), reachable, 1))
	l.wantMore(t, 1000)
	l.finish(t)
	for text, want := range map[string]int{
		"a broker is out of reach": 1, "a broker can be reached again": 1, "the cluster is out of reach": 1, "the cluster can be reached again": 1,
	} {
		if got := len(linesOf(envoy.Log(), text, "cluster=kafka_c1 ")); got != want {
			t.Errorf("%q is said %d times, want %d", text, got, want)
		}
	}
	t.Logf("the log says:\n%s", strings.Join(linesOf(envoy.Log(), "cluster=kafka_c1"), "\n"))
}

func restart(t *testing.T, kafka *stack.KafkaBrokers) {
	t.Helper()
	started := make(chan error)
	for _, node := range kafka.Nodes { // none answers before most are there
		go func() { started <- node.Start(context.WithoutCancel(t.Context())) }()
	}
	for range kafka.Nodes {
		stack.Check(t, <-started)
	}
}

// linesOf are the lines that hold all of the texts.
func linesOf(log string, texts ...string) (lines []string) {
	for line := range strings.Lines(log) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}
