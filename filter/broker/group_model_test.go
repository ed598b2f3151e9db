package broker_test

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// groupModel is one group on one cluster, which answers as Kafka 4.3.1 was seen to.
type groupModel struct {
	members     map[string]int32 // their generations
	rebalancing bool
	unknown     []string // topics that the cluster does not have
	newest      int16    // the newest OffsetCommit, 9 if zero
	oldest      int16
	down        bool

	offsets map[wire.TopicPartition]int64
	commits []*kmsg.OffsetCommitRequest
	checks  []kmsg.Request
}

// play has a fake answer as the model.
func (m *groupModel) play(f *fake) *groupModel {
	f.respond = func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
		if m.down {
			return nil, errors.New("down")
		}
		switch r := request.(type) {
		case *kmsg.OffsetCommitRequest:
			return m.commit(r)
		case *kmsg.OffsetFetchRequest:
			return m.fetch(r), nil
		case *kmsg.HeartbeatRequest:
			m.checks = append(m.checks, r)
			return m.beat(r), nil
		case *kmsg.DescribeGroupsRequest:
			m.checks = append(m.checks, r)
			return m.describe(r), nil
		}
		return request.ResponseKind(), nil
	}
	return m
}

// validate is what the coordinator says about who commits.
func (m *groupModel) validate(generation int32, member string) wire.ErrorCode {
	known, there := m.members[member]
	switch {
	case generation < 0 && member == "" && len(m.members) == 0:
		return wire.None
	case len(m.members) == 0 && generation >= 0 && len(m.offsets) == 0:
		return wire.IllegalGeneration
	case !there:
		return wire.UnknownMemberID
	case known != generation:
		return wire.IllegalGeneration
	}
	return wire.None
}

//nolint:ireturn // as the fake has it
func (m *groupModel) commit(r *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
	if m.newest > 0 && r.Version > m.newest {
		r.Version = m.newest
	}
	if r.Version < m.oldest {
		return nil, wire.ErrVersion
	}
	m.commits = append(m.commits, r)
	response := kmsg.NewPtrOffsetCommitResponse()
	code := m.validate(r.Generation, r.MemberID)
	for _, t := range r.Topics {
		topic := kmsg.OffsetCommitResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			told := kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: int16(code)}
			if slices.Contains(m.unknown, t.Topic) {
				told.ErrorCode = int16(wire.UnknownTopicOrPartition)
			} else if code == wire.None {
				if m.offsets == nil {
					m.offsets = map[wire.TopicPartition]int64{}
				}
				m.offsets[wire.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.Offset
			}
			topic.Partitions = append(topic.Partitions, told)
		}
		response.Topics = append(response.Topics, topic)
	}
	slices.Reverse(response.Topics) // in any order
	return response, nil
}

//nolint:ireturn // as the fake has it
func (m *groupModel) beat(r *kmsg.HeartbeatRequest) kmsg.Response {
	response := kmsg.NewPtrHeartbeatResponse()
	known, there := m.members[r.MemberID]
	switch {
	case !there:
		response.ErrorCode = int16(wire.UnknownMemberID)
	case known != r.Generation:
		response.ErrorCode = int16(wire.IllegalGeneration)
	case m.rebalancing:
		response.ErrorCode = int16(wire.RebalanceInProgress)
	}
	return response
}

//nolint:ireturn // as the fake has it
func (m *groupModel) describe(r *kmsg.DescribeGroupsRequest) kmsg.Response {
	g := kmsg.DescribeGroupsResponseGroup{Group: r.Groups[0], State: "Dead"}
	for id := range m.members {
		g.State = "Stable"
		g.Members = append(g.Members, kmsg.DescribeGroupsResponseGroupMember{MemberID: id})
	}
	return &kmsg.DescribeGroupsResponse{Groups: []kmsg.DescribeGroupsResponseGroup{g}}
}

//nolint:ireturn // as the fake has it
func (m *groupModel) fetch(r *kmsg.OffsetFetchRequest) kmsg.Response {
	if m.newest > 0 && r.Version > m.newest {
		r.Version = m.newest
	}
	response := kmsg.NewPtrOffsetFetchResponse()
	response.Version = r.Version
	var found []kmsg.OffsetFetchResponseGroupTopic
	asked := r.Groups[0].Topics
	if asked == nil {
		for tp := range m.offsets {
			asked = append(asked, kmsg.OffsetFetchRequestGroupTopic{Topic: tp.Topic, Partitions: []int32{tp.Partition}})
		}
	}
	for _, t := range asked {
		topic := kmsg.OffsetFetchResponseGroupTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			told := kmsg.OffsetFetchResponseGroupTopicPartition{Partition: p, Offset: -1, LeaderEpoch: -1, Metadata: new("")}
			if offset, there := m.offsets[wire.TopicPartition{Topic: t.Topic, Partition: p}]; there {
				told.Offset = offset
			}
			topic.Partitions = append(topic.Partitions, told)
		}
		found = append(found, topic)
	}
	if r.Version >= 8 {
		response.Groups = []kmsg.OffsetFetchResponseGroup{{Group: r.Groups[0].Group, Topics: found}}
		return response
	}
	for _, t := range found {
		topic := kmsg.OffsetFetchResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, kmsg.OffsetFetchResponseTopicPartition{
				Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: p.Metadata,
			})
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}
