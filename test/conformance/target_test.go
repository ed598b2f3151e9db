package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// oldKafka is the second oracle, the last line before Kafka 4 dropped old versions of the protocol.
const oldKafka = "3.9.2"

// target is something that takes itself for a broker: an oracle, or the mesh in front of it.
type target struct {
	name   string // part of the names of its topics
	host   string // kafka, serve, envoy, ruled or narrow
	addr   string
	oracle *oracle

	mu     sync.Mutex
	next   int32 // partition of the plain topic that no scenario has used
	closer func()
	log    func() string
}

// mesh tells whether t is the mesh, and not Kafka itself.
func (t *target) mesh() bool { return t.host != "kafka" }

// topic is the name of one of the target's own topics.
func (t *target) topic(kind string) string { return kind + "-" + t.name }

// held is the end of a partition, which its broker is asked for.
func (t *target) held(topic string, partition int32) (int64, error) {
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp = partition, -1
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	resp, err := rawkafka.Ask[*kmsg.ListOffsetsResponse](t.oracle.addr, clientID, 6, req)
	if err != nil {
		return 0, err
	}
	return resp.Topics[0].Partitions[0].Offset, nil
}

var started struct {
	once    sync.Once
	err     error
	targets []*target
	oracles []*oracle
}

// targets are the oracles, the mesh in each of its hosts, which lets clients administer topics; ruled, whose own rules say who may do what,
// in place of the oracle's; and narrow: a mesh without a catch-all rule, with default settings.
func targets(t *testing.T) []*target {
	t.Helper()
	started.once.Do(func() { started.err = startTargets(context.Background()) })
	stack.Check(t, started.err)
	return started.targets
}

func startTargets(ctx context.Context) error {
	versions := []string{stack.KafkaVersion, oldKafka}
	started.oracles = make([]*oracle, len(versions))
	errs := make([]error, len(versions))
	var starting sync.WaitGroup
	for i, v := range versions {
		starting.Go(func() { started.oracles[i], errs[i] = startOracle(ctx, v) })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	current, old := started.oracles[0], started.oracles[1]
	for _, start := range []func() (*target, error){
		func() (*target, error) { return direct(current), nil },
		func() (*target, error) { return direct(old), nil },
		func() (*target, error) { return serve(ctx, current) },
		func() (*target, error) { return serve(ctx, old) },
		func() (*target, error) { return envoy(ctx, current) },
		func() (*target, error) { return ruled(ctx, current) },
		func() (*target, error) { return narrow(ctx, current) },
	} {
		t, err := start()
		if err != nil {
			return err
		}
		started.targets = append(started.targets, t)
	}
	for i, o := range started.oracles {
		starting.Go(func() { errs[i] = prepare(ctx, o, started.targets) })
	}
	starting.Wait()
	return errors.Join(errs...)
}

func direct(o *oracle) *target {
	return &target{name: "kafka", host: "kafka", addr: o.addr, oracle: o, closer: func() {}, log: o.kafkas[0].Log}
}

// meshOf is a mesh in front of o that sends it the topics with a prefix. What it knows is asked for again every second,
// so that scenarios need not wait for minutes.
func meshOf(o *oracle, prefix string, producer map[string]string) (*stack.Mesh, error) {
	port, err := stack.FreePort()
	return &stack.Mesh{
		Addr:     stack.Local(port),
		Clusters: []stack.MeshCluster{{Name: "kafka", Bootstrap: o.addr, Producer: producer}},
		Rules:    []stack.MeshRule{{Cluster: "kafka", Prefix: prefix}},
	}, err
}

// openMesh is one that sends o all topics, and lets clients administer them.
func openMesh(o *oracle) (*stack.Mesh, error) {
	m, err := meshOf(o, "", quick())
	m.Deleting = true
	m.Topics = "ACCESS_ALL"
	m.Quotas = meshQuotas()
	return m, err
}

func quick() map[string]string {
	return map[string]string{"topic.metadata.refresh.interval.ms": "1000"}
}

func serve(ctx context.Context, o *oracle) (*target, error) {
	m, err := openMesh(o)
	if err != nil {
		return nil, err
	}
	return standalone(ctx, "serve", o, m)
}

// ruled is a mesh whose rules say of its topics what the oracle's ACLs say of those of the others.
func ruled(ctx context.Context, o *oracle) (*target, error) {
	m, err := openMesh(o)
	if err != nil {
		return nil, err
	}
	const name = "ruled" // as long as the others: sizes are compared
	everybody, all := []string{"*"}, []string{"OPERATION_ALL"}
	for _, k := range kinds {
		if k.denied != 0 {
			operation := "OPERATION_" + k.denied.String()
			m.Authorized = append(m.Authorized, map[string]any{
				"effect": "EFFECT_DENY", "principals": everybody, "operations": []string{operation}, "topics": []string{k.name + "-" + name},
			})
		}
	}
	m.Authorized = append(m.Authorized, map[string]any{
		"effect": "EFFECT_DENY", "principals": everybody, "operations": all, "groups": []string{hushed + "-" + name},
	}, map[string]any{
		"effect": "EFFECT_DENY", "principals": everybody, "operations": []string{"OPERATION_DESCRIBE"}, "cluster": true,
	}, map[string]any{
		"effect": "EFFECT_ALLOW", "principals": everybody, "operations": all, "topics": everybody, "groups": everybody, "transactional_ids": everybody, "cluster": true,
	})
	return standalone(ctx, name, o, m)
}

func narrow(ctx context.Context, o *oracle) (*target, error) {
	m, err := meshOf(o, "plain", nil)
	if err != nil {
		return nil, err
	}
	return standalone(ctx, "narrow", o, m)
}

func standalone(ctx context.Context, name string, o *oracle, m *stack.Mesh) (*target, error) {
	p, err := stack.StartStandalone(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &target{name: name, host: name, addr: m.Addr, oracle: o, closer: p.Close, log: p.Log}, nil
}

func envoy(ctx context.Context, o *oracle) (*target, error) {
	m, err := openMesh(o)
	if err != nil {
		return nil, err
	}
	config, err := m.Bootstrap()
	if err != nil {
		return nil, err
	}
	p, err := stack.StartEnvoy(ctx, stack.EnvoyOptions{Config: config})
	if err != nil {
		return nil, err
	}
	return &target{name: "envoy", host: "envoy", addr: m.Addr, oracle: o, closer: p.Close, log: p.Log}, nil
}

func stopTargets() {
	for _, t := range started.targets {
		t.closer()
	}
	var stopping sync.WaitGroup
	for _, o := range started.oracles {
		if o != nil {
			stopping.Go(o.close)
		}
	}
	stopping.Wait()
}

// until calls done until it reports true, for a bounded time.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
