package e2e

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// heldRate is how many bytes a second the clients of TestQuotasHoldClients may produce.
const heldRate = 400_000

// held are their client ids, which are their defaults, and how many records they send. Those of franz-go, which compresses them, are within its burst.
var held = map[string]struct {
	id    string
	count int
}{"java": {"producer-*", 6000}, "confluent": {"rdkafka", 6000}, "franz": {"kgo", 6000}}

// heldMesh is a mesh with a quota for each of them.
func heldMesh(t *testing.T, b *brokers) *stack.Mesh {
	t.Helper()
	m := stack.TwoClusters(stack.Addr(t), b.apples.Addr(), b.bananas.Addr())
	for name, h := range held {
		m.Quotas = append(m.Quotas, map[string]any{
			"name": name, "principals": []string{"*"}, "client_ids": []string{h.id}, "produce_bytes_per_second": heldRate,
		})
	}
	return &m
}

// TestQuotasHoldClients has a client of each family produce as fast as it can for some seconds, with all its settings at their defaults, in
// Envoy and without: it gets no more through than its rate, a burst and a request, and loses nothing. Nobody else is told to wait meanwhile.
func TestQuotasHoldClients(t *testing.T) {
	t.Parallel()
	b := sharedBrokers(t)
	for host, start := range stack.Hosts() {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			m := heldMesh(t, b)
			start(t, m)
			for _, c := range clients() {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					topic := "apples-held-" + host + "-" + c.name
					stack.CreateTopics(t, b.apples.Addr(), stack.TopicOptions{Partitions: 1}, topic)
					served := others(t, m.Addr, topic)
					began := time.Now()
					sent := c.mustSend(t, m.Addr, held[c.name].count, topic)
					took := time.Since(began)
					if n := served(); n == 0 {
						t.Error("nobody else was served")
					}
					verifyTopic(t, b.apples.Addr(), topic, sent)
					bytes := storedBytes(t, b.apples.Addr(), topic)
					const request = 1_100_000 // the largest that these clients send
					if most := int64(heldRate*(took.Seconds()+1)) + request; bytes > most {
						t.Errorf("%d bytes in %v, want %d at most", bytes, took, most)
					}
					t.Logf("%d bytes in %v, %.0f a second", bytes, took, float64(bytes)/took.Seconds())
				})
			}
		})
	}
}

// others has another client ask on and on until served is called, which says how often it was answered. It is never to be told to wait.
func others(t *testing.T, addr, topic string) (served func() int) {
	t.Helper()
	conn := dialRaw(t, addr)
	stop, answered := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { answered <- n }()
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			req := rawkafka.Metadata(topic)
			req.SetVersion(12)
			if ms := conn.Ask(req).(*kmsg.MetadataResponse).ThrottleMillis; ms != 0 {
				t.Errorf("somebody else is told to wait for %d ms", ms)
			}
			n++
		}
	}()
	return func() int {
		close(stop)
		return <-answered
	}
}

// storedBytes is how long the batches of a topic are, as its broker says.
func storedBytes(t *testing.T, broker, topic string) (sum int64) {
	t.Helper()
	resp := ask(t, direct(t, broker), kmsg.NewPtrDescribeLogDirsRequest())
	for _, dir := range resp.Dirs {
		for _, of := range dir.Topics {
			for _, p := range of.Partitions {
				if of.Topic == topic {
					sum += p.Size
				}
			}
		}
	}
	return sum
}
