package topology

import (
	"context"
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Target says which broker of a cluster is meant. The zero Target is any of them.
type Target struct {
	kind   kind
	number int32 // the node id, or the partition
	topic  string
}

// kind is what a target is known by.
type kind uint8

const (
	anyBroker kind = iota
	brokerOf       // a node id
	leaderOf       // a partition
	controller
)

// Broker is the broker with a node id.
func Broker(node int32) Target { return Target{kind: brokerOf, number: node} }

// Leader is the broker that leads a partition.
func Leader(topic string, partition int32) Target { return Target{leaderOf, partition, topic} }

// Controller is the broker that is the cluster's controller, or that says so.
func Controller() Target { return Target{kind: controller} }

// String says which broker is meant.
func (t Target) String() string {
	switch t.kind {
	case brokerOf:
		return fmt.Sprintf("broker %d", t.number)
	case leaderOf:
		return fmt.Sprintf("the leader of %s/%d", t.topic, t.number)
	case controller:
		return "the controller"
	default:
		return "any broker"
	}
}

// Find gives the address of a broker, from memory or when the cluster has been asked. done is called once, from any goroutine and possibly
// before Find returns.
func (m *Map) Find(t Target, done func(addr string, err error)) {
	if addr, ok := m.find(t); ok {
		done(addr, nil)
		return
	}
	learned := func([]wire.Topic) {
		addr, ok := m.find(t)
		if !ok {
			done("", fmt.Errorf("the cluster does not say who is %s", t))
			return
		}
		done(addr, nil)
	}
	if t.kind == leaderOf {
		m.Topics([]string{t.topic}, false, learned)
		return
	}
	if !m.askBrokers(learned) {
		learned(nil)
	}
}

// Await is Find for who can wait.
func (m *Map) Await(ctx context.Context, t Target) (addr string, err error) {
	type answer struct {
		addr string
		err  error
	}
	found := make(chan answer, 1)
	m.Find(t, func(addr string, err error) { found <- answer{addr, err} })
	select {
	case a := <-found:
		return a.addr, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// find looks a broker up in memory.
func (m *Map) find(t Target) (addr string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := int32(-1)
	switch t.kind {
	case anyBroker:
		for node = range m.brokers {
			break
		}
	case brokerOf:
		node = t.number
	case leaderOf:
		if known := m.topics[t.topic]; known != nil && !known.doubted && t.number >= 0 && int(t.number) < len(known.meta.Partitions) {
			node = known.meta.Partitions[t.number].Leader
		}
	case controller:
		node = m.controller
	}
	addr, ok = m.brokers[node]
	return addr, ok
}

// askBrokers has the cluster asked for its brokers. It reports false if that cannot be asked now.
func (m *Map) askBrokers(done func([]wire.Topic)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.draining || m.failing {
		return false
	}
	m.asks = append(m.asks, ask{names: []string{}, done: done})
	m.run()
	return true
}
