package alerts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// estate is two clusters, one of which answers some batches with an error while it is sick, and one that nobody reaches.
type estate struct {
	orders, bills *stack.FakeCluster
	sick          atomic.Bool
	dead          string
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{orders: stack.Fake(t, stack.FakeOptions{}), bills: stack.Fake(t, stack.FakeOptions{}), dead: stack.Addr(t)}
	e.sick.Store(true)
	var n atomic.Int32
	e.bills.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		e.bills.KeepControl()
		if !e.sick.Load() || n.Add(1)%5 != 0 {
			return nil, nil, false
		}
		return refusal(r.(*kmsg.ProduceRequest)), nil, true //nolint:forcetypeassert // of this key
	})
	return e
}

// refusal answers every batch with NOT_ENOUGH_REPLICAS, which clients retry.
func refusal(r *kmsg.ProduceRequest) *kmsg.ProduceResponse {
	const notEnoughReplicas = 19
	resp := r.ResponseKind().(*kmsg.ProduceResponse) //nolint:forcetypeassert // of this request
	for _, t := range r.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, notEnoughReplicas
			topic.Partitions = append(topic.Partitions, partition)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// config is a mesh in front of the estate.
func (e *estate) config() string {
	return fmt.Sprintf(`
topic_metrics: [orders.new]
access_log: {path: %q, share: 0.01}
upstream_clusters: [{cluster_name: orders, bootstrap_servers: %q}, {cluster_name: bills, bootstrap_servers: %q}, {cluster_name: archive, bootstrap_servers: %q}]
forwarding_rules: [{target_cluster: orders, topic_prefix: orders.}, {target_cluster: bills, topic_prefix: bills.}, {target_cluster: archive, topic_prefix: archive.}]
`, os.DevNull, e.orders.Addr(), e.bills.Addr(), e.dead)
}

// envoy is an Envoy with that mesh, whose metrics have labels.
func (e *estate) envoy(t *testing.T) (addr string, target stack.PrometheusTarget) {
	t.Helper()
	whole, err := os.ReadFile("../../envoy.yaml")
	stack.Check(t, err)
	_, tags, _ := strings.Cut(string(whole), "\nstats_config:\n")
	addr = stack.Addr(t)
	p := stack.Envoy(t, stack.EnvoyOptions{Config: stack.Bootstrap(addr, stack.AsString(e.config())) + "stats_config:\n" + tags})
	return addr, stack.PrometheusTarget{Job: "envoy", Addr: p.Admin(), Path: "/stats/prometheus"}
}

// plain is the plain binary with that mesh.
func (e *estate) plain(t *testing.T) (addr string, target stack.PrometheusTarget) {
	t.Helper()
	mesh := stack.Mesh{Addr: stack.Addr(t), Text: e.config()}
	p := stack.Standalone(t, &mesh)
	return mesh.Addr, stack.PrometheusTarget{Job: "kafkamesh", Addr: p.Admin(), Path: "/metrics"}
}

// start has clients of all kinds use the mesh at addr until the test ends: producers, one that names a topic without a rule, a
// consumer, one that speaks TLS. It stops and waits for them when the test ends.
func start(t *testing.T, addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	for _, topic := range []string{"orders.new", "orders.paid", "bills.sent"} {
		all.Go(func() { produce(ctx, t, addr, topic) })
	}
	all.Go(func() { strangers(ctx, t, addr) })
}

// pace is the time between what one client does and what it does next.
const pace = 5 * time.Millisecond

// produce sends a record at a time. What comes of it is not looked at: some of it fails on purpose.
func produce(ctx context.Context, t *testing.T, addr, topic string) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(0), kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(1))
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	value := make([]byte, 500)
	for every(ctx, pace) {
		c.Produce(ctx, &kgo.Record{Topic: topic, Value: value}, nil)
	}
}

// strangers are clients that are refused something.
func strangers(ctx context.Context, t *testing.T, addr string) {
	t.Helper()
	for every(ctx, 20*pace) {
		_, err := rawkafka.Ask[*kmsg.MetadataResponse](addr, "lost", 9, rawkafka.Metadata("nowhere"))
		coordinator := kmsg.NewPtrFindCoordinatorRequest()
		coordinator.CoordinatorKey, coordinator.CoordinatorType = "transfers", 1 // a transaction's
		_, err2 := rawkafka.Ask[*kmsg.FindCoordinatorResponse](addr, "transactions", 3, coordinator)
		if err = errors.Join(err, err2, handshake(ctx, addr)); err != nil && ctx.Err() == nil {
			t.Errorf("a stranger: %v", err)
			return
		}
	}
}

// handshake begins one of TLS, and lets the mesh close the connection.
func handshake(ctx context.Context, addr string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	_, err = c.Write([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))
	_, _ = c.Read(make([]byte, 1)) // until it is closed
	return errors.Join(err, c.Close())
}

// every waits for a time, and tells whether to go on.
func every(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
