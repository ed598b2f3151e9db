package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// consumerGroup is a group of the new protocol (KIP-848), as the coordinator of one cluster has it: all members read the cluster's one
// topic, and a partition is assigned to the next one when who had it has said that it gave it up. The coordinator's mutex is held.
type consumerGroup struct {
	on      *coordinator
	epoch   int32
	members map[string]*consumerMember
}

type consumerMember struct {
	id              string
	epoch, previous int32
	reads           bool    // the topic
	assigned        []int32 // that it may read
	revoking        []int32 // that it is to give up
	heard           int
}

// consumerGroup is the group of a name, which there is when somebody asks for it.
func (c *coordinator) consumerGroup(name string) *consumerGroup {
	g := c.groups[name]
	if g == nil {
		g = &consumerGroup{on: c, members: map[string]*consumerMember{}}
		c.groups[name] = g
	}
	return g
}

// consumerBeat is what a coordinator makes of a ConsumerGroupHeartbeat.
func (c *coordinator) consumerBeat(id int32, request kmsg.Request) chan kmsg.Response {
	r := request.(*kmsg.ConsumerGroupHeartbeatRequest) //nolint:forcetypeassert // as the key is
	response := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	response.MemberID, response.MemberEpoch, response.HeartbeatIntervalMillis = &r.MemberID, r.MemberEpoch, int32(beatTime.Milliseconds())
	if !c.coordinates(id, r.Group) {
		response.ErrorCode = int16(wire.NotCoordinator)
		return told(response)
	}
	g := c.consumerGroup(r.Group)
	if r.MemberEpoch < 0 {
		g.remove(r.MemberID)
		return told(response)
	}
	m := g.members[r.MemberID]
	if code := g.admits(m, r); code != wire.None {
		response.ErrorCode = int16(code)
		return told(response)
	}
	if m == nil {
		m = &consumerMember{id: r.MemberID}
		g.members[m.id] = m
		g.epoch++
	}
	if r.SubscribedTopicNames != nil {
		if reads := slices.Contains(r.SubscribedTopicNames, c.topic); reads != m.reads {
			m.reads = reads
			g.epoch++
		}
	}
	g.hear(m)
	changed := g.reconcile(m, r)
	response.MemberEpoch = m.epoch
	if changed || r.MemberEpoch == 0 || r.SubscribedTopicNames != nil {
		a := kmsg.NewConsumerGroupHeartbeatResponseAssignment()
		if len(m.assigned) > 0 {
			t := kmsg.NewConsumerGroupHeartbeatResponseAssignmentTopic()
			t.TopicID, t.Partitions = c.cluster.TopicID(c.topic), slices.Clone(m.assigned)
			a.Topics = append(a.Topics, t)
		}
		response.Assignment = &a
	}
	return told(response)
}

// admits says whether a member may go on from the epoch that it says.
func (g *consumerGroup) admits(m *consumerMember, r *kmsg.ConsumerGroupHeartbeatRequest) wire.ErrorCode {
	switch {
	case r.MemberEpoch == 0:
		return wire.None
	case m == nil:
		return wire.UnknownMemberID
	case r.MemberEpoch == m.epoch:
		return wire.None
	case r.MemberEpoch == m.previous && r.Topics != nil && subset(g.owned(r), m.assigned): // it has not heard the last answer
		if !g.foreign(r) {
			return wire.None
		}
		g.on.foreign = append(g.on.foreign, m.id)
		return wire.FencedMemberEpoch
	default:
		return wire.FencedMemberEpoch
	}
}

// owned is what a member says that it has.
func (g *consumerGroup) owned(r *kmsg.ConsumerGroupHeartbeatRequest) (owned []int32) {
	for _, t := range r.Topics {
		if t.TopicID == g.on.cluster.TopicID(g.on.topic) {
			owned = append(owned, t.Partitions...)
		}
	}
	return owned
}

// foreign reports whether a member says that it has something of another cluster's topic, which nobody has assigned here.
func (g *consumerGroup) foreign(r *kmsg.ConsumerGroupHeartbeatRequest) bool {
	id := g.on.cluster.TopicID(g.on.topic)
	return slices.ContainsFunc(r.Topics, func(t kmsg.ConsumerGroupHeartbeatRequestTopic) bool { return t.TopicID != id })
}

func subset(of, all []int32) bool {
	return !slices.ContainsFunc(of, func(p int32) bool { return !slices.Contains(all, p) })
}

// hear has a member be alive for the time of a session.
func (g *consumerGroup) hear(m *consumerMember) {
	m.heard++
	heard := m.heard
	g.on.after(sessionTime, func() {
		if g.members[m.id] == m && m.heard == heard {
			g.remove(m.id)
		}
	})
}

func (g *consumerGroup) remove(id string) {
	if g.members[id] != nil {
		delete(g.members, id)
		g.epoch++
	}
}

// target is what a member is to have in the end.
func (g *consumerGroup) target(m *consumerMember) (has []int32) {
	readers := slices.Sorted(maps.Keys(g.members))
	readers = slices.DeleteFunc(readers, func(id string) bool { return !g.members[id].reads })
	at := slices.Index(readers, m.id)
	for p := range int32(partitions) {
		if at >= 0 && int(p+g.epoch)%len(readers) == at { // each epoch moves some
			has = append(has, p)
		}
	}
	return has
}

// reconcile brings a member one step nearer to what it is to have, and reports whether that has changed.
func (g *consumerGroup) reconcile(m *consumerMember, r *kmsg.ConsumerGroupHeartbeatRequest) (changed bool) {
	owned := g.owned(r)
	given := func(p int32) bool { return r.Topics != nil && !slices.Contains(owned, p) } // up
	m.revoking = slices.DeleteFunc(m.revoking, given)
	if len(m.revoking) > 0 {
		return false
	}
	target := g.target(m)
	if kept := slices.DeleteFunc(slices.Clone(m.assigned), func(p int32) bool { return !slices.Contains(target, p) }); len(kept) < len(m.assigned) {
		m.revoking = slices.DeleteFunc(slices.Clone(m.assigned), func(p int32) bool { return slices.Contains(kept, p) || given(p) })
		m.assigned, changed = kept, true
		if len(m.revoking) > 0 {
			return true
		}
	}
	if m.epoch != g.epoch {
		m.previous, m.epoch = m.epoch, g.epoch
	}
	for _, p := range target {
		if !slices.Contains(m.assigned, p) && g.free(p, m) {
			m.assigned = append(m.assigned, p)
			changed = true
		}
	}
	return changed
}

// free reports whether nobody else has a partition.
func (g *consumerGroup) free(p int32, but *consumerMember) bool {
	for _, m := range g.members {
		if m != but && (slices.Contains(m.assigned, p) || slices.Contains(m.revoking, p)) {
			return false
		}
	}
	return true
}

func (g *consumerGroup) mayCommit(member string, epoch int32) wire.ErrorCode {
	m := g.members[member]
	switch {
	case epoch < 0 && member == "" && len(g.members) == 0:
		return wire.None
	case m == nil:
		return wire.UnknownMemberID
	case epoch != m.epoch:
		return wire.StaleMemberEpoch
	default:
		return wire.None
	}
}

// reload is what a broker does that takes the group over: sessions begin anew.
func (g *consumerGroup) reload() {
	for _, m := range g.members {
		g.hear(m)
	}
}

// describe is what a coordinator makes of a ConsumerGroupDescribe.
func (c *coordinator) describe(id int32, request kmsg.Request) chan kmsg.Response {
	response := kmsg.NewPtrConsumerGroupDescribeResponse()
	for _, name := range request.(*kmsg.ConsumerGroupDescribeRequest).Groups { //nolint:forcetypeassert // as the key is
		one := kmsg.NewConsumerGroupDescribeResponseGroup()
		one.Group = name
		g := c.groups[name]
		switch {
		case !c.coordinates(id, name):
			one.ErrorCode = int16(wire.NotCoordinator)
		case g == nil:
			one.ErrorCode = int16(wire.GroupIDNotFound)
		default:
			one.State, one.Epoch, one.AssignmentEpoch, one.AssignorName = "Stable", g.epoch, g.epoch, "uniform"
			for _, id := range slices.Sorted(maps.Keys(g.members)) {
				one.Members = append(one.Members, g.members[id].describe(c))
			}
		}
		response.Groups = append(response.Groups, one)
	}
	return told(response)
}

func (m *consumerMember) describe(c *coordinator) kmsg.ConsumerGroupDescribeResponseGroupMember {
	d := kmsg.NewConsumerGroupDescribeResponseGroupMember()
	d.MemberID, d.MemberEpoch = m.id, m.epoch
	if m.reads {
		d.SubscribedTopics = []string{c.topic}
	}
	if len(m.assigned) > 0 {
		d.Assignment.TopicPartitions = []kmsg.AssignmentTopicPartition{{
			TopicID: c.cluster.TopicID(c.topic), Topic: c.topic, Partitions: slices.Clone(m.assigned),
		}}
	}
	return d
}

// hasMember reports whether somebody is a member of a group of the new protocol.
func (c *coordinator) hasMember(group, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[group]
	return g != nil && g.members[id] != nil
}

// view tells who has what.
func (g *consumerGroup) view() string {
	var said strings.Builder
	fmt.Fprintf(&said, "%s is in epoch %d:", g.on.name, g.epoch)
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		m := g.members[id]
		fmt.Fprintf(&said, " %s in %d reads %v, is to give up %v;", id, m.epoch, m.assigned, m.revoking)
	}
	return said.String()
}

// beatTime is how often a member is heard.
const beatTime = 500 * time.Millisecond
