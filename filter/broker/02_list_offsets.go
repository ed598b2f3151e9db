package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// listOffsetsAPI tells of offsets: the first, the last, and those of timestamps.
//
// Each partition is asked of its leader in the cluster that the topic is read from, at the client's isolation level and with its leader
// epoch, and has that leader's answer. A partition whose leader cannot be asked has NOT_LEADER_OR_FOLLOWER, as from a broker that does
// not lead it: clients ask for metadata, and again. One that is named twice has INVALID_REQUEST.
//
// Timestamps below zero are questions of their own, each from a version on (KIP-734, KIP-405, KIP-1005, KIP-1023). What a cluster is too
// old to be asked has UNSUPPORTED_VERSION.
//
// Unlike a real broker, it answers everybody as a consumer: the replica id is not looked at.
func listOffsetsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeListOffsets, Min: 1, Max: 11}, Decided: 11,
		Short: "each partition's leader answers", Query: true, Serve: (*Broker).listOffsets,
	}
}

// listOffsetsCall is one ListOffsets request on its way.
type listOffsetsCall struct {
	*leadersCall

	request *kmsg.ListOffsetsRequest
	asked   []*kmsg.ListOffsetsRequestTopicPartition // by place
	results []kmsg.ListOffsetsResponseTopicPartition // by place
	slowest int32
}

var _ leaderAPI = (*listOffsetsCall)(nil)

func (b *Broker) listOffsets(c *Call) error {
	request, err := decode[*kmsg.ListOffsetsRequest](b, c)
	if err != nil {
		return err
	}
	call := &listOffsetsCall{request: request}
	call.leadersCall = newLeadersCall(b, c, call, c.Header.Version)
	n := 0
	for i := range request.Topics {
		n += len(request.Topics[i].Partitions)
	}
	if err := hold(c, partitionCost*n+topicCost*len(request.Topics)+len(c.Body)); err != nil {
		return err
	}
	call.place(n)
	if call.searches() {
		call.within = patienceOf(request.TimeoutMillis)
	}
	call.send(authorizer.Describe)
	return nil
}

// searches reports whether a broker may have to look for what is asked, in tiered storage at worst: nobody else's requests wait for that.
func (l *listOffsetsCall) searches() bool {
	const first, last = -2, -1
	for _, asked := range l.asked {
		if asked.Timestamp != first && asked.Timestamp != last {
			return true
		}
	}
	return false
}

// place gives the n partitions of the request their places: one to each, however often it is named.
func (l *listOffsetsCall) place(n int) {
	seen := make(map[wire.TopicPartition]int, n)
	for i := range l.request.Topics {
		topic := &l.request.Topics[i]
		l.topic(topic.Topic)
		for j := range topic.Partitions {
			asked := &topic.Partitions[j]
			name := wire.TopicPartition{Topic: topic.Topic, Partition: asked.Partition}
			if place, twice := seen[name]; twice {
				l.refuse(place, wire.InvalidRequest)
				l.refusal = Refusal{Code: wire.InvalidRequest, Reason: "a partition is asked about twice"}
				continue
			}
			seen[name] = len(l.partitions)
			l.add(name.Topic, name.Partition)
			result := kmsg.NewListOffsetsResponseTopicPartition()
			result.Partition = name.Partition
			l.asked, l.results = append(l.asked, asked), append(l.results, result)
		}
	}
}

// ask implements leaderAPI.
//
//nolint:ireturn // kmsg has one type per API
func (l *listOffsetsCall) ask(at []int) kmsg.Request {
	request := kmsg.NewPtrListOffsetsRequest() // as a consumer
	request.IsolationLevel, request.TimeoutMillis = l.request.IsolationLevel, l.request.TimeoutMillis
	l.eachTopic(at, func(name string, at []int) {
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = name
		for _, place := range at {
			partition := kmsg.NewListOffsetsRequestTopicPartition()
			asked := l.asked[place]
			partition.Partition, partition.CurrentLeaderEpoch, partition.Timestamp = asked.Partition, asked.CurrentLeaderEpoch, asked.Timestamp
			topic.Partitions = append(topic.Partitions, partition)
		}
		request.Topics = append(request.Topics, topic)
	})
	return request
}

// take implements leaderAPI.
func (l *listOffsetsCall) take(r kmsg.Response, at *places) {
	response, ok := r.(*kmsg.ListOffsetsResponse)
	if !ok {
		return
	}
	l.slowest = max(l.slowest, response.ThrottleMillis)
	for i := range response.Topics {
		topic := &response.Topics[i]
		for j := range topic.Partitions {
			place, ok := at.next(topic.Topic, topic.Partitions[j].Partition)
			switch {
			case !ok:
			case response.Version < sinceVersion(l.asked[place].Timestamp):
				l.fail(place, wire.UnsupportedVersion) // it took the question for a time
			default:
				l.results[place] = topic.Partitions[j]
				l.results[place].UnknownTags = kmsg.Tags{}
			}
		}
	}
}

// sinceVersion is the version from which a timestamp, or what is asked by one below zero, can be asked for.
func sinceVersion(timestamp int64) int16 {
	switch timestamp {
	case -3: // of the largest timestamp
		return 7
	case -4: // the first that is on the broker itself
		return 8
	case -5: // the last that is in tiered storage
		return 9
	case -6: // the first that is not yet in tiered storage
		return 11
	default:
		return 1
	}
}

// fail implements leaderAPI.
func (l *listOffsetsCall) fail(place int, code wire.ErrorCode) {
	result := kmsg.NewListOffsetsResponseTopicPartition()
	result.Partition, result.ErrorCode = l.partitions[place].Partition, int16(code)
	l.results[place] = result
}

// code implements leaderAPI.
func (l *listOffsetsCall) code(place int) wire.ErrorCode {
	return wire.ErrorCode(l.results[place].ErrorCode)
}

// answer implements leaderAPI.
//
//nolint:ireturn // kmsg has one type per API
func (l *listOffsetsCall) answer() (kmsg.Response, int) {
	const head, topicHead, result = 64, 16, 32
	response := kmsg.NewPtrListOffsetsResponse()
	response.ThrottleMillis = l.slowest
	size := head
	l.eachTopic(l.all(), func(name string, at []int) {
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = name
		for _, place := range at {
			topic.Partitions = append(topic.Partitions, l.results[place])
		}
		response.Topics = append(response.Topics, topic)
		size += topicHead + len(name) + result*len(at)
	})
	return response, size
}
