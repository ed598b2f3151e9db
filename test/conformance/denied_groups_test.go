package conformance

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// hushed is a group with which nobody may do anything: an ACL says so, or a rule of the mesh. It has an offset.
const hushed = "hushed"

// hush makes a target's hushed group, while everybody may.
func hush(t *target) error {
	partition := kmsg.NewOffsetCommitRequestTopicPartition()
	partition.Offset = 1
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = t.topic(hushed), -1
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: t.topic("listed"), Partitions: []kmsg.OffsetCommitRequestTopicPartition{partition}}}
	answer, err := rawkafka.Ask[*kmsg.OffsetCommitResponse](t.oracle.addr, clientID, 8, req)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
}

// TestDeniedGroups asks for a group that nobody may know of, by each API that there is for groups.
func TestDeniedGroups(t *testing.T) {
	t.Parallel()
	play(t, "denied_groups", []scenario{
		{name: "find its coordinator", do: func(c *client) {
			c.asks(0, 4, func(int16) kmsg.Request {
				req := kmsg.NewPtrFindCoordinatorRequest()
				req.CoordinatorKey, req.CoordinatorKeys = c.topic(hushed), []string{c.topic(hushed)}
				return req
			})
		}},
		{name: "join it", do: func(c *client) {
			for v := int16(2); v <= 9; v++ {
				req := kmsg.NewPtrJoinGroupRequest()
				req.Group, req.ProtocolType, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = c.topic(hushed), "consumer", 10_000, 10_000
				req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
				c.member(at(v, req))
			}
		}},
		{name: "live in it", do: func(c *client) {
			for v := int16(0); v <= 4; v++ {
				c.member(at(v, &kmsg.SyncGroupRequest{Group: c.topic(hushed), MemberID: "m"}))
				c.member(at(v, &kmsg.HeartbeatRequest{Group: c.topic(hushed), MemberID: "m"}))
				c.member(at(v, &kmsg.LeaveGroupRequest{Group: c.topic(hushed), MemberID: "m", Members: []kmsg.LeaveGroupRequestMember{{MemberID: "m"}}}))
			}
		}},
		{name: "live in it by the new protocol", do: ofNewKafka(func(c *client) {
			m := newMember(c, hushed)
			m.say(c, "listed")
			m.commit(c, 1)
			m.offsets(c, 1)
			m.leave(c)
			m.describe(c)
		})},
		{name: "live in another by the new protocol, for a topic that nobody may know of", do: ofNewKafka(func(c *client) {
			m := newMember(c, "curious")
			m.say(c, "secret")
			m.epoch = 0
			m.say(c, "listed", "secret")
			m.describe(c)
		})},
		{name: "commit to it", do: func(c *client) {
			c.asks(2, 9, func(int16) kmsg.Request {
				req := kmsg.NewPtrOffsetCommitRequest()
				req.Group, req.Generation = c.topic(hushed), -1
				for _, topic := range []string{"listed", "secret"} {
					req.Topics = append(req.Topics, kmsg.OffsetCommitRequestTopic{Topic: c.topic(topic), Partitions: make([]kmsg.OffsetCommitRequestTopicPartition, 1)})
				}
				return req
			})
		}},
		{name: "ask for its offsets", do: func(c *client) {
			c.asks(1, 7, func(int16) kmsg.Request { return offsetsOfHushed(c, "listed", "secret") })
			c.asks(2, 7, func(int16) kmsg.Request { return offsetsOfHushed(c) })
			for v := int16(8); v <= 9; v++ {
				c.ask(at(v, offsetsOfHushed(c, "listed", "secret")))
				c.ask(at(v, offsetsOfHushed(c)))
			}
		}},
		{name: "describe it", do: func(c *client) {
			c.asks(0, 5, func(int16) kmsg.Request {
				req := kmsg.NewPtrDescribeGroupsRequest()
				req.Groups = []string{c.topic(hushed), c.topic("none")}
				return req
			})
		}},
		{name: "describe it in a version that says why", do: ofNewKafka(func(c *client) {
			req := kmsg.NewPtrDescribeGroupsRequest()
			req.Groups = []string{c.topic(hushed), c.topic("none")}
			c.ask(at(6, req))
		})},
		{name: "delete it", do: func(c *client) {
			c.asks(0, 2, func(int16) kmsg.Request {
				req := kmsg.NewPtrDeleteGroupsRequest()
				req.Groups = []string{c.topic(hushed), c.topic("none")}
				return req
			})
		}},
		{name: "delete its offsets", do: func(c *client) {
			req := kmsg.NewPtrOffsetDeleteRequest()
			req.Group = c.topic(hushed)
			req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: c.topic("listed"), Partitions: make([]kmsg.OffsetDeleteRequestTopicPartition, 1)}}
			c.ask(req)
		}},
	})
}

// ofNewKafka plays only where consumer groups of the new protocol are switched on.
func ofNewKafka(do func(*client)) func(*client) {
	return func(c *client) {
		if c.target.oracle.version != oldKafka {
			do(c)
		}
	}
}

// offsetsOfHushed asks for offsets of the group; no kinds: of all topics.
func offsetsOfHushed(c *client, kinds ...string) *kmsg.OffsetFetchRequest {
	r, g := kmsg.NewPtrOffsetFetchRequest(), kmsg.NewOffsetFetchRequestGroup()
	r.Group, g.Group, g.MemberEpoch = c.topic(hushed), c.topic(hushed), -1
	for _, kind := range kinds {
		r.Topics = append(r.Topics, kmsg.OffsetFetchRequestTopic{Topic: c.topic(kind), Partitions: []int32{0}})
		g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: c.topic(kind), Partitions: []int32{0}})
	}
	r.Groups = append(r.Groups, g)
	return r
}

// member sends what a member of a classic group does, and notes the code of the answer.
func (c *client) member(req kmsg.Request) {
	c.t.Helper()
	c.send(req)
	switch r := c.answer(req, req.GetVersion(), c.Last).(type) {
	case *kmsg.JoinGroupResponse:
		c.say("join %d: %s, generation %d", req.GetVersion(), code(r.ErrorCode), r.Generation)
	case *kmsg.SyncGroupResponse:
		c.say("sync %d: %s, %q", req.GetVersion(), code(r.ErrorCode), r.MemberAssignment)
	case *kmsg.HeartbeatResponse:
		c.say("heartbeat %d: %s", req.GetVersion(), code(r.ErrorCode))
	case *kmsg.LeaveGroupResponse:
		c.say("leave %d: %s, %d members", req.GetVersion(), code(r.ErrorCode), len(r.Members))
	}
}
