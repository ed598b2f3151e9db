package broker_test

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// coordinator is a cluster's coordinator of groups of the new protocol, of one topic: it assigns to members what a test says.
type coordinator struct {
	topic   [16]byte
	name    string
	epoch   int32 // of the group
	members map[string]*onCluster
	away    error
	code    wire.ErrorCode
	seen    []*kmsg.ConsumerGroupHeartbeatRequest
	commits map[string]int64 // by topic
	classic bool             // it has members of the classic protocol
}

// onCluster is a member as one cluster sees it.
type onCluster struct {
	epoch    int32
	before   int32 // the epoch it had before
	names    []string
	regex    *string
	assigned []int32
	next     []int32 // what it will be assigned; nil: nothing else
	instance string  // of a static member
}

// respond implements fake.respond.
//
//nolint:ireturn // kmsg has one type per API
func (c *coordinator) respond(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
	if c.away != nil {
		return nil, c.away
	}
	switch r := request.(type) {
	case *kmsg.ConsumerGroupHeartbeatRequest:
		c.seen = append(c.seen, r)
		return c.heartbeat(r), nil
	case *kmsg.ConsumerGroupDescribeRequest:
		return c.describe(r), nil
	case *kmsg.DescribeGroupsRequest:
		return c.describeClassic(r), nil
	case *kmsg.OffsetCommitRequest:
		return c.commit(r), nil
	case *kmsg.OffsetFetchRequest:
		return c.fetch(&r.Groups[0]), nil
	default:
		return nil, fmt.Errorf("nobody has said how %T is answered", r)
	}
}

func (c *coordinator) heartbeat(r *kmsg.ConsumerGroupHeartbeatRequest) *kmsg.ConsumerGroupHeartbeatResponse {
	response := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	static := c.static(r)
	m := c.members[r.MemberID]
	switch {
	case c.code != wire.None:
		response.ErrorCode = int16(c.code)
		return response
	case static != wire.None:
		response.ErrorCode = int16(static)
		return response
	case r.MemberEpoch == 0 && m == nil:
		c.epoch++
		m = &onCluster{epoch: c.epoch}
		if r.InstanceID != nil {
			m.instance = *r.InstanceID
		}
		c.members[r.MemberID] = m
	case m == nil:
		response.ErrorCode = int16(wire.UnknownMemberID)
		return response
	case r.MemberEpoch < 0 && m.instance != "":
		m.epoch = staticLeave
		response.MemberEpoch = r.MemberEpoch
		return response
	case r.MemberEpoch < 0:
		delete(c.members, r.MemberID)
		response.MemberEpoch = r.MemberEpoch
		return response
	case r.MemberEpoch != m.epoch && r.MemberEpoch != 0 && !m.missed(c.topic, r):
		response.ErrorCode = int16(wire.FencedMemberEpoch)
		return response
	}
	if r.SubscribedTopicNames != nil {
		m.names, m.regex = r.SubscribedTopicNames, r.SubscribedTopicRegex
	}
	full := r.MemberEpoch == 0 || r.RebalanceTimeoutMillis > 0 && r.SubscribedTopicNames != nil && r.Topics != nil
	if m.next != nil {
		c.epoch++
		m.epoch, m.before, m.assigned, m.next, full = c.epoch, m.epoch, m.next, nil, true
	}
	response.MemberEpoch, response.HeartbeatIntervalMillis = m.epoch, 5000
	if full {
		response.Assignment = &kmsg.ConsumerGroupHeartbeatResponseAssignment{}
		if len(m.assigned) > 0 {
			response.Assignment.Topics = []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{{TopicID: c.topic, Partitions: slices.Clone(m.assigned)}}
		}
	}
	return response
}

// missed says whether it is a member that had no answer to what made the last epoch: that is no error if it says that it owns no more than it may.
func (m *onCluster) missed(topic [16]byte, r *kmsg.ConsumerGroupHeartbeatRequest) bool {
	if r.MemberEpoch != m.before || r.Topics == nil {
		return false
	}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if t.TopicID != topic || !slices.Contains(m.assigned, p) {
				return false
			}
		}
	}
	return true
}

func (c *coordinator) describe(r *kmsg.ConsumerGroupDescribeRequest) *kmsg.ConsumerGroupDescribeResponse {
	g := kmsg.NewConsumerGroupDescribeResponseGroup()
	g.Group, g.State, g.Epoch, g.AssignmentEpoch, g.AssignorName = r.Groups[0], "Stable", c.epoch, c.epoch, "uniform"
	if len(c.members) == 0 {
		g.ErrorCode = int16(wire.GroupIDNotFound)
	}
	for id, m := range c.members {
		d := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		d.MemberID, d.MemberEpoch, d.SubscribedTopics, d.SubscribedTopicRegex = id, m.epoch, m.names, m.regex
		d.Assignment.TopicPartitions = []kmsg.AssignmentTopicPartition{{TopicID: c.topic, Topic: c.name, Partitions: slices.Clone(m.assigned)}}
		g.Members = append(g.Members, d)
	}
	return &kmsg.ConsumerGroupDescribeResponse{Groups: []kmsg.ConsumerGroupDescribeResponseGroup{g}}
}

// describeClassic answers as a broker, to which a group of the new protocol is none.
func (c *coordinator) describeClassic(r *kmsg.DescribeGroupsRequest) *kmsg.DescribeGroupsResponse {
	g := kmsg.NewDescribeGroupsResponseGroup()
	if g.Group, g.State = r.Groups[0], "Dead"; c.classic {
		g.State, g.ProtocolType, g.Members = "Stable", "consumer", []kmsg.DescribeGroupsResponseGroupMember{{MemberID: classicMember}}
	}
	return &kmsg.DescribeGroupsResponse{Groups: []kmsg.DescribeGroupsResponseGroup{g}}
}

// check is what is said of the member that commits or fetches.
func (c *coordinator) check(member string, epoch int32) wire.ErrorCode {
	switch m := c.members[member]; {
	case member == "" && epoch < 0:
		return wire.None
	case m == nil:
		return wire.UnknownMemberID
	case m.epoch != epoch:
		return wire.StaleMemberEpoch
	default:
		return wire.None
	}
}

func (c *coordinator) commit(r *kmsg.OffsetCommitRequest) *kmsg.OffsetCommitResponse {
	response := kmsg.NewPtrOffsetCommitResponse()
	code := c.check(r.MemberID, r.Generation)
	if c.commits == nil {
		c.commits = map[string]int64{}
	}
	for _, t := range r.Topics {
		told := kmsg.OffsetCommitResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			if code == wire.None {
				c.commits[t.Topic] = p.Offset
			}
			told.Partitions = append(told.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: int16(code)})
		}
		response.Topics = append(response.Topics, told)
	}
	return response
}

func (c *coordinator) fetch(g *kmsg.OffsetFetchRequestGroup) *kmsg.OffsetFetchResponse {
	member := ""
	if g.MemberID != nil {
		member = *g.MemberID
	}
	told := kmsg.OffsetFetchResponseGroup{Group: g.Group, ErrorCode: int16(c.check(member, g.MemberEpoch))}
	for _, t := range g.Topics {
		found := kmsg.OffsetFetchResponseGroupTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			found.Partitions = append(found.Partitions, kmsg.OffsetFetchResponseGroupTopicPartition{Partition: p, Offset: c.commits[t.Topic]})
		}
		told.Topics = append(told.Topics, found)
	}
	return &kmsg.OffsetFetchResponse{Version: 9, Groups: []kmsg.OffsetFetchResponseGroup{told}}
}
