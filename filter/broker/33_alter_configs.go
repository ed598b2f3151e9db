package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// alterConfigsAPI replaces topics' configurations.
//
// It is as IncrementalAlterConfigs, but that a configuration is replaced whole, which is Kafka's meaning of it. KIP-133.
func alterConfigsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeAlterConfigs, Min: 0, Max: 2}, Decided: 2,
		Short: "each topic in its cluster", Query: true, Serve: (*Broker).alterConfigs,
	}
}

func (b *Broker) alterConfigs(c *Call) error {
	request, err := decode[*kmsg.AlterConfigsRequest](b, c)
	if err != nil {
		return err
	}
	asked, err := resourcesOf(c, len(request.Resources), func(i int) resource {
		return resource{request.Resources[i].ResourceType, request.Resources[i].ResourceName}
	})
	if err != nil {
		return err
	}
	response := kmsg.NewPtrAlterConfigsResponse()
	for _, key := range asked.keys {
		entry := kmsg.NewAlterConfigsResponseResource()
		entry.ResourceType, entry.ResourceName = key.kind, key.name
		response.Resources = append(response.Resources, entry)
	}
	a := b.alter(c, asked, response, func(i int) (*int16, **string) {
		return &response.Resources[i].ErrorCode, &response.Resources[i].ErrorMessage
	})
	a.part = func(which []int) kmsg.Request {
		part := kmsg.NewPtrAlterConfigsRequest()
		part.ValidateOnly = request.ValidateOnly
		for _, i := range which {
			part.Resources = append(part.Resources, request.Resources[i])
		}
		return part
	}
	a.take = func(r kmsg.Response) {
		for _, said := range r.(*kmsg.AlterConfigsResponse).Resources { //nolint:forcetypeassert // the answer to what was asked
			if i, known := asked.index[resource{said.ResourceType, said.ResourceName}]; known {
				response.Resources[i] = said
			}
		}
	}
	a.send()
	return nil
}
