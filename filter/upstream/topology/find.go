package topology

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Find gives the address of a broker, from memory or when the cluster has been asked. done is called once, from any goroutine and possibly
// before Find returns. Coordinators are not found here.
func (m *Map) Find(b target.Broker, done func(addr string, err error)) {
	if addr, ok := m.find(b); ok {
		done(addr, nil)
		return
	}
	learned := func([]wire.Topic) {
		addr, ok := m.find(b)
		if !ok {
			done("", fmt.Errorf("the cluster does not say who is %s", b))
			return
		}
		done(addr, nil)
	}
	if b.Role() == target.RoleLeader {
		topic, _ := b.Partition()
		m.Topics([]string{topic}, false, learned)
		return
	}
	if !m.askBrokers(learned) {
		learned(nil)
	}
}

// Address is where a broker is, from memory; empty: nobody knows.
func (m *Map) Address(node int32) string {
	addr, _ := m.find(target.Node(node))
	return addr
}

// Await is Find for who can wait.
func (m *Map) Await(ctx context.Context, b target.Broker) (addr string, err error) {
	type answer struct {
		addr string
		err  error
	}
	found := make(chan answer, 1)
	m.Find(b, func(addr string, err error) { found <- answer{addr, err} })
	select {
	case a := <-found:
		return a.addr, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// find looks a broker up in memory.
func (m *Map) find(b target.Broker) (addr string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := int32(-1)
	switch b.Role() {
	case target.RoleAny:
		for node = range m.brokers {
			break
		}
	case target.RoleNode:
		node = b.Node()
	case target.RoleLeader:
		if p, known := m.partition(b.Partition()); known {
			node = p.Leader
		}
	case target.RoleController:
		node = m.controller
	case target.RoleCoordinator:
	}
	addr, ok = m.brokers[node]
	return addr, ok
}

// partition is what is known of a partition and not doubted. m.mu is held.
func (m *Map) partition(topic string, partition int32) (p wire.Partition, known bool) {
	t := m.topics[topic]
	if t == nil || t.doubted || partition < 0 || int(partition) >= len(t.meta.Partitions) {
		return p, false
	}
	t.used = time.Now()
	return t.meta.Partitions[partition], true
}

// Leaders says of each partition, in the order named, who leads it: from memory, or when the cluster has been asked about those that memory
// does not know. One that nobody leads has the Leader -1 and a Code. done is called once, from any goroutine and possibly before Leaders
// returns.
func (m *Map) Leaders(partitions []wire.TopicPartition, done func([]wire.Partition)) {
	found, missing := m.leaders(partitions)
	if len(missing) == 0 {
		done(found)
		return
	}
	m.Topics(missing, false, func(said []wire.Topic) {
		codes := make(map[string]wire.ErrorCode, len(said))
		for i := range said {
			codes[said[i].Name] = said[i].Code
		}
		found, _ := m.leaders(partitions)
		for i := range found {
			if p := &found[i]; p.Leader < 0 {
				p.Code = lacking(p.Code, codes, partitions[i].Topic)
			}
		}
		done(found)
	})
}

// lacking is why a partition has no leader, of which the cluster was asked: codes are what it said of topics.
func lacking(known wire.ErrorCode, codes map[string]wire.ErrorCode, topic string) wire.ErrorCode {
	switch code, asked := codes[topic]; {
	case code != wire.None:
		return code
	case known != wire.None:
		return known
	case asked: // the topic is there
		return wire.UnknownTopicOrPartition
	default:
		return wire.LeaderNotAvailable
	}
}

// leaders looks partitions up in memory, and names the topics, each once, of which that does not know enough.
func (m *Map) leaders(partitions []wire.TopicPartition) (found []wire.Partition, missing []string) {
	found = make([]wire.Partition, len(partitions))
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[string]bool{}
	for i, want := range partitions {
		p, known := m.partition(want.Topic, want.Partition)
		if known && p.Leader >= 0 {
			found[i] = p
			continue
		}
		found[i] = wire.Partition{Index: want.Partition, Code: p.Code, Leader: -1, LeaderEpoch: -1}
		if !seen[want.Topic] {
			seen[want.Topic] = true
			missing = append(missing, want.Topic)
		}
	}
	return found, missing
}

// Nodes lists the node ids of the cluster's brokers, in order: those that it names now or, if it cannot be asked, those that it last named.
// done is called once, from any goroutine and possibly before Nodes returns.
func (m *Map) Nodes(done func(ids []int32)) {
	learned := func([]wire.Topic) { done(m.nodes()) }
	if !m.askBrokers(learned) {
		learned(nil)
	}
}

func (m *Map) nodes() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.brokers))
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
