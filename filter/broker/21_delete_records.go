package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// deleteRecordsAPI has the records of partitions deleted up to an offset.
//
// Each partition is asked of its leader in the cluster that the topic is read from, where offsets have their meaning, with the client's
// timeout and on a connection of the client's own: a leader answers when its followers have deleted too. A partition whose leader cannot be
// asked has NOT_LEADER_OR_FOLLOWER, as from a broker that does not lead it. Of a partition that is named twice the last offset counts.
//
// Unlike a real broker's, a topic without a rule gets what Metadata says of it. Clients may do this only if administration.topics says so;
// there are no words for it in the answer. KIP-107.
func deleteRecordsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeDeleteRecords, Min: 0, Max: 2}, Decided: 2,
		Short: "each partition's leader deletes", Query: true, Serve: (*Broker).deleteRecords,
	}
}

// deleteRecordsCall is one DeleteRecords request on its way.
type deleteRecordsCall struct {
	*leadersCall

	timeout int32
	offsets []int64                                    // by place
	results []kmsg.DeleteRecordsResponseTopicPartition // by place
	slowest int32
}

var _ leaderAPI = (*deleteRecordsCall)(nil)

func (b *Broker) deleteRecords(c *Call) error {
	request, err := decode[*kmsg.DeleteRecordsRequest](b, c)
	if err != nil {
		return err
	}
	n := 0
	for i := range request.Topics {
		n += len(request.Topics[i].Partitions)
	}
	if err := hold(c, partitionCost*n+topicCost*len(request.Topics)+len(c.Body)); err != nil {
		return err
	}
	call := &deleteRecordsCall{timeout: request.TimeoutMillis}
	call.leadersCall = newLeadersCall(b, c, call, c.Header.Version)
	call.within = patienceOf(request.TimeoutMillis)
	call.place(request.Topics, n)
	if why := b.denies(AccessAll, "delete records"); why != "" {
		call.refusal = Refusal{Code: wire.TopicAuthorizationFailed, Kind: wire.Administrators, Reason: why}
		for place := range call.partitions {
			call.refuse(place, wire.TopicAuthorizationFailed)
		}
	}
	call.send(authorizer.Delete)
	return nil
}

// place gives the n partitions of the request their places.
func (d *deleteRecordsCall) place(topics []kmsg.DeleteRecordsRequestTopic, n int) {
	seen := make(map[wire.TopicPartition]int, n)
	for i := range topics {
		d.topic(topics[i].Topic)
		for _, p := range topics[i].Partitions {
			name := wire.TopicPartition{Topic: topics[i].Topic, Partition: p.Partition}
			if place, twice := seen[name]; twice {
				d.offsets[place] = p.Offset
				continue
			}
			seen[name] = len(d.partitions)
			d.add(name.Topic, name.Partition)
			d.offsets = append(d.offsets, p.Offset)
			d.results = append(d.results, kmsg.DeleteRecordsResponseTopicPartition{Partition: p.Partition})
		}
	}
}

// ask implements leaderAPI.
//
//nolint:ireturn // as leaderAPI has it
func (d *deleteRecordsCall) ask(at []int) kmsg.Request {
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = d.timeout
	d.eachTopic(at, func(name string, at []int) {
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic = name
		for _, place := range at {
			topic.Partitions = append(topic.Partitions, kmsg.DeleteRecordsRequestTopicPartition{
				Partition: d.partitions[place].Partition, Offset: d.offsets[place],
			})
		}
		request.Topics = append(request.Topics, topic)
	})
	return request
}

// take implements leaderAPI.
func (d *deleteRecordsCall) take(r kmsg.Response, at *places) {
	response, ok := r.(*kmsg.DeleteRecordsResponse)
	if !ok {
		return
	}
	d.slowest = max(d.slowest, response.ThrottleMillis)
	for i := range response.Topics {
		topic := &response.Topics[i]
		for j := range topic.Partitions {
			if place, ok := at.next(topic.Topic, topic.Partitions[j].Partition); ok {
				d.results[place] = topic.Partitions[j]
				d.results[place].UnknownTags = kmsg.Tags{}
			}
		}
	}
}

// fail implements leaderAPI.
func (d *deleteRecordsCall) fail(place int, code wire.ErrorCode) {
	d.results[place] = kmsg.DeleteRecordsResponseTopicPartition{Partition: d.partitions[place].Partition, LowWatermark: -1, ErrorCode: int16(code)}
}

// code implements leaderAPI.
func (d *deleteRecordsCall) code(place int) wire.ErrorCode {
	return wire.ErrorCode(d.results[place].ErrorCode)
}

// answer implements leaderAPI.
//
//nolint:ireturn // as leaderAPI has it
func (d *deleteRecordsCall) answer() (kmsg.Response, int) {
	const head, topicSize, partitionSize = 64, 16, 16
	response := kmsg.NewPtrDeleteRecordsResponse()
	response.ThrottleMillis = d.slowest
	size := head
	d.eachTopic(d.all(), func(name string, at []int) {
		topic := kmsg.NewDeleteRecordsResponseTopic()
		topic.Topic = name
		for _, place := range at {
			topic.Partitions = append(topic.Partitions, d.results[place])
		}
		response.Topics = append(response.Topics, topic)
		size += topicSize + len(name) + partitionSize*len(at)
	})
	return response, size
}
