package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// consumerGroupHeartbeatAPI is listed and refused.
//
// Members of groups with group.protocol=consumer (KIP-848) are not served. Each heartbeat is answered UNSUPPORTED_VERSION, with a message
// that says what to set: to librdkafka that is fatal and told at once, whereas it waits for ever, without a word, where the API is not
// listed.
func consumerGroupHeartbeatAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeConsumerGroupHeartbeat, Min: 0, Max: 1}, Decided: 1,
		Short: "listed, refused", Query: true, Serve: (*Broker).refuseConsumerGroupHeartbeat,
	}
}

// noConsumerProtocol is why members of consumer groups of the new protocol get errors.
const noConsumerProtocol = "group.protocol=consumer is not served by this proxy: set group.protocol=classic"

func (b *Broker) refuseConsumerGroupHeartbeat(c *Call) error {
	if _, err := decode[*kmsg.ConsumerGroupHeartbeatRequest](b, c); err != nil {
		return err
	}
	response := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	response.SetVersion(c.Header.Version)
	response.ErrorCode, response.ErrorMessage = int16(wire.UnsupportedVersion), new(noConsumerProtocol)
	c.Answer(Answer{
		Frame:   wire.AppendResponse(nil, c.Header, response),
		Refusal: Refusal{Code: wire.UnsupportedVersion, Kind: wire.Consumers},
	})
	return nil
}
