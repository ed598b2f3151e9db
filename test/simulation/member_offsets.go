package simulation

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// topicPart is a partition of one of the topics: a cluster has one.
type topicPart struct {
	topic     string
	partition int32
}

func compareParts(a, b topicPart) int {
	if a.topic != b.topic {
		return strings.Compare(a.topic, b.topic)
	}
	return int(a.partition - b.partition)
}

// everyPart is all partitions of all topics.
func everyPart() (all []topicPart) {
	for _, topic := range []string{"apples", "bananas"} {
		for p := range int32(partitions) {
			all = append(all, topicPart{topic, p})
		}
	}
	return all
}

// offsetsVersion is that of OffsetCommit and OffsetFetch.
const offsetsVersion = 9

// work has the member read on, and commit now and then.
func (m *member) work() {
	for _, s := range slices.SortedFunc(maps.Keys(m.positions), compareParts) {
		m.positions[s] += 1 + m.rnd.Int64N(5)
	}
	if len(m.positions) > 0 && m.rnd.IntN(3) == 0 && !m.waits(wire.KeyOffsetCommit) {
		m.commit()
	}
	if m.rnd.IntN(20) == 0 && !m.waits(wire.KeyOffsetFetch) {
		m.look(everyPart(), func(map[topicPart]int64, bool) {})
	}
}

// commit commits how far the member is, of all that it owns or of one topic.
func (m *member) commit() {
	only := pick(m.rnd, "", "", "apples", "bananas")
	m.commits++
	as, number := m.as, m.commits
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation = m.group, as.member, as.generation
	by := said(as, number)
	committed := map[topicPart]int64{}
	for _, s := range slices.SortedFunc(maps.Keys(m.positions), compareParts) {
		if only != "" && s.topic != only {
			continue
		}
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Topic != s.topic {
			r.Topics = append(r.Topics, kmsg.OffsetCommitRequestTopic{Topic: s.topic})
		}
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.Metadata = s.partition, m.positions[s], &by
		t := &r.Topics[len(r.Topics)-1]
		t.Partitions = append(t.Partitions, p)
		committed[s] = p.Offset
	}
	if len(committed) == 0 {
		return
	}
	m.world.line.note("%s commits %v as %s", m.name, committed, by)
	at := m.world.line.now()
	m.ask(wire.KeyOffsetCommit, offsetsVersion, r, func(response kmsg.Response) {
		if response != nil {
			m.committed(response.(*kmsg.OffsetCommitResponse), as, by, at, len(committed)) //nolint:forcetypeassert // as the request is
		}
	})
}

// committed takes what is answered to a commit.
func (m *member) committed(r *kmsg.OffsetCommitResponse, as claim, by string, at time.Duration, partitions int) {
	worst := wire.None
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			partitions--
			code, s := wire.ErrorCode(p.ErrorCode), topicPart{t.Topic, p.Partition}
			if code != wire.None {
				worst = code
				continue
			}
			if !m.world.offsetsOf(s).took(offsetKey{m.group, s.topic, s.partition}, by) {
				m.broken = append(m.broken, "is told that is committed what is not: "+by)
			}
			if m.world.healed && at > m.world.healedAt {
				m.world.kept[groupSpot{m.group, s}] = true
			}
		}
	}
	if partitions != 0 {
		m.broken = append(m.broken, "is not told of all that it committed: "+by)
	}
	m.world.line.note("%s is told %s for %s", m.name, worst, by)
	if as != m.as {
		return
	}
	switch worst {
	case wire.None:
	case wire.UnknownMemberID, wire.IllegalGeneration, wire.FencedMemberEpoch:
		m.life.excluded()
	case wire.RebalanceInProgress, wire.StaleMemberEpoch:
		m.life.again()
	case wire.CoordinatorNotAvailable, wire.NotCoordinator, wire.RequestTimedOut, wire.CoordinatorLoadInProgress:
	default:
		m.broken = append(m.broken, "is told "+worst.String()+" for "+by)
	}
}

// look asks for offsets, and gives then what there are; not ok: they could not be had.
func (m *member) look(spots []topicPart, then func(found map[topicPart]int64, ok bool)) {
	r := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.MemberEpoch = m.group, -1
	if strings.HasPrefix(m.group, newProtocol) {
		g.MemberID, g.MemberEpoch = &m.as.member, m.as.generation
	}
	for _, s := range spots {
		if n := len(g.Topics); n == 0 || g.Topics[n-1].Topic != s.topic {
			g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: s.topic})
		}
		t := &g.Topics[len(g.Topics)-1]
		t.Partitions = append(t.Partitions, s.partition)
	}
	r.Groups = append(r.Groups, g)
	from, as := m.world.line.now(), m.as
	m.ask(wire.KeyOffsetFetch, offsetsVersion, r, func(response kmsg.Response) {
		if response == nil {
			then(nil, false)
			return
		}
		found, code := m.found(response.(*kmsg.OffsetFetchResponse), spots, from) //nolint:forcetypeassert // as the request is
		m.world.line.note("%s is told %s, %v", m.name, code, found)
		if code == wire.UnknownMemberID && as == m.as {
			m.life.excluded()
		}
		then(found, code == wire.None)
	})
}

// found are the offsets of an answer. Each has to be one that its cluster kept since it was asked for.
func (m *member) found(r *kmsg.OffsetFetchResponse, spots []topicPart, from time.Duration) (map[topicPart]int64, wire.ErrorCode) {
	found := map[topicPart]int64{}
	for _, g := range r.Groups {
		if g.ErrorCode != 0 {
			return nil, wire.ErrorCode(g.ErrorCode)
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				s := topicPart{t.Topic, p.Partition}
				if p.ErrorCode != 0 {
					return nil, wire.ErrorCode(p.ErrorCode)
				}
				if kept := m.world.offsetsOf(s).between(offsetKey{m.group, s.topic, s.partition}, from); !slices.Contains(kept, p.Offset) {
					m.broken = append(m.broken, "is told of an offset that was not kept: "+m.world.describe(m.group, s, p.Offset, kept))
				}
				found[s] = p.Offset
			}
		}
	}
	if len(found) != len(spots) {
		m.broken = append(m.broken, "is not told all offsets that it asked for")
	}
	return found, wire.None
}
