package simulation

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	joinVersion, syncVersion, leaveVersion = 7, 4, 4
	// beatVersion is another than the fence's heartbeats have.
	beatVersion = 3
)

// classicLife is the classic protocol: join, have the leader assign, fetch offsets, read.
type classicLife struct {
	*member

	phase lifePhase
	beat  time.Time // when it last was heard
	owned []topicPart
}

type lifePhase uint8

const (
	outside  lifePhase = iota
	joining            // an answer to JoinGroup or SyncGroup is to come
	fetching           // it has partitions, and needs their offsets
	reading
)

var _ life = (*classicLife)(nil)

func (c *classicLife) settled() bool { return c.phase == reading }

func (c *classicLife) lost() {
	if c.phase == joining {
		c.phase = outside
	}
}

func (c *classicLife) excluded() {
	c.as = claim{"", -1}
	c.again()
}

func (c *classicLife) again() {
	if c.phase != joining {
		c.phase, c.positions = outside, nil
	}
}

func (c *classicLife) step() {
	if c.phase == outside {
		c.join()
		return
	}
	if c.phase == joining {
		return
	}
	if time.Since(c.beat) > beatTime && !c.waits(wire.KeyHeartbeat) {
		c.live()
	}
	switch {
	case c.phase == fetching && !c.waits(wire.KeyOffsetFetch):
		c.fetch()
	case c.phase == reading:
		c.work()
	}
}

func (c *classicLife) join() {
	c.phase = joining
	r := kmsg.NewPtrJoinGroupRequest()
	r.Group, r.MemberID, r.ProtocolType = c.group, c.as.member, "consumer"
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = int32(sessionTime.Milliseconds()), int32(rebalanceTime.Milliseconds())
	r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0}}}
	c.ask(wire.KeyJoinGroup, joinVersion, r, func(response kmsg.Response) {
		if response == nil {
			return
		}
		a := response.(*kmsg.JoinGroupResponse) //nolint:forcetypeassert // as the request is
		code := wire.ErrorCode(a.ErrorCode)
		c.world.line.note("%s joins: %s, %s of generation %d", c.name, code, a.MemberID, a.Generation)
		switch code {
		case wire.None:
			c.as = claim{a.MemberID, a.Generation}
			c.sync(a)
			return
		case wire.MemberIDRequired:
			c.as.member = a.MemberID
		case wire.UnknownMemberID, wire.IllegalGeneration:
			c.as = claim{"", -1}
		default:
			c.rest()
		}
		c.phase = outside
	})
}

// sync says who reads what, as the leader, and hears what to read.
func (c *classicLife) sync(a *kmsg.JoinGroupResponse) {
	r := kmsg.NewPtrSyncGroupRequest()
	r.Group, r.MemberID, r.Generation = c.group, a.MemberID, a.Generation
	for i, m := range a.Members {
		var part []byte
		for at := range everyPart() {
			if (at+int(a.Generation))%len(a.Members) == i { // each generation moves some
				part = append(part, byte(at))
			}
		}
		r.GroupAssignment = append(r.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: m.MemberID, MemberAssignment: part})
	}
	as := c.as
	c.ask(wire.KeySyncGroup, syncVersion, r, func(response kmsg.Response) {
		if response == nil {
			return
		}
		a := response.(*kmsg.SyncGroupResponse) //nolint:forcetypeassert // as the request is
		code := wire.ErrorCode(a.ErrorCode)
		c.world.line.note("%s is to read % x: %s", c.name, a.MemberAssignment, code)
		switch code {
		case wire.None:
			c.phase, c.beat = fetching, time.Now()
			c.owned = nil
			for _, at := range a.MemberAssignment {
				c.owned = append(c.owned, everyPart()[at])
			}
			c.world.own(c.member, as, c.owned)
			return
		case wire.UnknownMemberID, wire.IllegalGeneration:
			c.as = claim{"", -1}
		case wire.RebalanceInProgress:
		default:
			c.rest()
		}
		c.phase = outside
	})
}

// fetch has the member begin to read where its group is.
func (c *classicLife) fetch() {
	as := c.as
	if len(c.owned) == 0 {
		c.phase, c.positions = reading, map[topicPart]int64{}
		return
	}
	slices.SortFunc(c.owned, compareParts)
	c.look(c.owned, func(found map[topicPart]int64, ok bool) {
		switch {
		case c.phase != fetching || c.as != as:
		case !ok:
			c.rest()
		default:
			for s := range found {
				found[s] = max(found[s], 0)
			}
			c.phase, c.positions = reading, found
		}
	})
}

// live sends a heartbeat.
func (c *classicLife) live() {
	c.beat = time.Now()
	r := kmsg.NewPtrHeartbeatRequest()
	r.Group, r.MemberID, r.Generation = c.group, c.as.member, c.as.generation
	as := c.as
	c.ask(wire.KeyHeartbeat, beatVersion, r, func(response kmsg.Response) {
		if response == nil || c.as != as || c.phase == joining || c.phase == outside {
			return
		}
		switch code := wire.ErrorCode(response.(*kmsg.HeartbeatResponse).ErrorCode); code { //nolint:forcetypeassert // as the request is
		case wire.RebalanceInProgress:
			if c.phase == reading && c.rnd.IntN(2) == 0 && len(c.positions) > 0 {
				c.commit() // and joins, whatever becomes of that
			}
			c.again()
		case wire.UnknownMemberID, wire.IllegalGeneration:
			c.excluded()
		default:
		}
	})
}

func (c *classicLife) leave() {
	if c.as.member == "" {
		return
	}
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Group, r.Members = c.group, []kmsg.LeaveGroupRequestMember{{MemberID: c.as.member}}
	c.ask(wire.KeyLeaveGroup, leaveVersion, r, func(kmsg.Response) {})
}
