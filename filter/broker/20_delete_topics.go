package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// deleteTopicsAPI has topics deleted, which are named, or from version 6 on may be known by their ids.
//
// An id is looked up among the topics of all clusters that the rules send there; UNKNOWN_TOPIC_ID if nobody has it. Unlike a real broker,
// a topic without a rule gets what Metadata says of it, and words, and one that is read from another cluster than it is written to gets
// INVALID_REQUEST: which of the two is meant, nobody can tell. Clients may do this only if administration.topics says so. KIP-4, KIP-516.
// The first version is Kafka 4's.
func deleteTopicsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeDeleteTopics, Min: 1, Max: 6}, Decided: 6,
		Short: "each topic in its cluster, by name or id", Query: true, Serve: (*Broker).deleteTopics,
	}
}

const (
	whyTwoClusters = "the topic is read from one cluster and written to another: delete it in the clusters themselves"
	whyNoTopic     = "the topic is to have a name or an id, and not both"
	whyNoSuchID    = "no topic that this proxy knows has this id"
)

// topicKey is how a request names a topic.
type topicKey struct {
	name  string
	named bool
	id    [16]byte
}

// deletion is one DeleteTopics request on its way.
type deletion struct {
	*administration

	request  *kmsg.DeleteTopicsRequest
	response *kmsg.DeleteTopicsResponse
	keys     []topicKey // of the entries
	times    []int      // how often the request names each
	index    map[topicKey]int
	names    map[[16]byte]string
}

func (b *Broker) deleteTopics(c *Call) error {
	request, err := decode[*kmsg.DeleteTopicsRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, administeredCost*(len(request.Topics)+len(request.TopicNames))+bodyCost*len(c.Body)); err != nil {
		return err
	}
	d := &deletion{request: request, response: kmsg.NewPtrDeleteTopicsResponse(), index: map[topicKey]int{}, names: map[[16]byte]string{}}
	for _, name := range request.TopicNames {
		d.add(topicKey{name: name, named: true})
	}
	for _, t := range request.Topics {
		key := topicKey{id: t.TopicID}
		if t.Topic != nil {
			key.name, key.named = *t.Topic, true
		}
		d.add(key)
	}
	d.administration = b.administer(c, d.response,
		func(i int) (*int16, **string) {
			return &d.response.Topics[i].ErrorCode, &d.response.Topics[i].ErrorMessage
		}, d.size)
	d.summary.Topics = len(d.keys)
	if why := b.denies(AccessAll, "delete topics"); why != "" {
		d.denyAll(len(d.keys), why)
		return nil
	}
	d.find()
	return nil
}

// add adds an entry for a topic, if there is none.
func (d *deletion) add(key topicKey) {
	if i, twice := d.index[key]; twice {
		d.times[i]++
		return
	}
	d.index[key] = len(d.keys)
	d.keys, d.times = append(d.keys, key), append(d.times, 1)
	entry := kmsg.NewDeleteTopicsResponseTopic()
	entry.TopicID = key.id
	if key.named {
		entry.Topic = &key.name
	}
	d.response.Topics = append(d.response.Topics, entry)
}

// find finds the names of topics that are known by their ids, and goes on.
func (d *deletion) find() {
	ids := false
	for _, key := range d.keys {
		ids = ids || !key.named && key.id != [16]byte{}
	}
	if !ids {
		d.send()
		return
	}
	search := newScatter(d.Call, d.send)
	for cluster, up := range d.broker.upstreams {
		search.begin()
		up.Cluster.Topics(nil, false, func(topics []wire.Topic) {
			defer answerAfterPanic(search)
			search.locked(func() { d.learn(cluster, topics) })
			search.end()
		})
	}
	search.end()
}

// learn takes note of the topics of one cluster that are asked for by id.
func (d *deletion) learn(cluster string, topics []wire.Topic) {
	for i := range topics {
		if _, asked := d.index[topicKey{id: topics[i].ID}]; !asked || topics[i].ID == [16]byte{} {
			continue
		}
		if !d.broker.seesTopic(d.Client, topics[i].Name) {
			continue
		}
		written, isWritten := d.broker.routes.Lookup(topics[i].Name)
		read, isRead := d.broker.routes.Reads(topics[i].Name)
		if isWritten && written.Cluster == cluster || isRead && read.Cluster == cluster {
			d.names[topics[i].ID] = topics[i].Name
		}
	}
}

// send sends each cluster what it is to delete.
func (d *deletion) send() {
	clusters, of := d.spread(authorizer.Delete, len(d.keys), d.name, d.check)
	for _, cluster := range clusters {
		part := kmsg.NewPtrDeleteTopicsRequest()
		part.TimeoutMillis = d.request.TimeoutMillis
		for _, i := range of[cluster] {
			for range d.times[i] {
				part.Topics = append(part.Topics, d.topic(i))
				if d.keys[i].named { // for a cluster that knows version 5 and none later
					part.TopicNames = append(part.TopicNames, d.keys[i].name)
				}
			}
		}
		d.command(cluster, of[cluster], part, d.request.TimeoutMillis, func(r kmsg.Response) {
			d.take(cluster, r.(*kmsg.DeleteTopicsResponse)) //nolint:forcetypeassert // the answer to what was asked
		})
	}
	d.end()
}

// name is the name of an entry's topic, as far as it is known.
func (d *deletion) name(i int) string {
	if key := d.keys[i]; key.named {
		return key.name
	}
	return d.names[d.keys[i].id]
}

func (d *deletion) check(i int) (wire.ErrorCode, string) {
	key := d.keys[i]
	name := d.name(i)
	written, _ := d.broker.routes.Lookup(name)
	read, isRead := d.broker.routes.Reads(name)
	switch {
	case key.named == (key.id != [16]byte{}):
		return wire.InvalidRequest, whyNoTopic
	case !key.named && name == "":
		return wire.UnknownTopicID, whyNoSuchID
	case isRead && read.Cluster != written.Cluster && written.Cluster != "":
		return wire.InvalidRequest, whyTwoClusters
	default:
		return wire.None, ""
	}
}

// topic is an entry's topic as its cluster is asked for it.
func (d *deletion) topic(i int) kmsg.DeleteTopicsRequestTopic {
	topic := kmsg.NewDeleteTopicsRequestTopic()
	if key := d.keys[i]; key.named {
		topic.Topic = &key.name
	} else {
		topic.TopicID = key.id
	}
	return topic
}

// take puts what a cluster says into the entries.
func (d *deletion) take(cluster string, r *kmsg.DeleteTopicsResponse) {
	for _, said := range r.Topics {
		i, asked := d.index[topicKey{id: said.TopicID}]
		if (!asked || d.response.Topics[i].ErrorCode != unsaid) && said.Topic != nil {
			i, asked = d.index[topicKey{name: *said.Topic, named: true}]
		}
		if !asked {
			continue
		}
		d.response.Topics[i] = said
		if said.ErrorCode == int16(wire.None) {
			d.changed(cluster, d.name(i))
		}
	}
}

// size is at least the size of the response.
func (d *deletion) size() int {
	const head, topic = 64, 32
	size := head
	for i := range d.response.Topics {
		size += topic + sizeOf(d.response.Topics[i].Topic, d.response.Topics[i].ErrorMessage)
	}
	return size
}
