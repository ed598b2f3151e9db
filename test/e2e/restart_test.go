package e2e

import (
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestUpstreamRestartLosesNothing stops Kafka while a default producer sends, and starts it again on its data: every record is
// stored, in order.
//
// Some may be stored twice: a Kafka 4.3.1 of one node that ends with answers outstanding does not know all sequences
// again, and stores the producer's retry. It does so without us too: with the producer connected directly, 3 of 6 runs
// had repeated records when Kafka was stopped, and 2 of 5 when it was killed.
func TestUpstreamRestartLosesNothing(t *testing.T) {
	t.Parallel()
	kafka := stack.Kafka(t, stack.KafkaOptions{Properties: map[string]string{
		"broker.session.timeout.ms": "6000", // until it has ended the broker cannot come back
	}})
	stack.CreateTopics(t, kafka.Addr(), stack.TopicOptions{Partitions: 3}, "apples-restart")
	envoy, addr := envoyBefore(t, kafka.Addr())
	l := startLoad(t, addr, "apples-restart")
	l.wantMore(t, 1000)
	kafka.Stop()
	stack.Check(t, envoy.WaitGauge(t.Context(), "kafkamesh.cluster.kafka_c1.connections", 0)) // everything under way has failed
	stack.Check(t, kafka.Start(t.Context()))
	l.wantMore(t, 1000)
	sent := l.finish(t)
	sent.repeats = true
	verifyTopic(t, kafka.Addr(), "apples-restart", sent)
	stack.WantAlive(t, envoy.Process)
}

// TestLeaderMovesLoseNothing moves the leaders of partitions about while a default producer sends.
func TestLeaderMovesLoseNothing(t *testing.T) {
	t.Parallel()
	const topic, partitions, nodes, moves = "apples-move", 6, 3, 40
	broker := stack.Fake(t, stack.FakeOptions{Nodes: nodes, More: []kfake.Opt{kfake.SeedTopics(partitions, topic)}})
	envoy, addr := envoyBefore(t, broker.Addr())
	l := startLoad(t, addr, topic)
	for range moves {
		l.wantMore(t, 100)
		if err := broker.MoveTopicPartition(topic, rand.Int32N(partitions), rand.Int32N(nodes)); err != nil {
			t.Fatal(err)
		}
	}
	sent := l.finish(t)
	verifyTopic(t, broker.Addr(), topic, sent)
	stack.WantAlive(t, envoy.Process)
}

func envoyBefore(t *testing.T, broker string) (*stack.EnvoyProcess, string) {
	t.Helper()
	mesh := stack.TwoClusters(stack.Addr(t), broker, broker)
	return stack.Envoy(t, stack.EnvoyOptions{Mesh: &mesh}), mesh.Addr
}
