package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// onlyGroup is the group of a request that is for one.
func onlyGroup(r *kmsg.OffsetFetchRequest) kmsg.OffsetFetchRequestGroup {
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = r.Group
	if r.Topics != nil {
		g.Topics = make([]kmsg.OffsetFetchRequestGroupTopic, len(r.Topics))
	}
	for i := range r.Topics {
		g.Topics[i].Topic, g.Topics[i].Partitions = r.Topics[i].Topic, r.Topics[i].Partitions
	}
	return g
}

// noOffsets is what is told of a topic before its cluster has said anything: with code None that is to be replaced.
func noOffsets(asked *kmsg.OffsetFetchRequestGroupTopic, code wire.ErrorCode) kmsg.OffsetFetchResponseGroupTopic {
	if code == wire.None {
		code = wire.UnknownServerError
	}
	t := kmsg.OffsetFetchResponseGroupTopic{
		Topic: asked.Topic, Partitions: make([]kmsg.OffsetFetchResponseGroupTopicPartition, len(asked.Partitions)),
	}
	for i, p := range asked.Partitions {
		t.Partitions[i] = kmsg.OffsetFetchResponseGroupTopicPartition{
			Partition: p, Offset: -1, LeaderEpoch: -1, Metadata: new(""), ErrorCode: int16(code),
		}
	}
	return t
}

// ofGroup is what a response says of its one group, whatever the version.
func ofGroup(r *kmsg.OffsetFetchResponse) kmsg.OffsetFetchResponseGroup {
	if r.Version >= groupsIn {
		if len(r.Groups) == 0 {
			return kmsg.OffsetFetchResponseGroup{ErrorCode: int16(wire.UnknownServerError)}
		}
		return r.Groups[0]
	}
	g := kmsg.OffsetFetchResponseGroup{ErrorCode: r.ErrorCode, Topics: make([]kmsg.OffsetFetchResponseGroupTopic, len(r.Topics))}
	for i := range r.Topics {
		t := &r.Topics[i]
		g.Topics[i].Topic, g.Topics[i].Partitions = t.Topic, make([]kmsg.OffsetFetchResponseGroupTopicPartition, len(t.Partitions))
		for j := range t.Partitions {
			p := &t.Partitions[j]
			g.Topics[i].Partitions[j] = kmsg.OffsetFetchResponseGroupTopicPartition{
				Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: p.Metadata, ErrorCode: p.ErrorCode,
			}
		}
	}
	return g
}

// none says that a topic has no offsets.
func none(t *kmsg.OffsetFetchResponseGroupTopic) {
	for i := range t.Partitions {
		t.Partitions[i].ErrorCode = int16(wire.None)
	}
}

// fill has the topics at some places say what was found of them.
func fill(topics []kmsg.OffsetFetchResponseGroupTopic, places []int, found []kmsg.OffsetFetchResponseGroupTopic) {
	of := map[wire.TopicPartition]*kmsg.OffsetFetchResponseGroupTopicPartition{}
	for i := range found {
		for j := range found[i].Partitions {
			p := &found[i].Partitions[j]
			of[wire.TopicPartition{Topic: found[i].Topic, Partition: p.Partition}] = p
		}
	}
	for _, place := range places {
		t := &topics[place]
		for i := range t.Partitions {
			if p, there := of[wire.TopicPartition{Topic: t.Topic, Partition: t.Partitions[i].Partition}]; there {
				t.Partitions[i] = *p
			}
		}
	}
}

// oldOffsets is topics as versions before groupsIn have them. Where there is an error of the group, each partition has it.
func oldOffsets(topics []kmsg.OffsetFetchResponseGroupTopic, code wire.ErrorCode) []kmsg.OffsetFetchResponseTopic {
	old := make([]kmsg.OffsetFetchResponseTopic, len(topics))
	for i := range topics {
		t := &topics[i]
		old[i].Topic, old[i].Partitions = t.Topic, make([]kmsg.OffsetFetchResponseTopicPartition, len(t.Partitions))
		for j := range t.Partitions {
			p := &t.Partitions[j]
			o := &old[i].Partitions[j]
			o.Partition, o.Offset, o.LeaderEpoch, o.Metadata, o.ErrorCode = p.Partition, p.Offset, p.LeaderEpoch, p.Metadata, p.ErrorCode
			if code != wire.None {
				o.Offset, o.LeaderEpoch, o.Metadata, o.ErrorCode = -1, -1, new(""), int16(code)
			}
		}
	}
	return old
}
