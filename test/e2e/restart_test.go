package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

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

// load is a producer with default settings that sends some thousand records a second to a topic until it is told to stop.
type load struct {
	client *kgo.Client
	topic  string
	stop   context.CancelFunc
	done   chan struct{}
	sent   int
	stored atomic.Int64 // acknowledged so far

	mu       sync.Mutex
	failures []string
}

func startLoad(t *testing.T, addr, topic string, more ...kgo.Opt) *load {
	t.Helper()
	client := stack.Client(t, addr, more...)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	l := &load{client: client, topic: topic, stop: stop, done: make(chan struct{})}
	go l.run(ctx)
	return l
}

func (l *load) run(ctx context.Context) {
	defer close(l.done)
	for ctx.Err() == nil {
		for range 10 {
			i := l.sent
			l.sent++
			// The context is not ours: what was sent before the end has to arrive.
			l.client.Produce(context.Background(), record("load", l.topic, i), func(_ *kgo.Record, err error) {
				if err == nil {
					l.stored.Add(1)
					return
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				l.failures = append(l.failures, fmt.Sprintf("%d: %v", i, err))
			})
		}
		time.Sleep(3 * time.Millisecond)
	}
}

// wantMore waits until so many more records than now are acknowledged.
func (l *load) wantMore(t *testing.T, records int64) {
	t.Helper()
	want := l.stored.Load() + records
	stack.Wait(t, fmt.Sprintf("%d more records in %s", records, l.topic), func() error {
		if got := l.stored.Load(); got < want {
			return fmt.Errorf("%d of %d are acknowledged", got, want)
		}
		return nil
	})
}

// finish stops the load, waits until everything is answered, and fails the test if anything failed.
func (l *load) finish(t *testing.T) sending {
	t.Helper()
	l.stop()
	<-l.done
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.client.Flush(ctx); err != nil {
		t.Fatalf("flush: %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) > 0 {
		t.Fatalf("%d of %d records failed:\n%s", len(l.failures), l.sent, firstLines(strings.Join(l.failures, "\n")))
	}
	t.Logf("%d records", l.sent)
	return sending{client: "load", count: l.sent, topics: []string{l.topic}}
}
