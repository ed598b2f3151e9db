package simulation

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// classicGroup is a group of the classic protocol, as its coordinator has it. The coordinator's mutex is held.
type classicGroup struct {
	on         *coordinator
	phase      groupPhase
	generation int32
	leader     string
	members    map[string]*classicMember
	promised   map[string]bool // member ids that were told and have not joined
	round      int             // how many rebalances have begun
	kept       keptGroup
	ended      map[claim]time.Duration // since when who was a member is none, or of another generation
	now        map[claim]bool
}

type groupPhase uint8

const (
	groupEmpty      groupPhase = iota
	groupPreparing             // members join
	groupCompleting            // the leader has not said yet who reads what
	groupStable
)

// keptGroup is what is left of a group when another broker takes it over: it is written when the leader has said who reads what.
type keptGroup struct {
	generation int32
	leader     string
	assigned   map[string][]byte
}

type classicMember struct {
	id               string
	joining, syncing chan kmsg.Response // hold 1: the answer
	assigned         []byte
	heard            int // how often
}

// classicGroup is the group of a name, which there is when somebody asks for it.
func (c *coordinator) classicGroup(name string) *classicGroup {
	g := c.classic[name]
	if g == nil {
		g = &classicGroup{
			on: c, members: map[string]*classicMember{}, promised: map[string]bool{}, ended: map[claim]time.Duration{}, now: map[claim]bool{},
		}
		c.classic[name] = g
	}
	return g
}

func (c *coordinator) join(id int32, request kmsg.Request) chan kmsg.Response {
	r := request.(*kmsg.JoinGroupRequest) //nolint:forcetypeassert // as the key is
	g := c.classicGroup(r.Group)
	response := kmsg.NewPtrJoinGroupResponse()
	response.Generation, response.MemberID = -1, r.MemberID
	m := g.members[r.MemberID]
	switch {
	case c.closed || !c.coordinates(id, r.Group):
		response.ErrorCode = int16(wire.NotCoordinator)
		return told(response)
	case r.MemberID == "":
		response.MemberID, response.ErrorCode = c.mint("member"), int16(wire.MemberIDRequired)
		g.promised[response.MemberID] = true
		return told(response)
	case m == nil && !g.promised[r.MemberID]:
		response.ErrorCode = int16(wire.UnknownMemberID)
		return told(response)
	case m != nil && g.phase == groupStable && r.MemberID != g.leader: // it has not heard the answer to an earlier one
		g.hear(m)
		response.Generation, response.LeaderID = g.generation, g.leader
		return told(response)
	}
	if m == nil {
		m = &classicMember{id: r.MemberID}
		g.members[m.id] = m
		delete(g.promised, m.id)
	}
	if m.joining != nil {
		m.joining <- refusedJoin(m.id, wire.UnknownMemberID) // it has lost that connection
	}
	m.joining = make(chan kmsg.Response, 1)
	answer := m.joining
	g.hear(m)
	if g.phase != groupPreparing {
		g.prepare()
	}
	g.complete(false)
	return answer
}

//nolint:ireturn // as Cluster.Handle has it
func refusedJoin(id string, code wire.ErrorCode) kmsg.Response {
	r := kmsg.NewPtrJoinGroupResponse()
	r.Generation, r.MemberID, r.ErrorCode = -1, id, int16(code)
	return r
}

//nolint:ireturn // as Cluster.Handle has it
func synced(code wire.ErrorCode, assigned []byte) kmsg.Response {
	r := kmsg.NewPtrSyncGroupResponse()
	r.ErrorCode, r.MemberAssignment = int16(code), assigned
	return r
}

// hear has a member be alive for the time of a session.
func (g *classicGroup) hear(m *classicMember) {
	m.heard++
	heard := m.heard
	g.on.after(sessionTime, func() {
		if g.members[m.id] == m && m.heard == heard && m.joining == nil && m.syncing == nil {
			g.remove(m.id)
		}
	})
}

// prepare begins a rebalance.
func (g *classicGroup) prepare() {
	g.phase = groupPreparing
	g.round++
	round := g.round
	for _, m := range g.members {
		m.syncs(synced(wire.RebalanceInProgress, nil))
		g.hear(m)
	}
	g.on.after(rebalanceTime, func() {
		if g.round == round && g.phase == groupPreparing {
			maps.DeleteFunc(g.members, func(_ string, m *classicMember) bool { return m.joining == nil })
			g.complete(true)
		}
	})
}

func (m *classicMember) syncs(r kmsg.Response) {
	if m.syncing != nil {
		m.syncing <- r
		m.syncing = nil
	}
}

// complete has a new generation begin, if all members have joined.
func (g *classicGroup) complete(overdue bool) {
	if g.phase != groupPreparing {
		return
	}
	ids := slices.Sorted(maps.Keys(g.members))
	if !overdue && slices.ContainsFunc(ids, func(id string) bool { return g.members[id].joining == nil }) {
		return
	}
	g.generation++
	if len(ids) == 0 {
		g.phase, g.leader = groupEmpty, ""
		g.keep()
		g.revalidate()
		return
	}
	g.phase = groupCompleting
	if g.members[g.leader] == nil {
		g.leader = ids[0]
	}
	for _, id := range ids {
		m := g.members[id]
		r := kmsg.NewPtrJoinGroupResponse()
		r.Generation, r.MemberID, r.LeaderID = g.generation, id, g.leader
		if id == g.leader {
			for _, other := range ids {
				r.Members = append(r.Members, kmsg.JoinGroupResponseMember{MemberID: other})
			}
		}
		m.joining <- r
		m.joining, m.assigned = nil, nil
		g.hear(m)
	}
	g.revalidate()
}

// remove has somebody be a member no more.
func (g *classicGroup) remove(id string) {
	m := g.members[id]
	if m == nil {
		return
	}
	delete(g.members, id)
	m.syncs(synced(wire.UnknownMemberID, nil))
	if m.joining != nil {
		m.joining <- refusedJoin(id, wire.UnknownMemberID)
	}
	if g.phase != groupPreparing {
		g.prepare()
	}
	g.complete(false)
	g.revalidate()
}

// revalidate takes down who is a member no more.
func (g *classicGroup) revalidate() {
	now := map[claim]bool{}
	for id := range g.members {
		now[claim{id, g.generation}] = true
	}
	for c := range g.now {
		if !now[c] {
			g.ended[c] = g.on.line.now()
		}
	}
	for c := range now {
		delete(g.ended, c)
	}
	g.now = now
}

// keep takes down what is left if another broker takes the group over.
func (g *classicGroup) keep() {
	g.kept = keptGroup{g.generation, g.leader, map[string][]byte{}}
	for id, m := range g.members {
		g.kept.assigned[id] = m.assigned
	}
}

// reload is what a broker does that takes the group over.
func (g *classicGroup) reload() {
	for id, m := range g.members {
		m.syncs(synced(wire.NotCoordinator, nil))
		if m.joining != nil {
			m.joining <- refusedJoin(id, wire.NotCoordinator)
		}
	}
	g.round++
	g.members, g.promised = map[string]*classicMember{}, map[string]bool{}
	g.generation, g.leader, g.phase = g.kept.generation, g.kept.leader, groupEmpty
	for id, assigned := range g.kept.assigned {
		m := &classicMember{id: id, assigned: assigned}
		g.members[id], g.phase = m, groupStable
		g.hear(m)
	}
	g.revalidate()
}

// validate is what a coordinator says of who asks.
func (g *classicGroup) validate(member string, generation int32) wire.ErrorCode {
	switch {
	case g.members[member] == nil:
		return wire.UnknownMemberID
	case generation != g.generation:
		return wire.IllegalGeneration
	default:
		return wire.None
	}
}

func (g *classicGroup) mayCommit(member string, generation int32) wire.ErrorCode {
	if generation < 0 && member == "" {
		if len(g.members) > 0 {
			return wire.UnknownMemberID
		}
		return wire.None
	}
	code := g.validate(member, generation)
	if code == wire.None {
		g.hear(g.members[member])
		if g.phase == groupCompleting {
			code = wire.RebalanceInProgress
		}
	}
	return code
}
