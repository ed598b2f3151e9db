package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// offsetForLeaderEpochAPI tells where a leader epoch ended: consumers that go on find out whether what they had read is still there
// (KIP-320).
//
// Each partition is asked of its leader in the cluster that the topic is read from, with the client's epochs, and has that leader's answer.
// A partition whose leader cannot be asked has NOT_LEADER_OR_FOLLOWER.
//
// Unlike a real broker of today, it serves versions 0 and 1, and answers everybody as a consumer: the replica id is not looked at.
func offsetForLeaderEpochAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeOffsetForLeaderEpoch, Min: 0, Max: 4}, Decided: 4,
		Short: "each partition's leader answers", Query: true, Serve: (*Broker).offsetForLeaderEpoch,
	}
}

// newestEpochs is the version that leaders are asked in, whatever the client's: what it does not have is not looked at.
const newestEpochs = 4

// consumerReplica is the replica id of who is none.
const consumerReplica = -1

// leaderEpochCall is one OffsetForLeaderEpoch request on its way.
type leaderEpochCall struct {
	*leadersCall

	asked   []*kmsg.OffsetForLeaderEpochRequestTopicPartition // by place
	results []kmsg.OffsetForLeaderEpochResponseTopicPartition // by place
	slowest int32
}

var _ leaderAPI = (*leaderEpochCall)(nil)

func (b *Broker) offsetForLeaderEpoch(c *Call) error {
	request, err := decode[*kmsg.OffsetForLeaderEpochRequest](b, c)
	if err != nil {
		return err
	}
	call := new(leaderEpochCall)
	call.leadersCall = newLeadersCall(b, c, call, newestEpochs)
	n := 0
	for i := range request.Topics {
		n += len(request.Topics[i].Partitions)
	}
	if err := hold(c, partitionCost*n+topicCost*len(request.Topics)+len(c.Body)); err != nil {
		return err
	}
	for i := range request.Topics {
		topic := &request.Topics[i]
		call.topic(topic.Topic)
		for j := range topic.Partitions {
			asked := &topic.Partitions[j]
			call.add(topic.Topic, asked.Partition)
			call.asked = append(call.asked, asked)
		}
	}
	call.results = make([]kmsg.OffsetForLeaderEpochResponseTopicPartition, len(call.asked))
	call.send(authorizer.Describe)
	return nil
}

// ask implements leaderAPI.
//
//nolint:ireturn // kmsg has one type per API
func (l *leaderEpochCall) ask(at []int) kmsg.Request {
	request := kmsg.NewPtrOffsetForLeaderEpochRequest()
	request.ReplicaID = consumerReplica
	l.eachTopic(at, func(name string, at []int) {
		topic := kmsg.NewOffsetForLeaderEpochRequestTopic()
		topic.Topic = name
		for _, place := range at {
			partition := *l.asked[place]
			partition.UnknownTags = kmsg.Tags{}
			topic.Partitions = append(topic.Partitions, partition)
		}
		request.Topics = append(request.Topics, topic)
	})
	return request
}

// take implements leaderAPI.
func (l *leaderEpochCall) take(r kmsg.Response, at *places) {
	response, ok := r.(*kmsg.OffsetForLeaderEpochResponse)
	if !ok {
		return
	}
	l.slowest = max(l.slowest, response.ThrottleMillis)
	for i := range response.Topics {
		topic := &response.Topics[i]
		for j := range topic.Partitions {
			if place, ok := at.next(topic.Topic, topic.Partitions[j].Partition); ok {
				l.results[place] = topic.Partitions[j]
				l.results[place].UnknownTags = kmsg.Tags{}
			}
		}
	}
}

// fail implements leaderAPI.
func (l *leaderEpochCall) fail(place int, code wire.ErrorCode) {
	result := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	result.Partition, result.ErrorCode = l.partitions[place].Partition, int16(code)
	l.results[place] = result
}

// code implements leaderAPI.
func (l *leaderEpochCall) code(place int) wire.ErrorCode {
	return wire.ErrorCode(l.results[place].ErrorCode)
}

// answer implements leaderAPI.
//
//nolint:ireturn // kmsg has one type per API
func (l *leaderEpochCall) answer() (kmsg.Response, int) {
	const head, topicHead, result = 64, 16, 24
	response := kmsg.NewPtrOffsetForLeaderEpochResponse()
	response.ThrottleMillis = l.slowest
	size := head
	l.eachTopic(l.all(), func(name string, at []int) {
		topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
		topic.Topic = name
		for _, place := range at {
			topic.Partitions = append(topic.Partitions, l.results[place])
		}
		response.Topics = append(response.Topics, topic)
		size += topicHead + len(name) + result*len(at)
	})
	return response, size
}
