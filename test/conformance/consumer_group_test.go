package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestConsumerGroups has members of groups of the new protocol (KIP-848) live on one cluster. Kafka 3.9 does not have it switched on.
func TestConsumerGroups(t *testing.T) {
	t.Parallel()
	scenarios := []scenario{
		{name: "a member's life", do: func(c *client) {
			m := newMember(c, "life")
			m.say(c, "listed")
			m.beat(c)
			m.say(c, "listed")
			m.describe(c)
			m.commit(c, m.epoch)
			m.offsets(c, m.epoch)
			m.leave(c)
			m.commit(c, m.epoch)
			m.describe(c)
		}},
		{name: "epochs that are not the member's", differs: ownWords, do: func(c *client) {
			m := newMember(c, "epochs")
			m.say(c, "listed")
			joined := m.epoch
			for _, epoch := range []int32{joined + 5, joined - 1} {
				m.epoch = epoch
				m.say(c, "listed")
				m.commit(c, epoch)
				m.offsets(c, epoch)
			}
			m.epoch = joined
			m.leave(c)
			m.epoch = joined
			m.say(c, "listed")
		}},
		{name: "a member that the mesh does not know", differs: memberAsked, do: func(c *client) {
			m := newMember(c, "unknown")
			m.epoch = 3
			m.beat(c)
		}},
		{name: "no group", do: func(c *client) {
			m := newMember(c, "none")
			m.describe(c)
			m.leave(c)
		}},
		{name: "requests that are wrong", do: func(c *client) {
			for _, wrong := range []func(r *kmsg.ConsumerGroupHeartbeatRequest){
				func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Group = "" },
				func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.RebalanceTimeoutMillis = -1 },
				func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = nil },
				func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Topics = nil },
				func(r *kmsg.ConsumerGroupHeartbeatRequest) {
					r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{Partitions: []int32{1}}}
				},
				func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.ServerAssignor = new("best") },
				func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.InstanceID = new("") },
			} {
				m := newMember(c, "wrong")
				r := m.request()
				r.RebalanceTimeoutMillis, r.SubscribedTopicNames = 60_000, []string{c.topic("listed")}
				r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
				wrong(r)
				c.ask(at(1, r))
			}
		}},
		{name: "a regular expression that is none", off: "ruled", do: func(c *client) {
			m := newMember(c, "wrong")
			r := m.request()
			r.RebalanceTimeoutMillis, r.SubscribedTopicNames = 60_000, []string{c.topic("listed")}
			r.Topics, r.SubscribedTopicRegex = []kmsg.ConsumerGroupHeartbeatRequestTopic{}, new("[")
			c.ask(at(1, r))
		}},
		{name: "no rule matches", on: "narrow", differs: unmatchedTopic, do: func(c *client) {
			m := newMember(c, "unruled")
			m.say(c, "listed")
		}},
	}
	for i := range scenarios {
		scenarios[i].do = ofNewKafka(scenarios[i].do)
	}
	play(t, "consumer_groups", append(scenarios, scenario{name: "where it is not switched on", do: func(c *client) {
		if c.target.oracle.version == oldKafka {
			m := newMember(c, "old")
			m.version = 0
			m.say(c, "listed")
			m.describe(c)
		}
	}}))
}

// member is a member of a group as a client sees itself.
type member struct {
	group, id string
	epoch     int32
	version   int16
	owned     []kmsg.ConsumerGroupHeartbeatRequestTopic
}

// newMember is one of one of the target's own groups.
func newMember(c *client, group string) *member {
	return &member{group: c.topic(group), id: "member", version: 1}
}

// request is a heartbeat that says nothing new.
func (m *member) request() *kmsg.ConsumerGroupHeartbeatRequest {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch = m.group, m.id, m.epoch
	r.SubscribedTopicNames, r.Topics = nil, nil
	return r
}

// beat sends a heartbeat that says nothing new.
func (m *member) beat(c *client) {
	c.t.Helper()
	m.send(c, m.request())
}

// say sends one that says all: that topics of these kinds are subscribed to, and what is owned.
func (m *member) say(c *client, kinds ...string) {
	c.t.Helper()
	r := m.request()
	r.RebalanceTimeoutMillis, r.SubscribedTopicNames, r.Topics = 60_000, []string{}, m.owned
	for _, kind := range kinds {
		r.SubscribedTopicNames = append(r.SubscribedTopicNames, c.topic(kind))
	}
	if m.epoch == 0 || r.Topics == nil {
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	m.send(c, r)
}

// leave leaves.
func (m *member) leave(c *client) {
	c.t.Helper()
	m.epoch = -1
	m.beat(c)
}

// send sends a heartbeat, and takes over the epoch and the partitions.
func (m *member) send(c *client, r *kmsg.ConsumerGroupHeartbeatRequest) {
	c.t.Helper()
	c.send(at(m.version, r))
	said, ok := c.answer(r, m.version, c.Last).(*kmsg.ConsumerGroupHeartbeatResponse)
	if !ok {
		return
	}
	c.show(said)
	if said.ErrorCode == 0 {
		m.epoch = said.MemberEpoch
		if said.Assignment != nil {
			m.owned = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
			for _, t := range said.Assignment.Topics {
				m.owned = append(m.owned, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: t.TopicID, Partitions: t.Partitions})
			}
		}
	}
}

// describe asks for the group.
func (m *member) describe(c *client) {
	c.t.Helper()
	r := kmsg.NewPtrConsumerGroupDescribeRequest()
	r.Groups = []string{m.group}
	c.ask(at(m.version, r))
}

// commit commits an offset.
func (m *member) commit(c *client, epoch int32) {
	c.t.Helper()
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation = m.group, m.id, epoch
	r.Topics = []kmsg.OffsetCommitRequestTopic{{
		Topic: c.topic("listed"), Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 7, LeaderEpoch: -1}},
	}}
	c.ask(at(9, r))
}

// offsets asks for that offset.
func (m *member) offsets(c *client, epoch int32) {
	c.t.Helper()
	r, g := kmsg.NewPtrOffsetFetchRequest(), kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.MemberID, g.MemberEpoch = m.group, &m.id, epoch
	g.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: c.topic("listed"), Partitions: []int32{0}}}
	r.Groups = append(r.Groups, g)
	c.ask(at(9, r))
}

func (c *client) showHeartbeat(r *kmsg.ConsumerGroupHeartbeatResponse) {
	assigned := "nothing new"
	if r.Assignment != nil {
		assigned = fmt.Sprintf("%d topics", len(r.Assignment.Topics))
		for _, t := range r.Assignment.Topics {
			slices.Sort(t.Partitions)
			assigned = fmt.Sprint(assigned, " ", t.Partitions)
		}
	}
	c.say("%s epoch %d, assigned %s%s", code(r.ErrorCode), r.MemberEpoch, assigned, quoted(r.ErrorMessage))
}

func (c *client) showCommit(r *kmsg.OffsetCommitResponse) {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			c.say("%s/%d committed: %s", t.Topic, p.Partition, code(p.ErrorCode))
		}
	}
}

func (c *client) showGroupOffsets(r *kmsg.OffsetFetchResponse) {
	if r.Version < 8 { // of one group, without its name
		c.say("offsets: %s, of %d topics", code(r.ErrorCode), len(r.Topics))
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				c.say("%s/%d at %d: %s", t.Topic, p.Partition, p.Offset, code(p.ErrorCode))
			}
		}
	}
	for _, g := range r.Groups {
		c.say("offsets: %s, of %d topics", code(g.ErrorCode), len(g.Topics))
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				c.say("%s/%d at %d: %s", t.Topic, p.Partition, p.Offset, code(p.ErrorCode))
			}
		}
	}
}

func (c *client) showConsumerGroups(r *kmsg.ConsumerGroupDescribeResponse) {
	for _, g := range r.Groups {
		c.say("%s: %s %s, epochs %d and %d, by %s%s", g.Group, code(g.ErrorCode), g.State, g.Epoch, g.AssignmentEpoch, g.AssignorName,
			quoted(g.ErrorMessage))
		slices.SortFunc(g.Members, func(a, b kmsg.ConsumerGroupDescribeResponseGroupMember) int {
			return strings.Compare(a.MemberID, b.MemberID)
		})
		for _, m := range g.Members {
			c.say("%s of epoch %d and type %d reads %v: %s, to be %s", m.MemberID, m.MemberEpoch, m.MemberType, m.SubscribedTopics,
				partitionsOf(m.Assignment), partitionsOf(m.TargetAssignment))
		}
	}
}

func partitionsOf(a kmsg.Assignment) string {
	var all []string
	for _, t := range a.TopicPartitions {
		slices.Sort(t.Partitions)
		all = append(all, fmt.Sprint(t.Topic, t.Partitions))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
