package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// incrementalAlterConfigsAPI alters topics' configurations.
//
// A topic's configuration is altered in the cluster where the topic is written, by its controller, and only tried if the client asks for
// that. Unlike a real broker, brokers, loggers, groups and client metrics are refused in words, as is a topic without a rule. Clients may
// do this only if administration.topics says so. KIP-339.
func incrementalAlterConfigsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeIncrementalAlterConfigs, Min: 0, Max: 1}, Decided: 1,
		Short: "each topic in its cluster", Query: true, Serve: (*Broker).incrementalAlterConfigs,
	}
}

func (b *Broker) incrementalAlterConfigs(c *Call) error {
	request, err := decode[*kmsg.IncrementalAlterConfigsRequest](b, c)
	if err != nil {
		return err
	}
	asked, err := resourcesOf(c, len(request.Resources), func(i int) resource {
		return resource{request.Resources[i].ResourceType, request.Resources[i].ResourceName}
	})
	if err != nil {
		return err
	}
	response := kmsg.NewPtrIncrementalAlterConfigsResponse()
	for _, key := range asked.keys {
		entry := kmsg.NewIncrementalAlterConfigsResponseResource()
		entry.ResourceType, entry.ResourceName = key.kind, key.name
		response.Resources = append(response.Resources, entry)
	}
	a := b.alter(c, asked, response, func(i int) (*int16, **string) {
		return &response.Resources[i].ErrorCode, &response.Resources[i].ErrorMessage
	})
	a.part = func(which []int) kmsg.Request {
		part := kmsg.NewPtrIncrementalAlterConfigsRequest()
		part.ValidateOnly = request.ValidateOnly
		for _, i := range which {
			part.Resources = append(part.Resources, request.Resources[i])
		}
		return part
	}
	a.take = func(r kmsg.Response) {
		for _, said := range r.(*kmsg.IncrementalAlterConfigsResponse).Resources { //nolint:forcetypeassert // the answer to what was asked
			if i, known := asked.index[resource{said.ResourceType, said.ResourceName}]; known {
				response.Resources[i] = said
			}
		}
	}
	a.send()
	return nil
}
