package broker

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// metadataAPI tells of one broker and the topics' real partitions.
//
// There is one broker, node 0, at the address that the client is to use. A topic has its cluster's real partitions (at
// most partition_count of them), topic id and leader epochs; node 0 is leader, replica and in-sync replica of each that
// has a leader. All topics: those of every cluster that the rules send there. Creation is passed on when the client
// allows it (always before version 4). A topic asked for twice is answered once. A name that no topic can have gets
// INVALID_TOPIC_EXCEPTION, here and not from its cluster.
//
// Unlike a real broker, a topic without a rule gets TOPIC_AUTHORIZATION_FAILED, unless configured otherwise; twice if it is asked for
// alone with version 1. No operations are listed as authorized. Version 13 is for clients that bootstrap anew (KIP-1102): there is one
// broker here.
func metadataAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeMetadata, Min: 0, Max: 12}, Decided: 13,
		Short: "one broker, the topics' real partitions", Query: true, Serve: (*Broker).metadata,
	}
}

// repeatedIn is the version in which the answer for a topic that is asked for alone, and may not be written to, names it twice.
// kafka-python to 2.0 takes an answer whose only topic has an error for a failed update, and asks again until its minute is over,
// without a word of the topic. Of two it reads the codes.
const repeatedIn = 1

// metadataCall is one Metadata request on its way.
type metadataCall struct {
	*Call

	broker *Broker

	mu       sync.Mutex
	refusal  Refusal
	summary  Summary
	left     int // clusters that have not answered, and one for the request itself
	response wire.MetadataResponse
}

func (b *Broker) metadata(c *Call) error {
	request, err := decode[*kmsg.MetadataRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, nameCost*len(request.Topics)+len(c.Body)); err != nil {
		return err
	}
	call := &metadataCall{Call: c, broker: b, left: 1}
	call.response.Host, call.response.Port, call.response.ClusterID = c.Client.Host, c.Client.Port, wire.MeshClusterID
	if request.Topics == nil || c.Header.Version == 0 && len(request.Topics) == 0 {
		call.askAll()
	} else {
		create := c.Header.Version < 4 || request.AllowAutoTopicCreation
		if !create && len(request.Topics) > 0 {
			c.Client.fixed.Store(true)
		}
		call.askNamed(request.Topics, create)
	}
	call.finish()
	return nil
}

// askAll lists the topics of every cluster.
func (m *metadataCall) askAll() {
	for name, up := range m.broker.upstreams {
		m.Note.cluster(name)
		m.ask(up, nil, false, func(topics []wire.Topic) {
			for i := range topics {
				if rule, ok := m.broker.routes.Lookup(topics[i].Name); ok && rule.Cluster == name {
					m.response.Topics = append(m.response.Topics, wire.MetadataTopic{Topic: topics[i], Most: up.PartitionCount})
				}
			}
		})
	}
}

// askedTopics is what one cluster is asked for: names, and which topics of the response they are.
type askedTopics struct {
	names []string
	slots []int
}

// askNamed asks each cluster for those of the topics that its rules match.
func (m *metadataCall) askNamed(topics []kmsg.MetadataRequestTopic, create bool) {
	m.response.Topics = make([]wire.MetadataTopic, 0, len(topics))
	m.summary.Topics = len(topics)
	asked := map[string]*askedTopics{}
	seen := make(map[string]struct{}, len(topics))
	ids := map[[16]byte]int{}
	for i := range topics {
		if topics[i].Topic == nil {
			if _, twice := ids[topics[i].TopicID]; !twice {
				ids[topics[i].TopicID] = m.slot(wire.Topic{ID: topics[i].TopicID, Code: wire.UnknownTopicID})
			}
			continue
		}
		name := *topics[i].Topic
		if _, twice := seen[name]; twice {
			continue
		}
		seen[name] = struct{}{}
		rule, code := m.broker.ruleOf(name)
		if code != wire.None {
			m.broker.countUnmatched(name)
			m.summary.Failed++
			m.refusal.addTopic(name, code)
			m.slot(wire.Topic{Name: name, Code: code})
			continue
		}
		to := asked[rule.Cluster]
		if to == nil {
			to = new(askedTopics)
			asked[rule.Cluster] = to
		}
		to.names = append(to.names, name)
		to.slots = append(to.slots, m.slot(wire.Topic{Name: name, Code: wire.LeaderNotAvailable}))
	}
	for cluster, to := range asked {
		up := m.broker.upstreams[cluster]
		m.Note.cluster(cluster)
		m.ask(up, to.names, create, func(found []wire.Topic) {
			for i := range min(len(found), len(to.slots)) {
				m.response.Topics[to.slots[i]] = wire.MetadataTopic{Topic: found[i], Most: up.PartitionCount}
				m.summary.fail(found[i].Code)
			}
		})
	}
	if len(ids) > 0 {
		m.askIDs(ids)
	}
}

// askIDs finds topics by id among all topics of all clusters: clients ask so only for what they have been told.
func (m *metadataCall) askIDs(ids map[[16]byte]int) {
	for name, up := range m.broker.upstreams {
		m.Note.cluster(name)
		m.ask(up, nil, false, func(topics []wire.Topic) {
			for i := range topics {
				slot, wanted := ids[topics[i].ID]
				if rule, ok := m.broker.routes.Lookup(topics[i].Name); wanted && ok && rule.Cluster == name {
					m.response.Topics[slot] = wire.MetadataTopic{Topic: topics[i], Most: up.PartitionCount}
				}
			}
		})
	}
}

// ask has take look at what one cluster says of topics, one cluster at a time.
func (m *metadataCall) ask(up Upstream, names []string, create bool, take func([]wire.Topic)) {
	m.mu.Lock()
	m.left++
	m.mu.Unlock()
	up.Cluster.Topics(names, create, func(topics []wire.Topic) {
		defer answerAfterPanic(m)
		m.locked(func() { take(topics) })
		m.finish()
	})
}

func (m *metadataCall) locked(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// countUnknown takes note of the ids that no cluster has a topic of.
func (m *metadataCall) countUnknown() {
	for i := range m.response.Topics {
		if code := m.response.Topics[i].Code; code == wire.UnknownTopicID {
			m.summary.fail(code)
		}
	}
}

// slot keeps a place in the response, filled with t until its cluster has answered. It is for before any cluster is asked.
func (m *metadataCall) slot(t wire.Topic) int {
	m.response.Topics = append(m.response.Topics, wire.MetadataTopic{Topic: t})
	return len(m.response.Topics) - 1
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
	m.countUnknown()
	if err := hold(m, toldCost*len(m.response.Topics)); err != nil {
		m.Answer(Answer{Violation: err})
		return
	}
	m.note()
	if t := m.response.Topics; len(t) == 1 && t[0].Code == wire.TopicAuthorizationFailed && m.Header.Version == repeatedIn {
		m.response.Topics = append(t, t[0])
	}
	respond(m, m.response.Size(), Answer{Refusal: m.refusal, Summary: m.summary}, func(dst []byte) []byte {
		return wire.AppendMetadataResponse(dst, m.Header, &m.response)
	})
}
