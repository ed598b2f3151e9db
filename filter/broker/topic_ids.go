package broker

import (
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// maxTopicIDs is how many topic ids are remembered at most.
const maxTopicIDs = 100_000

// topicIDs knows topics by their ids, as clusters have told of them: clients name them so in Fetch. The zero value knows none. Any goroutine
// may use it.
type topicIDs struct {
	mu      sync.RWMutex
	known   map[[16]byte]identified
	current map[identified][16]byte // the same the other way round: a topic that is made anew has another id
}

// identified is what an id stands for.
type identified struct{ cluster, name string }

// learn takes note of what a cluster says of those of its topics that are read from it.
func (t *topicIDs) learn(cluster string, topics []wire.Topic, isRead func(topic string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known, t.current = map[[16]byte]identified{}, map[identified][16]byte{}
	}
	for i := range topics {
		id, is := topics[i].ID, identified{cluster, topics[i].Name}
		if id == ([16]byte{}) || topics[i].Code != wire.None || t.known[id] == is || !isRead(is.name) {
			continue
		}
		if former, there := t.current[is]; there {
			delete(t.known, former)
		}
		for other, was := range t.known { // any one gives way
			if len(t.known) < maxTopicIDs {
				break
			}
			delete(t.known, other)
			delete(t.current, was)
		}
		t.known[id], t.current[is] = is, id
	}
}

// learnIDs takes note of the ids that a cluster tells of.
func (b *Broker) learnIDs(cluster string, topics []wire.Topic) {
	b.ids.learn(cluster, topics, func(topic string) bool {
		rule, ok := b.routes.Reads(topic)
		return ok && rule.Cluster == cluster
	})
}

// name gives topics their names. It reports false if some are not known.
func (t *topicIDs) name(topics []wire.FetchTopic) (all bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all = true
	for i := range topics {
		topics[i].Name = t.known[topics[i].ID].name
		all = all && topics[i].Name != ""
	}
	return all
}

// cluster is the one that has told of an id.
func (t *topicIDs) cluster(id [16]byte) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known[id].cluster
}

// forget forgets an id that no topic has any more.
func (t *topicIDs) forget(id [16]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.current, t.known[id])
	delete(t.known, id)
}

// askTopicIDs has all clusters asked for their topics, and then goes on: with clients that were told of ids by another replica, or before a
// restart.
func (b *Broker) askTopicIDs(c *Call, then func()) {
	s := newScatter(c, then)
	for name, up := range b.upstreams {
		s.begin()
		up.Cluster.Topics(nil, false, func(topics []wire.Topic) {
			defer answerAfterPanic(s)
			b.learnIDs(name, topics)
			s.end()
		})
	}
	s.end()
}
