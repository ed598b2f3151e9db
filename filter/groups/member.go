package groups

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Epochs are the epochs of the members that a member is, by cluster.
type Epochs map[string]int32

// Sum is the epoch that the client is told.
func (e Epochs) Sum() (sum int32) {
	for _, epoch := range e {
		sum += epoch
	}
	return sum
}

// Assigned are partitions of a topic.
type Assigned struct {
	Topic      [16]byte
	Partitions []int32
}

// Stake is what a member has in one cluster, as that cluster said last.
type Stake struct {
	Epoch    int32
	Names    []string // what it is subscribed to there
	Assigned []Assigned
	// Topics are all of which it has assigned something since the member joined.
	Topics map[[16]byte]struct{}
	// Unheard says that the cluster has left the last heartbeat without an answer that counts, and may have gone on since.
	Unheard bool
}

// Subscription is what a client said that it reads, and how.
type Subscription struct {
	Names []string
	Regex string
	// HadRegex says that there was one before.
	HadRegex bool
	// Whole says that the client said so itself; else clusters did, and there may be others.
	Whole bool

	RebalanceTimeout         int32
	Instance, Rack, Assignor *string
}

// Member is what is known of a member. Nobody changes one that is remembered.
type Member struct {
	// Told are the epochs that the client knows the sum of, and Before those whose sum it was told before that.
	Told, Before Epochs
	// Stakes are by cluster.
	Stakes map[string]Stake

	Subscription Subscription
	// Owned is what the client said last that it owns; nil: it has not said.
	Owned []Assigned
	// Asked says that the client has been asked to say all it is, and has not done so.
	Asked bool
	// Owes says that the client has not been told what it is assigned now, or has to be told again.
	Owes bool
	// On is where the client's last heartbeat came. Others may have served it since, if it comes elsewhere.
	On *Connection
	// Refused is what a cluster has refused when the client had been answered already, and is to be told; nil: nothing.
	Refused *kmsg.ConsumerGroupHeartbeatResponse
}

// Connection tells connections of clients from each other, by where it is.
type Connection struct{ _ byte }

// IsOn says whether the client comes where it came last.
func (m *Member) IsOn(c *Connection) bool { return m != nil && m.On == c }

// Elsewhere is what is known of a member whose client comes on another connection. What it was assigned may have changed in the same epoch,
// by what another proxy was told: each cluster is to say it again.
func (m *Member) Elsewhere() *Member {
	c := m.clone()
	c.Refused = nil
	for cluster, s := range c.Stakes {
		s.Unheard = true
		c.Stakes[cluster] = s
	}
	return c
}

// EpochsOf returns the epochs that an epoch of the client's is the sum of. False: it was not told that one lately.
func (m *Member) EpochsOf(epoch int32) (Epochs, bool) {
	switch {
	case m == nil:
		return nil, false
	case len(m.Told) > 0 && m.Told.Sum() == epoch:
		return m.Told, true
	case len(m.Before) > 0 && m.Before.Sum() == epoch:
		return m.Before, true
	default:
		return nil, false
	}
}

// WasAsked says whether the client has been asked to say all it is, and has not done so.
func (m *Member) WasAsked() bool { return m != nil && m.Asked }

// Ask is what is known of a member that is asked to say all it is: nothing, unless it is right.
func (m *Member) Ask(right bool) *Member {
	if !right {
		return &Member{Asked: true}
	}
	c := *m
	c.Asked = true
	return &c
}

// MayBeOn says whether it may be a member of a cluster's group.
func (m *Member) MayBeOn(cluster string) bool {
	if m == nil || len(m.Told) == 0 {
		return true
	}
	_, ok := m.Stakes[cluster]
	return ok
}

// Heard is what is known of the member when a cluster has answered a heartbeat after the client was; nil: nothing new.
func (m *Member) Heard(cluster string, asked *kmsg.ConsumerGroupHeartbeatRequest, said *kmsg.ConsumerGroupHeartbeatResponse) *Member {
	if m == nil || len(m.Told) == 0 {
		return nil
	}
	stake, on := m.Stakes[cluster]
	if !on && asked.MemberEpoch != 0 { // of an earlier life
		return nil
	}
	if on && !stake.Unheard { // it has answered a later one since, and may have assigned something else in the same epoch
		return nil
	}
	switch code := refusal(asked, said); {
	case code.Transient() || on && asked.MemberEpoch < stake.Epoch && code != wire.None: // of an epoch that is over
		return nil
	case code == wire.UnreleasedInstanceID: // the next one is told so again
		return nil
	case code != wire.None:
		c := m.clone()
		c.Refused = told(said)
		return c
	case on && said.MemberEpoch < stake.Epoch:
		return nil
	}
	names := stake.Names
	if asked.SubscribedTopicNames != nil {
		names = asked.SubscribedTopicNames
	}
	c := m.clone()
	if asked.MemberEpoch == 0 { // what refused it before is over
		c.Refused = nil
	}
	c.hear(cluster, names, said, stake.Unheard)
	return c
}

// told is what is remembered of a refusal.
func told(said *kmsg.ConsumerGroupHeartbeatResponse) *kmsg.ConsumerGroupHeartbeatResponse {
	r := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	r.ErrorCode = said.ErrorCode
	if said.ErrorMessage != nil {
		r.ErrorMessage = new(wire.Clip(*said.ErrorMessage, maxRefusal))
	}
	return r
}

// WithoutRefusal is what is known of the member once it is told what was refused.
func (m *Member) WithoutRefusal() *Member {
	c := m.clone()
	c.Refused = nil
	return c
}

// Owing is what is known of the member when it is to be told again what it is assigned.
func (m *Member) Owing() *Member {
	c := m.clone()
	c.Owes = true
	return c
}

// refusal is the error that a cluster has answered a heartbeat with, as clients are told it. That there is no group is fatal to them; of a group
// on one cluster among several it says less.
func refusal(asked *kmsg.ConsumerGroupHeartbeatRequest, said *kmsg.ConsumerGroupHeartbeatResponse) wire.ErrorCode {
	if wire.ErrorCode(said.ErrorCode) == wire.GroupIDNotFound && asked.MemberEpoch > 0 {
		said.ErrorCode = int16(wire.UnknownMemberID)
	}
	return wire.ErrorCode(said.ErrorCode)
}

// hear takes in what a cluster has answered to a heartbeat that said what the member is subscribed to there.
func (m *Member) hear(cluster string, names []string, said *kmsg.ConsumerGroupHeartbeatResponse, unheard bool) {
	stake := m.Stakes[cluster]
	stake.Epoch, stake.Names, stake.Unheard = said.MemberEpoch, names, unheard
	if said.Assignment != nil {
		m.Owes = true
		stake.Assigned = nil
		for _, t := range said.Assignment.Topics {
			stake.Assigned = append(stake.Assigned, Assigned{t.TopicID, t.Partitions})
		}
		stake.note()
	}
	m.Stakes[cluster] = stake
}

// note takes note of the topics that are assigned.
func (s *Stake) note() {
	topics := maps.Clone(s.Topics)
	if topics == nil {
		topics = make(map[[16]byte]struct{}, len(s.Assigned))
	}
	for _, a := range s.Assigned {
		topics[a.Topic] = struct{}{}
	}
	s.Topics = topics
}

// clone returns a copy to change, whose stakes are replaced and not changed. The copy of nil is a new member.
func (m *Member) clone() *Member {
	if m == nil {
		return &Member{Stakes: map[string]Stake{}}
	}
	c := *m
	c.Stakes = maps.Clone(m.Stakes)
	if c.Stakes == nil {
		c.Stakes = map[string]Stake{}
	}
	return &c
}

// epochs are those of the stakes.
func (m *Member) epochs() Epochs {
	e := make(Epochs, len(m.Stakes))
	for cluster, s := range m.Stakes {
		e[cluster] = s.Epoch
	}
	return e
}

// size is at least what the member takes of memory.
func (m *Member) size() int {
	size := memberCost + sizeOf(m.Subscription.Names) + len(m.Subscription.Regex)
	for _, said := range []*string{m.Subscription.Instance, m.Subscription.Rack, m.Subscription.Assignor} {
		if said != nil {
			size += len(*said)
		}
	}
	if m.Refused != nil {
		size += refusalCost
	}
	size += sizeOfAssigned(m.Owned)
	for _, s := range m.Stakes {
		size += stakeCost + sizeOf(s.Names) + sizeOfAssigned(s.Assigned) + topicCost*len(s.Topics)
	}
	return size
}

func sizeOfAssigned(all []Assigned) (size int) {
	for _, a := range all {
		size += topicCost + 4*len(a.Partitions)
	}
	return size
}

func sizeOf(names []string) int {
	size := nameCost * len(names)
	for _, n := range names {
		size += len(n)
	}
	return size
}

// anyOf says whether it is so of one of stakes, and a topic.
func anyOf(stakes map[string]Stake, is func(*Stake, [16]byte) bool, topic [16]byte) bool {
	for _, s := range stakes {
		if is(&s, topic) {
			return true
		}
	}
	return false
}

// had says whether partitions of a topic were assigned since the member joined.
func (s *Stake) had(topic [16]byte) bool {
	_, had := s.Topics[topic]
	return had || s.has(topic)
}

// has says whether partitions of a topic are assigned.
func (s *Stake) has(topic [16]byte) bool {
	return slices.ContainsFunc(s.Assigned, func(a Assigned) bool { return a.Topic == topic })
}
