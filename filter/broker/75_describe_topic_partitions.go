package broker

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// describeTopicPartitionsAPI tells of topics as Metadata does, a page at a time.
//
// What is told of a topic and of its partitions is what Metadata tells. A page is of the union of all clusters' topics in the order of
// their names, from the cursor on, and has as many partitions as the client says and 2,000 at most, as a broker's. Topics without a rule
// come behind the others. The list of topics, if there is one, has to have the cursor's. Unlike a real broker, it never tells of eligible
// leader replicas: they are brokers of clusters. KIP-966.
//
// While a topic's cluster is known not to answer, its partitions have no leader, as a broker tells of partitions that are offline: tools then
// show what they can without asking for them. Metadata does not say so, since producers would no longer send what can wait.
func describeTopicPartitionsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeDescribeTopicPartitions, Min: 0, Max: 0}, Decided: 0,
		Short: "as Metadata, a page at a time", Query: true, Serve: (*Broker).describeTopicPartitions,
	}
}

// maxDescribed is how many partitions a page has at most: a broker's max.request.partition.size.limit.
const maxDescribed = 2000

// description is one DescribeTopicPartitions request on its way.
type description struct {
	*metadataCall

	request *kmsg.DescribeTopicPartitionsRequest
}

func (b *Broker) describeTopicPartitions(c *Call) error {
	request, err := decode[*kmsg.DescribeTopicPartitionsRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, nameCost*len(request.Topics)+len(c.Body)); err != nil {
		return err
	}
	d := &description{&metadataCall{Call: c, broker: b, left: 1}, request}
	if d.misplaced() {
		d.refuse()
		return nil
	}
	d.describe = d.page
	if len(request.Topics) == 0 {
		d.askAll()
	} else if err := d.askNamed(d.wanted(), false); err != nil {
		return err
	}
	d.finish()
	return nil
}

// misplaced reports whether the cursor is where nothing can be.
func (d *description) misplaced() bool {
	at := d.request.Cursor
	if at == nil {
		return false
	}
	here := func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic == at.Topic }
	return at.Partition < 0 || len(d.request.Topics) > 0 && !slices.ContainsFunc(d.request.Topics, here)
}

// refuse answers that the cursor is nowhere.
func (d *description) refuse() {
	response := kmsg.NewPtrDescribeTopicPartitionsResponse()
	size := describedHead
	for _, t := range d.request.Topics {
		topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
		topic.Topic, topic.ErrorCode = &t.Topic, int16(wire.InvalidRequest)
		response.Topics = append(response.Topics, topic)
		size += describedTopic + len(t.Topic)
	}
	refusal := Refusal{Code: wire.InvalidRequest, Reason: "the cursor is at a partition below zero, or at a topic that is not asked for"}
	respond(d, size, Answer{Refusal: refusal, Summary: Summary{Topics: len(d.request.Topics)}}, func(dst []byte) []byte {
		return wire.AppendResponse(dst, d.Header, response)
	})
}

// wanted are the named topics from the cursor on.
func (d *description) wanted() []kmsg.MetadataRequestTopic {
	topics := make([]kmsg.MetadataRequestTopic, 0, len(d.request.Topics))
	for _, t := range d.request.Topics {
		if d.request.Cursor == nil || t.Topic >= d.request.Cursor.Topic {
			topics = append(topics, kmsg.MetadataRequestTopic{Topic: &t.Topic})
		}
	}
	return topics
}

// What a response has at most beside names: at all, for a topic, for a partition.
const describedHead, describedTopic, describedPartition = 64 + 2*wire.MaxTopicName, 48, 48

// page answers with what the clusters have said, as far as it fits.
func (d *description) page() {
	response := kmsg.NewPtrDescribeTopicPartitionsResponse()
	left := max(1, min(maxDescribed, int(d.request.ResponsePartitionLimit)))
	slices.SortFunc(d.response.Topics, func(a, b wire.MetadataTopic) int {
		return cmp.Or(unruledLast(a.Code)-unruledLast(b.Code), cmp.Compare(a.Name, b.Name))
	})
	size, full := describedHead, false
	for i := range d.response.Topics {
		t := &d.response.Topics[i]
		if d.request.Cursor != nil && t.Name < d.request.Cursor.Topic || full && unruledLast(t.Code) == 0 {
			continue
		}
		if left == 0 && unruledLast(t.Code) == 0 {
			response.NextCursor, full = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: t.Name}, true
			continue
		}
		topic := d.topic(t)
		told, next := d.from(t, left)
		for j := range told {
			topic.Partitions = append(topic.Partitions, describedPartitionOf(&told[j], t))
		}
		response.Topics = append(response.Topics, topic)
		left -= len(told)
		size += describedTopic + len(t.Name) + describedPartition*len(told)
		if next >= 0 {
			response.NextCursor, full = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: t.Name, Partition: next}, true
		}
	}
	respond(d, size, Answer{Refusal: d.refusal, Summary: d.summary}, func(dst []byte) []byte {
		return wire.AppendResponse(dst, d.Header, response)
	})
}

// unruledLast is 1 for the topics that come behind all others.
func unruledLast(code wire.ErrorCode) int {
	if code == wire.TopicAuthorizationFailed {
		return 1
	}
	return 0
}

// topic is what is told of a topic beside its partitions.
func (d *description) topic(t *wire.MetadataTopic) kmsg.DescribeTopicPartitionsResponseTopic {
	topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
	topic.Topic, topic.TopicID, topic.ErrorCode, topic.IsInternal = &t.Name, t.ID, int16(t.Code), t.Internal
	return topic
}

// from are the partitions of a topic that fit, from the cursor on, and the first that does not; -1: all fit.
func (d *description) from(t *wire.MetadataTopic, left int) (fit []wire.Partition, next int32) {
	told := t.Told()
	first := 0
	if at := d.request.Cursor; at != nil && at.Topic == t.Name {
		first = min(int(at.Partition), len(told))
	}
	if last := first + left; last < len(told) {
		return told[first:last], int32(last)
	}
	return told[first:], -1
}

// describedPartitionOf is a partition as clients are told of it.
func describedPartitionOf(p *wire.Partition, t *wire.MetadataTopic) kmsg.DescribeTopicPartitionsResponseTopicPartition {
	told := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
	told.Partition, told.LeaderEpoch, told.Replicas = p.Index, p.LeaderEpoch, []int32{0}
	told.EligibleLeaderReplicas, told.LastKnownELR = []int32{}, []int32{} // Java's clients take none as null for a broken answer
	if t.NoEpochs {
		told.LeaderEpoch = -1
	}
	if p.Leader < 0 || t.Remembered {
		told.LeaderID = -1 // and no code, as a broker has it
		return told
	}
	told.ISR = []int32{0}
	return told
}
