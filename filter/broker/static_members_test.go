package broker_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// staticLeave is the epoch of a static member that has left for a while.
const staticLeave = -2

// static is what a coordinator does for a member's instance: who joins takes the place of a member that has left for a while, and of no other,
// be it the same.
func (c *coordinator) static(r *kmsg.ConsumerGroupHeartbeatRequest) wire.ErrorCode {
	if r.InstanceID == nil || c.code != wire.None {
		return wire.None
	}
	for id, m := range c.members {
		switch {
		case m.instance != *r.InstanceID:
			continue
		case r.MemberEpoch != 0 && id != r.MemberID:
			return wire.FencedInstanceID
		case r.MemberEpoch != 0:
			return wire.None
		case m.epoch != staticLeave:
			return wire.UnreleasedInstanceID
		}
		c.epoch++
		m.epoch = c.epoch
		delete(c.members, id)
		c.members[r.MemberID] = m
		return wire.None
	}
	if r.MemberEpoch != 0 {
		return wire.UnknownMemberID
	}
	return wire.None
}

// as sends what a static member of that id says each time.
func (c *consumer) as(id string, epoch int32) *kmsg.ConsumerGroupHeartbeatResponse {
	c.t.Helper()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch, r.InstanceID, r.RebalanceTimeoutMillis = "group", id, epoch, new("one"), -1
	if epoch == 0 {
		r.RebalanceTimeoutMillis, r.SubscribedTopicNames = 60_000, []string{"apples", "bananas"}
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	return c.send(r)
}

const another = "another-of-22-letters-"

// newStatic is a static member that has a partition of each topic.
func newStatic(t *testing.T) *consumer {
	t.Helper()
	c := newConsumer(t)
	c.want(c.as(memberID, 0), 0, 12, "")
	c.c1.members[memberID].next, c.c2.members[memberID].next = []int32{0}, []int32{0}
	c.want(c.as(memberID, c.epoch), 0, 14, "apples[0] bananas[0]")
	return c
}

// A static member that was away for a while has what it had, under another id.
func TestStaticMemberComesBack(t *testing.T) {
	t.Parallel()
	for _, forgets := range []bool{false, true} {
		c := newStatic(t)
		if forgets {
			c.restart()
		}
		c.want(c.as(memberID, staticLeave), 0, staticLeave, "null")
		c.want(c.as(another, 0), 0, 16, "apples[0] bananas[0]")
		c.want(c.as(another, 16), 0, 16, "null")
		c.want(c.as(memberID, 14), wire.NotCoordinator, 0, "")
	}
}

// A static member that one cluster does not take yet, because it has not heard that the one before has left, has no place in the others that
// keeps it out when that one does.
func TestStaticMemberThatOneClusterKeepsOut(t *testing.T) {
	t.Parallel()
	c := newStatic(t)
	c.c2.away = errors.New("away")
	c.want(c.as(memberID, staticLeave), 0, staticLeave, "null")
	c.c2.away = nil
	for range 2 {
		c.want(c.as(another, 0), wire.UnreleasedInstanceID, 0, "")
	}
	delete(c.c2.members, memberID)               // its session is over
	c.want(c.as(another, 0), 0, 18, "apples[0]") // 5 and 13
}

// A static member that one cluster has fenced joins again, with its id or another, and has what it had in the others.
func TestStaticMemberThatOneClusterFences(t *testing.T) {
	t.Parallel()
	for _, id := range []string{memberID, another} {
		for _, forgets := range []bool{false, true} {
			c := newStatic(t)
			delete(c.c2.members, memberID) // its session is over
			if forgets {
				c.restart()
				c.want(c.as(memberID, 14), wire.NotCoordinator, 0, "")
				r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
				r.Group, r.MemberID, r.MemberEpoch, r.InstanceID, r.RebalanceTimeoutMillis = "group", memberID, 14, new("one"), 60_000
				r.SubscribedTopicNames, r.Topics = []string{"apples", "bananas"}, owned([]int32{0}, []int32{0})
				c.want(c.send(r), wire.FencedMemberEpoch, 0, "")
			} else {
				c.want(c.beat(), wire.UnknownMemberID, 0, "") // it says its instance only when it joins
			}
			c.want(c.as(id, 0), 0, 16, "apples[0]") // 3 and 13
		}
	}
}

// A cluster whose answer to a static member that joins was lost has a place for it that it does not know of: it is let go, and joined again.
func TestStaticMemberWhoseJoinIsLost(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	lost := true
	c.f2.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
		response, err := c.c2.respond(to, r)
		if lost {
			return nil, errors.New("the connection is lost")
		}
		return response, err
	}
	c.want(c.as(memberID, 0), 0, 1, "")
	lost = false
	c.c2.members[memberID].assigned = []int32{0}
	c.want(c.as(memberID, 1), 0, 1, "null")
	c.want(c.as(memberID, 1), 0, 13, "bananas[0]")
}
