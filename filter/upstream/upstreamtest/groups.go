package upstreamtest

import (
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Groups is what a scripted cluster has of consumer groups: members of generations that the test sets, and offsets. Only a group's coordinator
// answers for it, as Kafka 4.3.1 does. Its methods may be called from any goroutine.
type Groups struct {
	cluster *Cluster

	mu      sync.Mutex
	members map[string]map[string]int32 // their generations, by group
	offsets map[offsetOf][]int64        // all that were committed, in their order
	checks  int                         // heartbeats and descriptions
	commits int
	joining chan struct{} // JoinGroup is answered when it is closed; nil: at once
}

// offsetOf is what has an offset.
type offsetOf struct {
	group, topic string
	partition    int32
}

// Groups has the cluster answer for consumer groups.
func (c *Cluster) Groups() *Groups {
	g := &Groups{cluster: c, members: map[string]map[string]int32{}, offsets: map[offsetOf][]int64{}}
	c.handle(wire.KeyOffsetCommit, link.Range{Min: 2, Max: 9}, g.commit)
	c.Handle(wire.KeyOffsetFetch, link.Range{Min: 1, Max: 9}, g.fetch)
	c.Handle(wire.KeyHeartbeat, link.Range{Min: 0, Max: 4}, g.beat)
	c.Handle(wire.KeyJoinGroup, link.Range{Min: 2, Max: 9}, g.join)
	c.Handle(wire.KeyLeaveGroup, link.Range{Min: 0, Max: 5}, g.leave)
	return g
}

// Member makes a member of a group, or gives it another generation; below zero: it is one no more.
func (g *Groups) Member(group, id string, generation int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members[group] == nil {
		g.members[group] = map[string]int32{}
	}
	g.members[group][id] = generation
	if generation < 0 {
		delete(g.members[group], id)
	}
}

// Members are the ids of a group's members.
func (g *Groups) Members(group string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.members[group]))
}

// HoldJoins has nobody's JoinGroup be answered until the returned function is called.
func (g *Groups) HoldJoins() (release func()) {
	joining := make(chan struct{})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joining = joining
	return func() { close(joining) }
}

// Committed are the offsets that were committed of a partition, in their order.
func (g *Groups) Committed(group, topic string, partition int32) []int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.offsets[offsetOf{group, topic, partition}])
}

// Calls are how often a member was looked at by a Heartbeat, and how often something was committed.
func (g *Groups) Calls() (checks, commits int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.checks, g.commits
}

// coordinates reports whether a broker is a group's coordinator.
func (g *Groups) coordinates(id int32, group string) bool {
	g.cluster.mu.Lock()
	defer g.cluster.mu.Unlock()
	return g.cluster.coordinator(group).NodeID == id
}

// validate is what a coordinator says of who asks. g.mu is held.
func (g *Groups) validate(group, member string, generation int32) wire.ErrorCode {
	known, there := g.members[group][member]
	switch {
	case generation < 0 && member == "" && len(g.members[group]) == 0:
		return wire.None
	case !there:
		return wire.UnknownMemberID
	case known != generation:
		return wire.IllegalGeneration
	default:
		return wire.None
	}
}

//nolint:ireturn // as Cluster.Handle has it
func (g *Groups) beat(id int32, request kmsg.Request) kmsg.Response {
	r := request.(*kmsg.HeartbeatRequest) //nolint:forcetypeassert // as the key is
	response := kmsg.NewPtrHeartbeatResponse()
	if !g.coordinates(id, r.Group) {
		response.ErrorCode = int16(wire.NotCoordinator)
		return response
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.checks++
	code := g.validate(r.Group, r.MemberID, r.Generation)
	if r.MemberID == "" {
		code = wire.UnknownMemberID
	}
	response.ErrorCode = int16(code)
	return response
}

// commit stores offsets while their broker is the coordinator and their connection is there, and never later: whoever has seen that go may
// commit elsewhere, and would find what is older behind it.
//
//nolint:ireturn // as Cluster.Handle has it
func (g *Groups) commit(conn net.Conn, id int32, request kmsg.Request) kmsg.Response {
	r := request.(*kmsg.OffsetCommitRequest) //nolint:forcetypeassert // as the key is
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cluster.mu.Lock()
	defer g.cluster.mu.Unlock()
	if g.cluster.conns[conn] != id {
		return nil
	}
	code := wire.NotCoordinator
	if g.cluster.coordinator(r.Group).NodeID == id {
		g.commits++
		code = g.validate(r.Group, r.MemberID, r.Generation)
	}
	response := kmsg.NewPtrOffsetCommitResponse()
	for _, t := range r.Topics {
		topic := kmsg.OffsetCommitResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			if code == wire.None {
				of := offsetOf{r.Group, t.Topic, p.Partition}
				g.offsets[of] = append(g.offsets[of], p.Offset)
			}
			topic.Partitions = append(topic.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: int16(code)})
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

//nolint:ireturn // as Cluster.Handle has it
func (g *Groups) fetch(id int32, request kmsg.Request) kmsg.Response {
	r := request.(*kmsg.OffsetFetchRequest) //nolint:forcetypeassert // as the key is
	response := kmsg.NewPtrOffsetFetchResponse()
	for _, asked := range r.Groups {
		told := kmsg.OffsetFetchResponseGroup{Group: asked.Group}
		if !g.coordinates(id, asked.Group) {
			told.ErrorCode = int16(wire.NotCoordinator)
		} else {
			told.Topics = g.found(asked)
		}
		response.Groups = append(response.Groups, told)
	}
	return response
}

// found are the offsets that a group is asked for.
func (g *Groups) found(asked kmsg.OffsetFetchRequestGroup) []kmsg.OffsetFetchResponseGroupTopic {
	g.mu.Lock()
	defer g.mu.Unlock()
	var topics []kmsg.OffsetFetchResponseGroupTopic
	for _, t := range asked.Topics {
		topic := kmsg.OffsetFetchResponseGroupTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			one := kmsg.OffsetFetchResponseGroupTopicPartition{Partition: p, Offset: -1, LeaderEpoch: -1, Metadata: new("")}
			if all := g.offsets[offsetOf{asked.Group, t.Topic, p}]; len(all) > 0 {
				one.Offset = all[len(all)-1]
			}
			topic.Partitions = append(topic.Partitions, one)
		}
		topics = append(topics, topic)
	}
	return topics
}

//nolint:ireturn // as Cluster.Handle has it
func (g *Groups) join(id int32, request kmsg.Request) kmsg.Response {
	r := request.(*kmsg.JoinGroupRequest) //nolint:forcetypeassert // as the key is
	g.mu.Lock()
	joining := g.joining
	g.mu.Unlock()
	if joining != nil {
		<-joining
	}
	response := kmsg.NewPtrJoinGroupResponse()
	if !g.coordinates(id, r.Group) {
		response.ErrorCode = int16(wire.NotCoordinator)
		return response
	}
	response.Generation, response.MemberID, response.LeaderID = 1, r.MemberID, r.MemberID
	g.Member(r.Group, r.MemberID, 1)
	return response
}

//nolint:ireturn // as Cluster.Handle has it
func (g *Groups) leave(id int32, request kmsg.Request) kmsg.Response {
	r := request.(*kmsg.LeaveGroupRequest) //nolint:forcetypeassert // as the key is
	response := kmsg.NewPtrLeaveGroupResponse()
	if !g.coordinates(id, r.Group) {
		response.ErrorCode = int16(wire.NotCoordinator)
		return response
	}
	for _, m := range r.Members {
		g.Member(r.Group, m.MemberID, -1)
		response.Members = append(response.Members, kmsg.LeaveGroupResponseMember{MemberID: m.MemberID})
	}
	return response
}
