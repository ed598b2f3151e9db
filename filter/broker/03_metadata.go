package broker

import (
	"cmp"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
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
// Of a topic that is read and written on different clusters, clients are told what the cluster has that it is read on: consumers need its
// partitions, id and leader epochs, producers only the number. If that cluster has no such topic, or cannot say, they are told the
// partitions of the other, without id and epochs, which mean nothing where it is read. It is created where it is written: a topic made
// for a consumer where nobody writes would stay empty.
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
	describe func()                        // answers the client, if not as Metadata does
	written  map[string]wire.MetadataTopic // what there is of topics where they are written, if they are read elsewhere
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
		if err := call.askNamed(request.Topics, create); err != nil {
			return err
		}
	}
	call.finish()
	return nil
}

// askAll lists the topics of every cluster.
func (m *metadataCall) askAll() {
	for name, up := range m.broker.upstreams {
		m.Note.cluster(name)
		m.ask(name, up, nil, false, func(topics []wire.Topic) {
			for i := range topics {
				if !m.broker.seesTopic(m.Client, topics[i].Name) {
					continue
				}
				told := wire.MetadataTopic{Topic: topics[i], Most: up.PartitionCount}
				switch read, written, _ := m.broker.placesOf(topics[i].Name); name {
				case cmp.Or(read, written):
					m.response.Topics = append(m.response.Topics, told)
				case written:
					m.keepWritten(told)
				}
			}
		})
	}
}

// question is what one cluster is asked of some topics.
type question struct {
	cluster string
	create  bool
	of      place
}

// place is what a cluster is to the topics that it is asked of.
type place uint8

// The places.
const (
	onlyPlace    place = iota // they are nowhere else
	readPlace                 // they are read there, and written elsewhere
	writtenPlace              // they are written there, and read elsewhere
)

// questions are asked of topics by their names, and lead to their slots of the response.
type questions map[question]*askedTopics

type askedTopics struct {
	names []string
	slots []int
}

func (q questions) add(cluster string, create bool, of place, name string, slot int) {
	to := q[question{cluster, create, of}]
	if to == nil {
		to = new(askedTopics)
		q[question{cluster, create, of}] = to
	}
	to.names, to.slots = append(to.names, name), append(to.slots, slot)
}

// byID says whether a topic is asked for by its id. Java leaves the name empty then, and others leave it out.
func byID(t *kmsg.MetadataRequestTopic) bool {
	return t.Topic == nil || *t.Topic == "" && t.TopicID != [16]byte{}
}

// askNamed asks each cluster for those of the topics that its rules match.
func (m *metadataCall) askNamed(topics []kmsg.MetadataRequestTopic, create bool) error {
	m.response.Topics = make([]wire.MetadataTopic, 0, len(topics))
	m.summary.Topics = len(topics)
	asked := questions{}
	seen := make(map[string]struct{}, len(topics))
	ids := map[[16]byte]int{}
	apart := 0
	for i := range topics {
		if byID(&topics[i]) {
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
		read, written, code := m.placesOf(name)
		if code != wire.None {
			m.summary.Failed++
			m.slot(wire.Topic{Name: name, Code: code})
			continue
		}
		slot := m.slot(wire.Topic{Name: name, Code: wire.LeaderNotAvailable})
		switch {
		case written == "":
			asked.add(read, false, onlyPlace, name, slot)
		case read == "" || read == written:
			asked.add(written, create && m.mayCreate(name), onlyPlace, name, slot)
		default:
			apart++
			asked.add(read, false, readPlace, name, slot)
			asked.add(written, create && m.mayCreate(name), writtenPlace, name, slot)
		}
	}
	if err := hold(m, apartCost*apart); err != nil {
		return err
	}
	for q, to := range asked {
		m.askOne(q, to)
	}
	if len(ids) > 0 {
		m.askIDs(ids)
	}
	return nil
}

// placesOf are the clusters on which a topic that the client may know of is read and written; or the code that it is told.
func (m *metadataCall) placesOf(topic string) (read, written string, code wire.ErrorCode) {
	if !m.broker.may(m.Call, authorizer.Describe, authorizer.Topic, topic, &m.refusal) {
		return "", "", wire.TopicAuthorizationFailed
	}
	if read, written, code = m.broker.placesOf(topic); code != wire.None {
		m.broker.countUnmatched(topic)
		m.refusal.addTopic(topic, code)
	}
	return read, written, code
}

// mayCreate reports whether the client may have a topic created by asking for it.
func (m *metadataCall) mayCreate(topic string) bool {
	return m.broker.sees(m.Client, authorizer.Create, authorizer.Cluster, "") || m.broker.sees(m.Client, authorizer.Create, authorizer.Topic, topic)
}

// askOne asks one cluster.
func (m *metadataCall) askOne(q question, to *askedTopics) {
	up := m.broker.upstreams[q.cluster]
	m.Note.cluster(q.cluster)
	m.ask(q.cluster, up, to.names, q.create, func(found []wire.Topic) {
		for i := range min(len(found), len(to.slots)) {
			told := wire.MetadataTopic{Topic: found[i], Most: up.PartitionCount}
			if q.of == writtenPlace {
				m.keepWritten(told)
				continue
			}
			m.response.Topics[to.slots[i]] = told
			if q.of == onlyPlace {
				m.summary.fail(found[i].Code)
			}
		}
	})
}

// askIDs finds topics by id among all topics of all clusters: clients ask so only for what they have been told.
func (m *metadataCall) askIDs(ids map[[16]byte]int) {
	for name, up := range m.broker.upstreams {
		m.Note.cluster(name)
		m.ask(name, up, nil, false, func(topics []wire.Topic) {
			for i := range topics {
				slot, wanted := ids[topics[i].ID]
				wanted = wanted && m.broker.seesTopic(m.Client, topics[i].Name)
				if read, written, _ := m.broker.placesOf(topics[i].Name); wanted && cmp.Or(read, written) == name {
					m.response.Topics[slot] = wire.MetadataTopic{Topic: topics[i], Most: up.PartitionCount}
				}
			}
		})
	}
}

// keepWritten keeps what there is of a topic where it is written, without what means nothing where it is read.
func (m *metadataCall) keepWritten(t wire.MetadataTopic) {
	if m.written == nil {
		m.written = map[string]wire.MetadataTopic{}
	}
	t.ID, t.NoEpochs = [16]byte{}, true
	m.written[t.Name] = t
}

// merge brings together what there is of topics where they are read and where they are written.
func (m *metadataCall) merge() {
	for i := range m.response.Topics {
		told := &m.response.Topics[i]
		written, apart := m.written[told.Name]
		if !apart {
			continue
		}
		delete(m.written, told.Name)
		switch {
		case written.Code != wire.None:
		case told.Code != wire.None:
			*told = written
		case len(told.Told()) != len(written.Told()):
			read, at, _ := m.broker.placesOf(told.Name)
			m.broker.uneven(Uneven{told.Name, read, at, len(told.Told()), len(written.Told())})
		}
		if m.summary.Topics > 0 {
			m.summary.fail(told.Code)
		}
	}
	for _, t := range m.written { // all topics were asked for, and these are not where they are read
		m.response.Topics = append(m.response.Topics, t)
	}
}

// ask has take look at what one cluster says of topics, one cluster at a time.
func (m *metadataCall) ask(name string, up Upstream, names []string, create bool, take func([]wire.Topic)) {
	m.locked(func() { m.left++ })
	up.Cluster.Topics(names, create, func(topics []wire.Topic) {
		defer answerAfterPanic(m)
		m.broker.learnIDs(name, topics)
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
	last := false
	m.locked(func() {
		m.left--
		last = m.left == 0
	})
	if !last {
		return
	}
	m.merge()
	m.countUnknown()
	if err := hold(m, toldCost*len(m.response.Topics)); err != nil {
		m.Answer(Answer{Violation: err})
		return
	}
	m.note()
	if m.describe != nil {
		m.describe()
		return
	}
	if t := m.response.Topics; len(t) == 1 && t[0].Code == wire.TopicAuthorizationFailed && m.Header.Version == repeatedIn {
		m.response.Topics = append(t, t[0])
	}
	respond(m, m.response.Size(), Answer{Refusal: m.refusal, Summary: m.summary}, func(dst []byte) []byte {
		return wire.AppendMetadataResponse(dst, m.Header, &m.response)
	})
}
