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
	mu    sync.RWMutex
	known map[[16]byte]identified
}

// identified is what an id stands for.
type identified struct{ cluster, name string }

// learn takes note of what a cluster says of its topics.
func (t *topicIDs) learn(cluster string, topics []wire.Topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range topics {
		id := topics[i].ID
		if id == ([16]byte{}) || topics[i].Code != wire.None || t.known[id].name == topics[i].Name {
			continue
		}
		if t.known == nil || len(t.known) >= maxTopicIDs { // most are of topics that are gone
			t.known = map[[16]byte]identified{}
		}
		t.known[id] = identified{cluster, topics[i].Name}
	}
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
			b.ids.learn(name, topics)
			s.end()
		})
	}
	s.end()
}
