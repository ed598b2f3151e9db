package e2e

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestSmallBatchesShareRequests has many clients, idempotent and not, produce small batches to the same partitions, in Envoy
// with one worker: batches share requests, and every record is stored once and in order.
func TestSmallBatchesShareRequests(t *testing.T) {
	t.Parallel()
	const producers, each = 48, 400
	p := sharedBrokers(t)
	topics := []string{"apples-shared-request", "apples-shared-request-too"}
	stack.CreateTopics(t, p.apples.Addr(), stack.TopicOptions{Partitions: 8}, topics...)
	mesh := stack.TwoClusters(stack.Addr(t), p.apples.Addr(), p.bananas.Addr())
	envoy := stack.Envoy(t, stack.EnvoyOptions{Mesh: &mesh, Concurrency: 1})

	sent := make([]sending, producers)
	var work sync.WaitGroup
	for i := range sent {
		sent[i] = sending{client: fmt.Sprint("producer-", i), count: each, topics: topics}
		work.Go(func() {
			opts := []kgo.Opt{kgo.SeedBrokers(mesh.Addr), kgo.ProducerBatchMaxBytes(4 << 10), kgo.ProducerLinger(0)}
			if i%3 == 0 {
				opts = append(opts, kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()), kgo.MaxProduceRequestsInflightPerBroker(1))
			}
			c, err := kgo.NewClient(opts...)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if got := sendAll(t.Context(), c, sent[i]); got.stored != each {
				t.Errorf("%s stored %d of %d records:\n%s", sent[i].client, got.stored, each, firstLines(got.failures))
			}
		})
	}
	work.Wait()
	for _, topic := range topics {
		verifyTopic(t, p.apples.Addr(), topic, sent...)
	}
	batches, requests := upstreamStat(t, envoy, "batches"), upstreamStat(t, envoy, "requests")
	t.Logf("%d batches in %d requests", batches, requests)
	if requests == 0 || 2*requests > batches {
		t.Errorf("%d batches left in %d requests: they do not share them", batches, requests)
	}
}

func upstreamStat(t *testing.T, envoy *stack.EnvoyProcess, name string) int64 {
	t.Helper()
	n, err := envoy.Stats(t.Context(), "kafkamesh.cluster.kafka_c1."+name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
