package broker_test

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// heldGroup is a group as a cluster has it.
type heldGroup struct {
	coordinator           int32 // the broker's node id
	protocol, state, kind string
	members               map[string][]string // topics by member
	offsets               []wire.TopicPartition
	code                  wire.ErrorCode // that everything about it is answered with
}

// holds has a fake answer as a cluster of two brokers, 4 and 5, that has some groups.
func holds(f *fake, groups map[string]*heldGroup) {
	f.nodes = []int32{4, 5}
	f.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
		response := r.ResponseKind()
		response.SetVersion(r.GetVersion())
		switch r := r.(type) {
		case *kmsg.ListGroupsRequest:
			listHeld(to, groups, response.(*kmsg.ListGroupsResponse))
		case *kmsg.DescribeGroupsRequest:
			describeHeld(to, groups, r.Groups, response.(*kmsg.DescribeGroupsResponse))
		case *kmsg.ConsumerGroupDescribeRequest:
			describeConsumers(groups, r.Groups, response.(*kmsg.ConsumerGroupDescribeResponse))
		case *kmsg.DeleteGroupsRequest:
			deleteHeld(to, groups, r.Groups, response.(*kmsg.DeleteGroupsResponse))
		case *kmsg.OffsetDeleteRequest:
			deleteOffsets(groups[r.Group], r, response.(*kmsg.OffsetDeleteResponse))
		default:
			return nil, wire.ErrVersion
		}
		return response, nil
	}
}

// at reports whether a broker coordinates a group, as far as one is meant.
func (g *heldGroup) at(to target.Broker) bool {
	return to.Role() != target.RoleNode || to.Node() == g.coordinator
}

func listHeld(to target.Broker, groups map[string]*heldGroup, response *kmsg.ListGroupsResponse) {
	for id, g := range groups {
		if g.at(to) {
			response.Groups = append(response.Groups, kmsg.ListGroupsResponseGroup{
				Group: id, ProtocolType: g.protocol, GroupState: g.state, GroupType: g.kind,
			})
		}
	}
}

// heldCode is what a broker says about a group before it looks at it.
func heldCode(to target.Broker, g *heldGroup, id string) wire.ErrorCode {
	switch {
	case g == nil && to.Role() == target.RoleNode && to.Node() != 4+int32(len(id)%2), g != nil && !g.at(to):
		return wire.NotCoordinator
	case g == nil:
		return wire.GroupIDNotFound
	default:
		return g.code
	}
}

func describeHeld(to target.Broker, groups map[string]*heldGroup, ids []string, response *kmsg.DescribeGroupsResponse) {
	for _, id := range ids {
		g, d := groups[id], kmsg.NewDescribeGroupsResponseGroup()
		code := heldCode(to, g, id)
		d.Group, d.ErrorCode = id, int16(code)
		switch {
		case code == wire.GroupIDNotFound && response.Version < 6:
			d.State, d.ErrorCode = "Dead", 0
		case code == wire.None:
			d.State, d.ProtocolType = g.state, g.protocol
			for member, topics := range g.members {
				metadata := kmsg.NewConsumerMemberMetadata()
				metadata.Topics = topics
				m := kmsg.NewDescribeGroupsResponseGroupMember()
				m.MemberID, m.ProtocolMetadata = member, metadata.AppendTo(nil)
				d.Members = append(d.Members, m)
			}
		}
		response.Groups = append(response.Groups, d)
	}
}

func describeConsumers(groups map[string]*heldGroup, ids []string, response *kmsg.ConsumerGroupDescribeResponse) {
	for _, id := range ids {
		d := kmsg.NewConsumerGroupDescribeResponseGroup()
		d.Group, d.ErrorCode = id, int16(wire.GroupIDNotFound)
		if g := groups[id]; g != nil && g.kind == "consumer" {
			d.ErrorCode, d.State = 0, g.state
			for member := range g.members {
				m := kmsg.NewConsumerGroupDescribeResponseGroupMember()
				m.MemberID = member
				d.Members = append(d.Members, m)
			}
		}
		response.Groups = append(response.Groups, d)
	}
}

func deleteHeld(to target.Broker, groups map[string]*heldGroup, ids []string, response *kmsg.DeleteGroupsResponse) {
	for _, id := range ids {
		code := heldCode(to, groups[id], id)
		if code == wire.None && len(groups[id].members) > 0 {
			code = wire.NonEmptyGroup
		}
		if code == wire.None {
			delete(groups, id)
		}
		response.Groups = append(response.Groups, kmsg.DeleteGroupsResponseGroup{Group: id, ErrorCode: int16(code)})
	}
}

func deleteOffsets(g *heldGroup, r *kmsg.OffsetDeleteRequest, response *kmsg.OffsetDeleteResponse) {
	if g == nil {
		response.ErrorCode = int16(wire.GroupIDNotFound)
		return
	}
	if response.ErrorCode = int16(g.code); g.code != wire.None {
		return
	}
	for _, t := range r.Topics {
		topic := kmsg.OffsetDeleteResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			g.offsets = slices.DeleteFunc(g.offsets, func(o wire.TopicPartition) bool { return o.Topic == t.Topic && o.Partition == p.Partition })
			code := wire.None
			if p.Partition > 8 {
				code = wire.UnknownTopicOrPartition
			}
			topic.Partitions = append(topic.Partitions, kmsg.OffsetDeleteResponseTopicPartition{Partition: p.Partition, ErrorCode: int16(code)})
		}
		response.Topics = append(response.Topics, topic)
	}
}

// down has a fake answer nothing, though its brokers are known.
func down(f *fake) {
	f.nodes = []int32{4, 5}
	f.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) { return nil, errors.New("lost") }
}
