package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// fetchAPI is listed and refused.
//
// Without Fetch in the list, librdkafka takes the broker for one that knows only magic 0, and drops zstd. Consumers are
// not served: every partition gets TOPIC_AUTHORIZATION_FAILED, which consumers do not retry. Version 12 is flexible, and 13 names topics by id.
func fetchAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeFetch, Min: 4, Max: 11}, Decided: 18,
		Short: "listed, refused", Query: true, Serve: (*Broker).refuseFetch,
	}
}

func (b *Broker) refuseFetch(c *Call) error {
	request, err := decode[*kmsg.FetchRequest](b, c)
	if err != nil {
		return err
	}
	size := fetchSize(request, len(c.Body))
	if err := hold(c, size); err != nil {
		return err
	}
	response := kmsg.NewPtrFetchResponse()
	response.SetVersion(c.Header.Version)
	response.Topics = make([]kmsg.FetchResponseTopic, 0, len(request.Topics))
	for _, t := range request.Topics {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = t.Topic
		c.Note.topic(t.Topic)
		topic.Partitions = make([]kmsg.FetchResponseTopicPartition, 0, len(t.Partitions))
		for _, p := range t.Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition = p.Partition
			partition.ErrorCode = int16(wire.TopicAuthorizationFailed)
			partition.HighWatermark = -1
			partition.RecordBatches = []byte{} // librdkafka takes null for a broken answer, and asks again at once
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	refusal := Refusal{Code: wire.TopicAuthorizationFailed, Kind: wire.Consumers}
	respond(c, size, Answer{Refusal: refusal, Summary: Summary{Topics: len(request.Topics)}}, func(dst []byte) []byte { return wire.AppendResponse(dst, c.Header, response) })
	return nil
}

// fetchSize is at least the size of the response to a request with so long a body.
func fetchSize(r *kmsg.FetchRequest, body int) int {
	const head, partition = 64, 64
	size := head + body // the names
	for i := range r.Topics {
		size += partition * len(r.Topics[i].Partitions)
	}
	return size
}
