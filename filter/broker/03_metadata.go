package broker

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Metadata, versions 0 to 12.
//
// There is one broker, node 0, at the address that the client is to use. A topic has its cluster's real partitions (at
// most partition_count of them), topic id and leader epochs; node 0 is leader, replica and in-sync replica of each that
// has a leader. All topics: those of every cluster that the rules send there. Creation is passed on when the client
// allows it (always before version 4). A topic asked for twice is answered once.
//
// Unlike a real broker, a topic without a rule gets TOPIC_AUTHORIZATION_FAILED, and no operations are listed as
// authorized.

// clusterID is what clients are told the one cluster is called. It is the same on every replica of the proxy.
const clusterID = "kafkamesh"

// metadataCall is one Metadata request on its way.
type metadataCall struct {
	broker *Broker
	client *Client
	header wire.Header
	done   func(Answer)

	mu     sync.Mutex
	left   int
	topics []*kmsg.MetadataResponseTopic
}

func (b *Broker) metadata(c *Client, h wire.Header, body []byte, done func(Answer)) error {
	decoded, err := wire.DecodeRequest(h, body)
	if err != nil {
		return err
	}
	request := decoded.(*kmsg.MetadataRequest) //nolint:forcetypeassert // DecodeRequest gives the type of the key
	call := &metadataCall{broker: b, client: c, header: h, done: done, left: 1}
	if request.Topics == nil || h.Version == 0 && len(request.Topics) == 0 {
		call.askAll()
	} else {
		call.askNamed(request.Topics, h.Version < 4 || request.AllowAutoTopicCreation)
	}
	call.finish()
	return nil
}

// askAll lists the topics of every cluster.
func (m *metadataCall) askAll() {
	for name, up := range m.broker.upstreams {
		m.add(1)
		up.Cluster.Topics(nil, false, func(topics []wire.Topic) {
			m.take(func() {
				for i := range topics {
					if cluster, ok := m.broker.routes.Lookup(topics[i].Name); ok && cluster == name {
						m.topics = append(m.topics, describe(topics[i], up.PartitionCount))
					}
				}
			})
		})
	}
}

// askNamed asks each cluster for those of the topics that its rules match.
func (m *metadataCall) askNamed(topics []kmsg.MetadataRequestTopic, create bool) {
	names := map[string][]string{}
	slots := map[string]*kmsg.MetadataResponseTopic{}
	ids := map[[16]byte]*kmsg.MetadataResponseTopic{}
	for i := range topics {
		if topics[i].Topic == nil {
			if ids[topics[i].TopicID] == nil {
				ids[topics[i].TopicID] = m.slot(wire.Topic{ID: topics[i].TopicID, Code: wire.UnknownTopicID})
			}
			continue
		}
		name := *topics[i].Topic
		if slots[name] != nil {
			continue
		}
		cluster, ok := m.broker.routes.Lookup(name)
		if !ok {
			slots[name] = m.slot(wire.Topic{Name: name, Code: m.broker.unmatched})
			continue
		}
		slots[name] = m.slot(wire.Topic{Name: name, Code: wire.LeaderNotAvailable})
		names[cluster] = append(names[cluster], name)
	}
	for cluster, wanted := range names {
		up := m.broker.upstreams[cluster]
		m.add(1)
		up.Cluster.Topics(wanted, create, func(found []wire.Topic) {
			m.take(func() {
				for i := range found {
					*slots[found[i].Name] = *describe(found[i], up.PartitionCount)
				}
			})
		})
	}
	if len(ids) > 0 {
		m.askIDs(ids)
	}
}

// askIDs finds topics by id among all topics of all clusters: clients ask so only for what they have been told.
func (m *metadataCall) askIDs(ids map[[16]byte]*kmsg.MetadataResponseTopic) {
	for name, up := range m.broker.upstreams {
		m.add(1)
		up.Cluster.Topics(nil, false, func(topics []wire.Topic) {
			m.take(func() {
				for i := range topics {
					slot := ids[topics[i].ID]
					if cluster, ok := m.broker.routes.Lookup(topics[i].Name); slot != nil && ok && cluster == name {
						*slot = *describe(topics[i], up.PartitionCount)
					}
				}
			})
		})
	}
}

// slot keeps a place in the response, filled with t until the cluster has answered.
func (m *metadataCall) slot(t wire.Topic) *kmsg.MetadataResponseTopic {
	s := describe(t, 0)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.topics = append(m.topics, s)
	return s
}

// take has f note what a cluster has answered, and answers the client if it was the last.
func (m *metadataCall) take(f func()) {
	defer failSafe(m.done)
	func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		f()
	}()
	m.finish()
}

func (m *metadataCall) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left += n
}

// finish counts one part as answered; the last one answers the client.
func (m *metadataCall) finish() {
	m.mu.Lock()
	m.left--
	last := m.left == 0
	m.mu.Unlock()
	if !last {
		return
	}
	response := kmsg.NewPtrMetadataResponse()
	response.SetVersion(m.header.Version)
	node := kmsg.NewMetadataResponseBroker()
	node.NodeID, node.Host, node.Port = 0, m.client.Host, m.client.Port
	response.Brokers = []kmsg.MetadataResponseBroker{node}
	response.ClusterID, response.ControllerID = new(clusterID), 0
	for _, t := range m.topics {
		response.Topics = append(response.Topics, *t)
	}
	m.done(Answer{Frame: wire.AppendResponse(nil, m.header, response)})
}

// describe turns what a cluster says of a topic into what its clients are told, at most limit partitions of it.
func describe(t wire.Topic, limit int32) *kmsg.MetadataResponseTopic {
	topic := kmsg.NewMetadataResponseTopic()
	topic.ErrorCode, topic.TopicID, topic.IsInternal = int16(t.Code), t.ID, t.Internal
	if t.Code != wire.UnknownTopicID { // then the id is all there is
		topic.Topic = &t.Name
	}
	if t.Code != wire.None {
		return &topic
	}
	for _, p := range t.Partitions {
		if limit > 0 && p.Index >= limit {
			break
		}
		partition := kmsg.NewMetadataResponseTopicPartition()
		partition.Partition, partition.LeaderEpoch = p.Index, p.LeaderEpoch
		partition.Replicas = []int32{0}
		if p.Leader < 0 {
			partition.Leader, partition.ErrorCode = -1, int16(wire.LeaderNotAvailable)
		} else {
			partition.ISR = []int32{0}
		}
		topic.Partitions = append(topic.Partitions, partition)
	}
	return &topic
}
