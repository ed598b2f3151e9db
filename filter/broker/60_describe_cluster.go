package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// describeClusterAPI tells of one broker.
//
// It is node 0 at the address that the client is to use, and its own controller; the cluster id is that of Metadata. No other node is
// named: neither brokers of clusters, nor any that are fenced. Who asks for controllers gets MISMATCHED_ENDPOINT_TYPE, as from any
// broker. No operations are listed as authorized. KIP-700, KIP-919, KIP-1073.
func describeClusterAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeDescribeCluster, Min: 0, Max: 2}, Decided: 2,
		Short: "one broker", Query: true, Serve: (*Broker).describeCluster,
	}
}

// The types of endpoints that a client can ask about.
const (
	endpointBrokers     = 1
	endpointControllers = 2
)

func (b *Broker) describeCluster(c *Call) error {
	request, err := decode[*kmsg.DescribeClusterRequest](b, c)
	if err != nil {
		return err
	}
	response := kmsg.NewPtrDescribeClusterResponse()
	response.SetVersion(c.Header.Version)
	var refusal Refusal
	switch {
	case c.Header.Version == 0 || request.EndpointType == endpointBrokers:
		response.ClusterID, response.ControllerID = wire.MeshClusterID, 0
		broker := kmsg.NewDescribeClusterResponseBroker()
		broker.Host, broker.Port = c.Client.Host, c.Client.Port
		response.Brokers = append(response.Brokers, broker)
	case request.EndpointType == endpointControllers:
		refusal = Refusal{Code: wire.MismatchedEndpointType, Reason: "this is a broker, and no controller"}
	default:
		refusal = Refusal{Code: wire.UnsupportedEndpointType, Reason: "there are no endpoints of this type"}
	}
	if refusal.Code != wire.None {
		response.ErrorCode, response.ErrorMessage = int16(refusal.Code), &refusal.Reason
	}
	c.Answer(Answer{Frame: wire.AppendResponse(nil, c.Header, response), Refusal: refusal})
	return nil
}
