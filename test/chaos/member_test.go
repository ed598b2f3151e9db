package chaos

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

// groupID is what a trial's group is to be.
type groupID struct {
	name    string
	library string // java, confluent-kafka or franz-go
	direct  bool   // beside the mesh, for comparison
	topics  []topic
}

// group is the consumers of one group and what they were given and told. Its methods may be called from any goroutine.
type group struct {
	groupID

	members []*member

	mu       sync.Mutex
	given    map[ledger.Place][]ledger.Delivery
	records  map[string]int         // given, by topic
	told     map[ledger.Place]int64 // what a member was told last to be committed
	setBack  []string               // what it was told to be less than before, in words
	last     map[string]time.Time   // when a record of a topic was given last
	silence  map[string]time.Duration
	measured bool // silence and rebalances: a fault is going on, or what it leaves behind
	reasons  map[string]int
	failed   int // commits
}

// member is one consumer of a group.
type member struct {
	name  string
	group *group

	ready, ended chan struct{} // closed by hear

	assigned   int // how often it was told its partitions; group.mu guards it
	rebalances int // those of them while the group was measured
	started    bool
	left       bool
}

func newGroup(id groupID) *group {
	return &group{
		groupID: id, given: map[ledger.Place][]ledger.Delivery{}, records: map[string]int{}, told: map[ledger.Place]int64{},
		last: map[string]time.Time{}, silence: map[string]time.Duration{}, reasons: map[string]int{},
	}
}

// join adds a consumer.
func (g *group) join(number int) *member {
	m := &member{name: fmt.Sprintf("%s-%d", g.name, number), group: g, ready: make(chan struct{}), ended: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = append(g.members, m)
	return m
}

func (g *group) place(name string, partition int32) ledger.Place {
	p := ledger.Place{Topic: name, Partition: partition}
	for _, t := range g.topics {
		if t.name == name {
			p.Cluster = t.cluster
		}
	}
	return p
}

// give has a member be given a record.
func (g *group) give(topic string, partition int32, offset int64, sum uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.place(topic, partition)
	g.given[at] = append(g.given[at], ledger.Delivery{Offset: offset, Sum: sum})
	g.records[topic]++
	g.hush(topic, time.Now())
}

// hush measures the silence that a record of a topic ends.
func (g *group) hush(topic string, now time.Time) {
	if g.measured {
		g.silence[topic] = max(g.silence[topic], now.Sub(g.last[topic]))
	}
	g.last[topic] = now
}

// commit has a member be told that an offset is committed.
func (g *group) commit(topic string, partition int32, offset int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.place(topic, partition)
	if before := g.told[at]; offset < before {
		g.setBack = append(g.setBack, fmt.Sprintf("%s of %s from %d to %d, as members were told", at, g.name, before, offset))
	}
	g.told[at] = offset
}

// lastTold is the offset of a partition that a member was told last to be committed.
func (g *group) lastTold(at ledger.Place) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.told[at]
}

func (g *group) fail(reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failed++
	g.reasons[reason]++
}

// assign has a member be told its partitions, which ends each rebalance.
func (g *group) assign(m *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m.assigned++
	if g.measured {
		m.rebalances++
	}
}

// measure begins to measure silence and rebalances, or ends that.
func (g *group) measure(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, t := range g.topics {
		g.hush(t.name, now)
	}
	g.measured = on
}

// stable reports whether each member has been told its partitions.
func (g *group) stable() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		if m.assigned == 0 {
			return false
		}
	}
	return true
}

// count is how many records of a topic the members were given.
func (g *group) count(topic string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.records[topic]
}

// hear takes one line of a client program.
func (m *member) hear(line string) error {
	words := strings.Fields(line)
	switch kind := words[0]; {
	case kind == "R":
		close(m.ready)
	case kind == "F":
		close(m.ended)
	case kind == "B":
		m.group.assign(m)
	case kind == "V" && len(words) > 2:
		m.group.fail(strings.Join(words[2:], " "))
	case (kind == "C" || kind == "G") && len(words) >= 5:
		partition, err := strconv.ParseInt(words[3], 10, 32)
		if err != nil {
			return err
		}
		offset, err := strconv.ParseInt(words[4], 10, 64)
		if err != nil {
			return err
		}
		if kind == "C" {
			m.group.commit(words[2], int32(partition), offset)
			return nil
		}
		for i, word := range words[5:] {
			sum, err := strconv.ParseUint(word, 10, 32)
			if err != nil {
				return err
			}
			m.group.give(words[2], int32(partition), offset+int64(i), sum)
		}
	default:
		return fmt.Errorf("not understood: %q", line)
	}
	return nil
}
