package broker

import (
	"sync"
	"time"

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

// name gives topics their names. It reports false if some have an id that is not known.
func (t *topicIDs) name(topics []wire.FetchTopic) (all bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all = true
	for i := range topics {
		topics[i].Name = t.known[topics[i].ID].name
		all = all && (topics[i].Name != "" || topics[i].ID == [16]byte{})
	}
	return all
}

// cluster is the one that has told of an id.
func (t *topicIDs) cluster(id [16]byte) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known[id].cluster
}

// askEvery is how often clusters are asked at most for all of their topics: clients may name ids that no topic has, as often as they like.
const askEvery = time.Second

// listing has clusters asked for all of their topics by one request for all that need it. The zero value has asked for nothing. Any goroutine
// may use it.
type listing struct {
	mu      sync.Mutex
	asked   time.Time // last
	out     bool      // the answer is not there
	waiting []func()  // for the answer
}

// begin says whether the caller has to ask, or that then is called when somebody else's answer is there. Otherwise they have just been asked,
// and one that is away has said nothing of what it has.
func (l *listing) begin(now time.Time, then func()) (asks, waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out {
		l.waiting = append(l.waiting, then)
		return false, true
	}
	if now.Sub(l.asked) < askEvery {
		return false, false
	}
	l.asked, l.out = now, true
	return true, false
}

// end says that the answer is there, and returns who waits for it.
func (l *listing) end() (waiting []func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting, l.waiting, l.out = l.waiting, nil, false
	return waiting
}

// askTopicIDs has all clusters asked for their topics, unless they just were, and then goes on: with clients that were told of ids by
// another replica, or before a restart.
func (b *Broker) askTopicIDs(c *Call, then func()) {
	asks, waits := b.listing.begin(time.Now(), func() {
		defer answerAfterPanic(c)
		then()
	})
	switch {
	case asks:
		b.listTopics(c, then)
	case !waits:
		then()
	}
}

// listTopics asks all clusters for their topics for all that wait, who go on whatever becomes of it.
func (b *Broker) listTopics(c *Call, then func()) {
	s := newScatter(c, func() {
		for _, other := range b.listing.end() {
			defer other() // also after a bug
		}
		then()
	})
	defer s.end()
	for name, up := range b.upstreams {
		b.listTopicsOf(s, name, up)
	}
}

// listTopicsOf asks one cluster for its topics.
func (b *Broker) listTopicsOf(s *scatter, name string, up Upstream) {
	s.begin()
	end := sync.OnceFunc(s.end)
	returned := false
	defer func() {
		if !returned {
			end()
		}
	}()
	up.Cluster.Topics(nil, false, func(topics []wire.Topic) {
		defer answerAfterPanic(s)
		defer end()
		b.learnIDs(name, topics)
	})
	returned = true
}
