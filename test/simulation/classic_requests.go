package simulation

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// What a coordinator makes of the requests of members of the classic protocol. c.mu is held.

func (c *coordinator) sync(id int32, request kmsg.Request) chan kmsg.Response {
	r := request.(*kmsg.SyncGroupRequest) //nolint:forcetypeassert // as the key is
	if c.closed || !c.coordinates(id, r.Group) {
		return told(synced(wire.NotCoordinator, nil))
	}
	g := c.classicGroup(r.Group)
	if code := g.validate(r.MemberID, r.Generation); code != wire.None {
		return told(synced(code, nil))
	}
	m := g.members[r.MemberID]
	g.hear(m)
	switch g.phase {
	case groupPreparing:
		return told(synced(wire.RebalanceInProgress, nil))
	case groupStable:
		return told(synced(wire.None, m.assigned))
	default:
	}
	m.syncs(synced(wire.UnknownMemberID, nil)) // it has lost that connection
	m.syncing = make(chan kmsg.Response, 1)
	answer := m.syncing
	if m.id != g.leader {
		return answer
	}
	for _, a := range r.GroupAssignment {
		if of := g.members[a.MemberID]; of != nil {
			of.assigned = a.MemberAssignment
		}
	}
	g.phase = groupStable
	g.keep()
	for _, of := range g.members {
		of.syncs(synced(wire.None, of.assigned))
		g.hear(of)
	}
	return answer
}

func (c *coordinator) beat(id int32, request kmsg.Request) chan kmsg.Response {
	r := request.(*kmsg.HeartbeatRequest) //nolint:forcetypeassert // as the key is
	response := kmsg.NewPtrHeartbeatResponse()
	code := wire.NotCoordinator
	if c.coordinates(id, r.Group) {
		g := c.classicGroup(r.Group)
		if code = g.validate(r.MemberID, r.Generation); code == wire.None {
			g.hear(g.members[r.MemberID])
			if g.phase == groupPreparing {
				code = wire.RebalanceInProgress
			}
		}
	}
	response.ErrorCode = int16(code)
	return told(response)
}

func (c *coordinator) leave(id int32, request kmsg.Request) chan kmsg.Response {
	r := request.(*kmsg.LeaveGroupRequest) //nolint:forcetypeassert // as the key is
	response := kmsg.NewPtrLeaveGroupResponse()
	if !c.coordinates(id, r.Group) {
		response.ErrorCode = int16(wire.NotCoordinator)
		return told(response)
	}
	for _, m := range r.Members {
		c.classicGroup(r.Group).remove(m.MemberID)
		response.Members = append(response.Members, kmsg.LeaveGroupResponseMember{MemberID: m.MemberID})
	}
	return told(response)
}
