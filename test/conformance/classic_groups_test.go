package conformance

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestClassicGroups has members of classic groups live on one cluster, in every version.
func TestClassicGroups(t *testing.T) {
	t.Parallel()
	scenarios := []scenario{
		{name: "a member's life in the oldest versions", do: func(c *client) { c.classicLives(0, 1) }},
		{name: "a member's life", do: func(c *client) { c.classicLives(2, 9) }},
		{name: "a static member", do: func(c *client) {
			m := newClassic(c, "static", 9)
			m.instance = new("instance")
			m.join(c)
			m.sync(c)
			again := *m
			again.id = ""
			again.join(c)
			again.sync(c)
			m.beat(c)
			m.commit(c, m.generation, m.id)
			again.commit(c, again.generation, again.id)
			again.leave(c)
		}},
		{name: "requests that are wrong", do: func(c *client) {
			for version := int16(2); version <= 9; version++ {
				m := newClassic(c, "wrong", version)
				m.session = 1
				m.join(c)
				m.session, m.group = 60_000, ""
				m.join(c)
				m.sync(c)
				m.beat(c)
				m.leave(c) // a commit would make a group without a name, which other tests look at
			}
		}},
		{name: "offsets of a group that is not there", do: func(c *client) {
			c.asks(1, 9, func(int16) kmsg.Request { return offsetsFor(c, "nothing", []string{"listed"}) })
			c.asks(2, 9, func(int16) kmsg.Request { return offsetsFor(c, "nothing", nil) })
		}},
		{name: "offsets of nobody's", do: func(c *client) {
			for version := int16(2); version <= 9; version++ {
				m := newClassic(c, fmt.Sprint("bare", version), version)
				m.commit(c, -1, "")
				m.commit(c, 5, "somebody")
			}
			c.asks(1, 9, func(int16) kmsg.Request { return offsetsFor(c, "bare5", []string{"listed", "three", "never"}) })
			c.asks(2, 9, func(int16) kmsg.Request { return offsetsFor(c, "bare5", nil) })
		}},
		{name: "commits of unknown topics", do: func(c *client) {
			for version := int16(2); version <= 9; version++ {
				m := newClassic(c, "unknown", version)
				m.topic = "never"
				m.commit(c, -1, "")
				m.commit(c, 7, "somebody")
			}
		}},
		{name: "no rule matches the topic", on: "narrow", differs: unmatchedTopic, do: func(c *client) {
			newClassic(c, "unruled", 9).commit(c, -1, "")
			c.asks(1, 9, func(int16) kmsg.Request { return offsetsFor(c, "unruled", []string{"listed"}) })
		}},
	}
	play(t, "classic_groups", scenarios)
}

// classicLives has a member live in each version of JoinGroup, with the others as new as that.
func (c *client) classicLives(from, to int16) {
	for version := from; version <= to && !c.closed; version++ {
		c.say("JoinGroup %d", version)
		m := newClassic(c, fmt.Sprint("life", version), version)
		m.join(c)
		if c.closed {
			c.again()
			continue
		}
		m.sync(c)
		m.beat(c)
		m.commit(c, m.generation, m.id)
		m.commit(c, m.generation+1, m.id)
		m.commit(c, m.generation, "nobody")
		m.commit(c, -1, "")
		stale := *m
		m.join(c)
		m.sync(c)
		stale.beat(c)
		stale.sync(c)
		stale.commit(c, stale.generation, stale.id)
		c.ask(at(min(max(version, 1), 9), offsetsFor(c, fmt.Sprint("life", version), []string{"listed"})))
		m.leave(c)
		m.beat(c)
		m.commit(c, m.generation, m.id)
	}
}

// classic is a member of a classic group as a client sees itself.
type classic struct {
	group, id  string
	instance   *string
	generation int32
	session    int32
	topic      string
	version    int16 // of JoinGroup, and the newest of the others
}

// newClassic is one of one of the target's own groups.
func newClassic(c *client, group string, version int16) *classic {
	return &classic{group: "classic-" + group + "-" + c.target.name, session: 60_000, topic: "listed", version: version}
}

// join joins, again with the id if one is told to.
func (m *classic) join(c *client) {
	c.t.Helper()
	for {
		r := kmsg.NewPtrJoinGroupRequest()
		r.Group, r.MemberID, r.InstanceID, r.ProtocolType = m.group, m.id, m.instance, "consumer"
		r.SessionTimeoutMillis, r.RebalanceTimeoutMillis, r.Reason = m.session, 60_000, new("because")
		metadata := kmsg.NewConsumerMemberMetadata()
		metadata.Topics = []string{c.topic("listed")}
		r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: metadata.AppendTo(nil)}, {Name: "none", Metadata: []byte{7}}}
		c.send(at(m.version, r))
		said, ok := c.answer(r, m.version, c.Last).(*kmsg.JoinGroupResponse)
		if !ok {
			return
		}
		before := m.id
		m.id, m.generation = said.MemberID, said.Generation
		same := func(id string) string {
			switch id {
			case "":
				return "nobody"
			case m.id:
				return "it"
			default:
				return "another"
			}
		}
		c.say("join: %s, generation %d, protocol%s%s, leader %s, new id %t", code(said.ErrorCode), said.Generation, quoted(said.ProtocolType),
			quoted(said.Protocol), same(said.LeaderID), m.id != before)
		for _, one := range said.Members {
			c.say("a member: %s, instance%s, %d bytes", same(one.MemberID), quoted(one.InstanceID), len(one.ProtocolMetadata))
		}
		if said.ErrorCode != memberIDRequired {
			return
		}
	}
}

const memberIDRequired = 79

func (m *classic) sync(c *client) {
	c.t.Helper()
	r := kmsg.NewPtrSyncGroupRequest()
	r.Group, r.MemberID, r.InstanceID, r.Generation = m.group, m.id, m.instance, m.generation
	r.ProtocolType, r.Protocol = new("consumer"), new("range")
	r.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: m.id, MemberAssignment: []byte("everything")}}
	version := min(m.version, 5)
	c.send(at(version, r))
	if said, ok := c.answer(r, version, c.Last).(*kmsg.SyncGroupResponse); ok {
		c.say("sync: %s, %q,%s%s", code(said.ErrorCode), said.MemberAssignment, quoted(said.ProtocolType), quoted(said.Protocol))
	}
}

func (m *classic) beat(c *client) {
	c.t.Helper()
	r := kmsg.NewPtrHeartbeatRequest()
	r.Group, r.MemberID, r.InstanceID, r.Generation = m.group, m.id, m.instance, m.generation
	version := min(m.version, 4)
	c.send(at(version, r))
	if said, ok := c.answer(r, version, c.Last).(*kmsg.HeartbeatResponse); ok {
		c.say("heartbeat: %s", code(said.ErrorCode))
	}
}

func (m *classic) leave(c *client) {
	c.t.Helper()
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Group, r.MemberID = m.group, m.id
	r.Members = []kmsg.LeaveGroupRequestMember{{MemberID: m.id, InstanceID: m.instance, Reason: new("because")}, {MemberID: "nobody"}}
	version := min(m.version, 5)
	c.send(at(version, r))
	if said, ok := c.answer(r, version, c.Last).(*kmsg.LeaveGroupResponse); ok {
		c.say("leave: %s", code(said.ErrorCode))
		for _, one := range said.Members {
			c.say("left: %s, instance%s", code(one.ErrorCode), quoted(one.InstanceID))
		}
	}
}

func (m *classic) commit(c *client, generation int32, id string) {
	c.t.Helper()
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation = m.group, id, generation
	if id == m.id {
		r.InstanceID = m.instance
	}
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset, p.LeaderEpoch, p.Metadata = 7, 0, new("mine")
	r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: c.topic(m.topic), Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	c.ask(at(min(max(m.version, 2), 9), r))
}

// offsetsFor asks for offsets of a group; no kinds: of all topics.
func offsetsFor(c *client, group string, kinds []string) *kmsg.OffsetFetchRequest {
	r, g := kmsg.NewPtrOffsetFetchRequest(), kmsg.NewOffsetFetchRequestGroup()
	r.Group = "classic-" + group + "-" + c.target.name
	g.Group = r.Group
	for _, kind := range kinds {
		name := c.topic(kind)
		r.Topics = append(r.Topics, kmsg.OffsetFetchRequestTopic{Topic: name, Partitions: []int32{0}})
		g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: name, Partitions: []int32{0}})
	}
	r.Groups = append(r.Groups, g)
	return r
}
