package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// consumerGroupDescribeAPI is listed and refused.
//
// No group here is one of the new protocol (KIP-848): each gets UNSUPPORTED_VERSION, for which Java's Admin asks with DescribeGroups.
func consumerGroupDescribeAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeConsumerGroupDescribe, Min: 0, Max: 1}, Decided: 1,
		Short: "listed, refused", Query: true, Serve: (*Broker).refuseConsumerGroupDescribe,
	}
}

func (b *Broker) refuseConsumerGroupDescribe(c *Call) error {
	request, err := decode[*kmsg.ConsumerGroupDescribeRequest](b, c)
	if err != nil {
		return err
	}
	const head, group, described = 64, 64, 256
	size := head + len(c.Body) + group*len(request.Groups)
	if err := hold(c, size+described*len(request.Groups)); err != nil {
		return err
	}
	response := kmsg.NewPtrConsumerGroupDescribeResponse()
	response.SetVersion(c.Header.Version)
	response.Groups = make([]kmsg.ConsumerGroupDescribeResponseGroup, 0, len(request.Groups))
	message := "no group of group.protocol=consumer"
	for _, id := range request.Groups {
		g := kmsg.NewConsumerGroupDescribeResponseGroup()
		g.Group, g.ErrorCode, g.ErrorMessage = id, int16(wire.UnsupportedVersion), &message
		response.Groups = append(response.Groups, g)
	}
	refusal := Refusal{Code: wire.UnsupportedVersion, Kind: wire.Administrators}
	respond(c, size, Answer{Refusal: refusal}, func(dst []byte) []byte { return wire.AppendResponse(dst, c.Header, response) })
	return nil
}
