package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// KafkaBrokers is an Apache Kafka cluster of several nodes, each broker and controller in one process. Each is stopped, killed,
// paused and started by itself. Unlike one node they take the broker that is killed for dead in seconds.
type KafkaBrokers struct {
	Nodes []*KafkaCluster // node n is at n-1
}

// StartBrokers starts a cluster of n nodes. Properties of a node that differ from the others' are given by each, which is called
// with the number of the node, from 1, and may be nil.
func StartBrokers(ctx context.Context, n int, o KafkaOptions, each func(node int, o *KafkaOptions)) (*KafkaBrokers, error) {
	voters := make([]string, n)
	for i := range voters {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		voters[i] = Local(port)
	}
	b := &KafkaBrokers{}
	for i := range n {
		one := o
		one.node, one.voters, one.Properties = i+1, voters, replicated(n)
		maps.Copy(one.Properties, o.Properties)
		if each != nil {
			each(i+1, &one)
		}
		k, err := formatKafka(ctx, &one)
		if err != nil {
			b.Close()
			return nil, err
		}
		b.Nodes = append(b.Nodes, k)
	}
	if err := b.start(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// replicated is what brokers have that are several.
func replicated(n int) map[string]string {
	factor, least := strconv.Itoa(min(n, 3)), strconv.Itoa(min(n, 2))
	return map[string]string{
		"default.replication.factor":               factor,
		"offsets.topic.replication.factor":         factor,
		"transaction.state.log.replication.factor": factor,
		"min.insync.replicas":                      least,
		"broker.session.timeout.ms":                "6000",
		"broker.heartbeat.interval.ms":             "1000",
	}
}

// Addr is where clients reach the brokers, those that are there.
func (b *KafkaBrokers) Addr() string {
	addrs := make([]string, len(b.Nodes))
	for i, k := range b.Nodes {
		addrs[i] = k.Addr()
	}
	return strings.Join(addrs, ",")
}

// Client is a client of the cluster.
func (b *KafkaBrokers) Client(more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(b.Addr(), ",")...)}, more...)...)
}

// Close stops all nodes and removes their data. It kills them: a node that ends in order waits for a leader.
func (b *KafkaBrokers) Close() {
	for _, k := range b.Nodes {
		if k.Process != nil {
			k.Kill()
		}
		k.Close()
	}
}

// start starts all nodes at once: none answers before most are there.
func (b *KafkaBrokers) start(ctx context.Context) error {
	errs := make([]error, len(b.Nodes))
	var wg sync.WaitGroup
	for i, k := range b.Nodes {
		wg.Go(func() { errs[i] = k.Start(ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return b.await(ctx, b.whole)
}

// whole reports an error as long as a broker is missing.
func (b *KafkaBrokers) whole(ctx context.Context) error {
	client, err := b.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := rawkafka.Metadata().RequestWith(ctx, client)
	if err == nil && len(answer.Brokers) < len(b.Nodes) {
		err = fmt.Errorf("%d of %d brokers", len(answer.Brokers), len(b.Nodes))
	}
	return err
}

func (b *KafkaBrokers) await(ctx context.Context, ready func(context.Context) error) error {
	return b.Nodes[0].wait(ctx, "the cluster", ready)
}
