package e2e

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestProducersReachTheirCluster is the main job, end to end.
//
//nolint:tparallel // the clients send together, and then what they sent is verified
func TestProducersReachTheirCluster(t *testing.T) {
	t.Parallel()
	p := shared(t)
	const count = 20_000
	apples := []string{"apples-red", "apples-green"}
	bananas := []string{"bananas-ripe", "bananas-not-yet"}
	topics := slices.Concat(apples, bananas)
	stack.CreateTopics(t, p.apples.Addr(), stack.TopicOptions{Partitions: 3}, apples...)
	stack.CreateTopics(t, p.bananas.Addr(), stack.TopicOptions{Partitions: 3}, bananas...)

	sent := sendAtOnce(t, p.mesh.Addr, count, topics...)

	for _, topic := range apples {
		verifyTopic(t, p.apples.Addr(), topic, sent...)
	}
	for _, topic := range bananas {
		verifyTopic(t, p.bananas.Addr(), topic, sent...)
	}
	verifyApart(t, p)
}

// TestProducersCreateTopics sends to topics that are not there yet.
func TestProducersCreateTopics(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			apples, bananas := "apples-created-by-"+c.name, "bananas-created-by-"+c.name
			sent := c.mustSend(t, p.mesh.Addr, 40, apples, bananas)
			verifyTopic(t, p.apples.Addr(), apples, sent)
			verifyTopic(t, p.bananas.Addr(), bananas, sent)
			verifyApart(t, p)
		})
	}
}

// TestProducersAgainstKafkaItself proves the checks above: the same, with no mesh between.
//
//nolint:tparallel // the clients send together, and then what they sent is verified
func TestProducersAgainstKafkaItself(t *testing.T) {
	t.Parallel()
	p := sharedBrokers(t)
	topics := []string{"oracle-1", "oracle-2", "oracle-3", "oracle-4"}
	stack.CreateTopics(t, p.apples.Addr(), stack.TopicOptions{Partitions: 3}, topics...)
	sent := sendAtOnce(t, p.apples.Addr(), 1000, topics...)
	for _, topic := range topics {
		verifyTopic(t, p.apples.Addr(), topic, sent...)
	}
}

// sendAtOnce has all clients send at the same time.
func sendAtOnce(t *testing.T, addr string, count int, topics ...string) []sending {
	t.Helper()
	var mu sync.Mutex
	var sent []sending
	t.Run("send", func(t *testing.T) {
		for _, c := range clients() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				s := c.mustSend(t, addr, count, topics...)
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, s)
			})
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return sent
}

// verifyApart checks that neither cluster holds a topic of the other.
func verifyApart(t *testing.T, p *parts) {
	t.Helper()
	foreign := func(addr, prefix string) {
		for _, topic := range direct(t, addr).topics(t) {
			if strings.HasPrefix(topic, prefix) {
				t.Errorf("%s has topic %s, which belongs into the other cluster", addr, topic)
			}
		}
	}
	foreign(p.apples.Addr(), "bananas")
	foreign(p.bananas.Addr(), "apples")
}
