package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Fetch, versions 4 to 11: listed and refused.
//
// Without Fetch in the list, librdkafka takes the broker for one that knows only magic 0, and drops zstd. Consumers are
// not served: every partition gets TOPIC_AUTHORIZATION_FAILED, which consumers do not retry.
func refuseFetch(h wire.Header, body []byte, done func(Answer)) error {
	decoded, err := wire.DecodeRequest(h, body)
	if err != nil {
		return err
	}
	request := decoded.(*kmsg.FetchRequest) //nolint:forcetypeassert // DecodeRequest gives the type of the key
	response := kmsg.NewPtrFetchResponse()
	response.SetVersion(h.Version)
	for _, t := range request.Topics {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition = p.Partition
			partition.ErrorCode = int16(wire.TopicAuthorizationFailed)
			partition.HighWatermark = -1
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	done(Answer{Frame: wire.AppendResponse(nil, h, response)})
	return nil
}
