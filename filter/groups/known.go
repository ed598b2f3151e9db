package groups

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Known is what the clusters say of a group. Nobody changes it any more.
type Known struct {
	// Said is by cluster, of those that have a group of that name and kind.
	Said map[string]*kmsg.ConsumerGroupDescribeResponseGroup
	// Refused is what the others answered.
	Refused map[string]*kmsg.ConsumerGroupDescribeResponseGroup
	// Missing are the clusters that do not say what they know: they could not be asked, or have refused with what is in Refused too.
	Missing []string
}

// Member makes a member of what is known, or says why there is none of that epoch. owned is what the client says it owns; nil: it does
// not say. If it does, one cluster may be missing: the rest of the epoch is the member's there, and what nobody else assigns, unless one
// of those that the client reads from, which are on, has answered and does not have it: that one has excluded it.
func (k *Known) Member(key Key, epoch int32, owned []Assigned, on []string) (*Member, wire.ErrorCode) {
	m := &Member{Stakes: map[string]Stake{}, Asked: owned == nil, Owes: true, Owned: owned}
	for _, cluster := range slices.Sorted(maps.Keys(k.Said)) {
		for i := range k.Said[cluster].Members {
			if d := &k.Said[cluster].Members[i]; d.MemberID == key.Member && d.MemberEpoch >= 0 { // else it has left for a while
				m.recall(cluster, d)
			}
		}
	}
	if rest := epoch - m.epochs().Sum(); len(k.Missing) == 1 && owned != nil && rest > 0 {
		if slices.ContainsFunc(on, func(cluster string) bool { return cluster != k.Missing[0] && !m.isOn(cluster) }) {
			return nil, wire.FencedMemberEpoch
		}
		missing := Stake{Epoch: rest, Assigned: without(owned, m.Stakes)}
		missing.note()
		m.Stakes[k.Missing[0]] = missing
	}
	m.Told = m.epochs()
	switch {
	case len(m.Stakes) > 0 && m.Told.Sum() == epoch:
		return m, wire.None
	case len(k.Missing) > 0 && !k.denied():
		return nil, wire.CoordinatorNotAvailable
	case len(k.Missing) > 0 && len(k.Said) == 0:
		return nil, wire.GroupAuthorizationFailed
	case len(m.Stakes) == 0:
		return nil, wire.UnknownMemberID
	default:
		return nil, wire.FencedMemberEpoch
	}
}

// denied reports whether those that do not say what they know have nobody of the group, because they let the mesh's user have nothing to do
// with it.
func (k *Known) denied() bool {
	return !slices.ContainsFunc(k.Missing, func(cluster string) bool {
		said := k.Refused[cluster]
		return said == nil || wire.ErrorCode(said.ErrorCode) != wire.GroupAuthorizationFailed
	})
}

func (m *Member) isOn(cluster string) bool {
	_, on := m.Stakes[cluster]
	return on
}

// recall takes in what one cluster says.
func (m *Member) recall(cluster string, d *kmsg.ConsumerGroupDescribeResponseGroupMember) {
	s := Stake{Epoch: d.MemberEpoch, Names: d.SubscribedTopics}
	for _, t := range d.Assignment.TopicPartitions {
		s.Assigned = append(s.Assigned, Assigned{t.TopicID, t.Partitions})
	}
	s.note()
	m.Stakes[cluster] = s
	sub := &m.Subscription
	sub.Names = append(sub.Names, d.SubscribedTopics...)
	if d.SubscribedTopicRegex != nil {
		sub.Regex = *d.SubscribedTopicRegex
	}
	sub.Instance, sub.Rack, sub.RebalanceTimeout = d.InstanceID, d.RackID, -1
}

// without returns those of topics that no stake has.
func without(owned []Assigned, stakes map[string]Stake) (rest []Assigned) {
	for _, o := range owned {
		if !anyOf(stakes, (*Stake).has, o.Topic) {
			rest = append(rest, o)
		}
	}
	return rest
}
