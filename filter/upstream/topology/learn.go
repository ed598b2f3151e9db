package topology

import (
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// learn takes over what came of a round.
func (m *Map) learn(n *News) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.Brokers != nil {
		m.brokers, m.controller = n.Brokers, n.Controller
	}
	for _, name := range n.Asked {
		meta, said := n.Topics[name]
		t := m.topics[name]
		switch {
		case said && meta.Code == wire.None && t == nil:
			m.topics[name] = &topic{meta: meta, asked: now, used: now}
		case said && meta.Code == wire.None:
			t.meta, t.asked, t.doubted = meta, now, false
		case said || n.Err == nil: // an error, or nothing of it
			delete(m.topics, name)
		case t != nil:
			t.doubted = false // could not be asked: go on with what is known
		}
	}
}

// said is one answer of a broker.
type said struct {
	brokers    map[int32]string
	addresses  []string // of the brokers, in the answer's order
	controller int32
	cluster    string
	topics     []wire.Topic
	took       time.Duration // to be answered
}

// read takes a Metadata response apart.
func read(r *kmsg.MetadataResponse) said {
	s := said{brokers: make(map[int32]string, len(r.Brokers)), controller: r.ControllerID}
	if r.ClusterID != nil {
		s.cluster = *r.ClusterID
	}
	for _, b := range r.Brokers {
		addr := net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
		s.brokers[b.NodeID] = addr
		s.addresses = append(s.addresses, addr)
	}
	for i := range r.Topics {
		if r.Topics[i].Topic != nil {
			s.topics = append(s.topics, convert(&r.Topics[i]))
		}
	}
	return s
}

// convert turns kmsg's topic into ours: its partitions by index, none missing.
func convert(t *kmsg.MetadataResponseTopic) wire.Topic {
	topic := wire.Topic{Name: *t.Topic, ID: t.TopicID, Code: wire.ErrorCode(t.ErrorCode), Internal: t.IsInternal}
	topic.Partitions = make([]wire.Partition, len(t.Partitions))
	for i := range topic.Partitions {
		topic.Partitions[i] = wire.Partition{Index: int32(i), Code: wire.LeaderNotAvailable, Leader: -1, LeaderEpoch: -1}
	}
	for _, p := range t.Partitions {
		if p.Partition < 0 || int(p.Partition) >= len(topic.Partitions) {
			continue // Kafka numbers them from zero without gaps
		}
		topic.Partitions[p.Partition] = wire.Partition{
			Index: p.Partition, Code: wire.ErrorCode(p.ErrorCode), Leader: p.Leader, LeaderEpoch: p.LeaderEpoch,
		}
	}
	return topic
}
