package topology

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// metadataFresh is the age up to which what is known of a topic answers a client's request for metadata. Clients that ask
// at the same moment share one request to the cluster; one that asks later sees what has changed.
const metadataFresh = 5 * time.Second

// Topics reports what the cluster says of the named topics, in the order named; nil asks for all topics. With create,
// the cluster may create those that are missing. done is called once, from any goroutine and possibly before Topics
// returns; it must not change what it gets.
//
// A cluster that does not answer within a moment is answered for from memory, and where memory has nothing, with
// LEADER_NOT_AVAILABLE, which clients retry: its trouble must not become that of clients who want other clusters too.
func (m *Map) Topics(names []string, create bool, done func([]wire.Topic)) {
	if topics, known := m.fromMemory(names, create, done); known {
		done(topics)
	}
}

// fromMemory answers from memory, or takes down what is to be asked.
func (m *Map) fromMemory(names []string, create bool, done func([]wire.Topic)) (topics []wire.Topic, known bool) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.draining && !m.failing && (names == nil || !m.allFresh(names, now)) {
		m.asks = append(m.asks, ask{names, create, done})
		m.run()
		return nil, false
	}
	for _, name := range names {
		switch {
		case m.failing && m.topics[name] != nil:
			m.note(name)
		case m.failing:
			m.wanted = name
		}
	}
	return m.recall(names), true
}

// allFresh says whether what is known of the topics answers a client, who needs them now. m.mu is held.
func (m *Map) allFresh(names []string, now time.Time) bool {
	if now.Before(m.unsettled) {
		return false
	}
	for _, name := range names {
		t := m.topics[name]
		if t == nil || t.doubted || !t.led() || now.Sub(t.asked) > min(metadataFresh, m.settings.MaxAge) {
			return false
		}
		t.used = now
	}
	return true
}

// Changed says that a client has just had a topic created, changed or deleted. It is asked for again, and so is every topic that a client
// asks for within the next moment: the broker that is asked may not have heard of it yet.
func (m *Map) Changed(name string) {
	m.mu.Lock()
	m.unsettled = time.Now().Add(metadataFresh)
	m.mu.Unlock()
	m.Ask(nil, []string{name}, "")
}

// recall answers from memory. m.mu is held.
func (m *Map) recall(names []string) []wire.Topic {
	down := m.Down()
	if names == nil {
		var topics []wire.Topic
		for _, t := range m.topics {
			topics = append(topics, t.meta)
			topics[len(topics)-1].Remembered = down
		}
		return topics
	}
	topics := make([]wire.Topic, len(names))
	for i, name := range names {
		topics[i] = wire.Topic{Name: name, Code: wire.LeaderNotAvailable}
		if t := m.topics[name]; t != nil {
			topics[i] = t.meta
			topics[i].Remembered = down
		}
	}
	return topics
}

// led reports whether every partition has a leader. While one has none, clients are told so and do not send to it, so no
// batch would show that it has got one: it has to be asked for.
func (t *topic) led() bool {
	for _, p := range t.meta.Partitions {
		if p.Leader < 0 {
			return false
		}
	}
	return true
}
