package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// describeConfigsAPI tells of topics' configurations.
//
// A topic is described by the cluster where it is written, which is also where its configuration is altered; one that is asked for twice
// is answered once. Unlike a real broker, broker 0 has no configuration, which is no error: tools ask for it. Other brokers, loggers,
// groups and client metrics are refused in words, as is a topic without a rule. KIP-133, KIP-226, KIP-569.
// The first version is Kafka 4's.
func describeConfigsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeDescribeConfigs, Min: 1, Max: 4}, Decided: 4,
		Short: "each topic by its cluster", Query: true, Serve: (*Broker).describeConfigs,
	}
}

func (b *Broker) describeConfigs(c *Call) error {
	request, err := decode[*kmsg.DescribeConfigsRequest](b, c)
	if err != nil {
		return err
	}
	asked, err := resourcesOf(c, len(request.Resources), func(i int) resource {
		return resource{request.Resources[i].ResourceType, request.Resources[i].ResourceName}
	})
	if err != nil {
		return err
	}
	response := kmsg.NewPtrDescribeConfigsResponse()
	for _, key := range asked.keys {
		entry := kmsg.NewDescribeConfigsResponseResource()
		entry.ResourceType, entry.ResourceName = key.kind, key.name
		response.Resources = append(response.Resources, entry)
	}
	a := b.administer(c, response,
		func(i int) (*int16, **string) {
			return &response.Resources[i].ErrorCode, &response.Resources[i].ErrorMessage
		},
		func() int { return describedSize(response) })
	a.summary.Topics = asked.topics()
	if why := b.denies(AccessRead, "see configurations"); why != "" {
		a.denyAll(len(asked.keys), why)
		return nil
	}
	clusters, of := byCluster(len(asked.keys), func(i int) (string, bool) {
		if asked.keys[i].isFacade() {
			return "", false
		}
		return a.place(authorizer.DescribeConfigs, i, asked.topic(i), func(i int) (wire.ErrorCode, string) { return asked.keys[i].strange() })
	})
	for _, cluster := range clusters {
		part := kmsg.NewPtrDescribeConfigsRequest()
		part.IncludeSynonyms, part.IncludeDocumentation = request.IncludeSynonyms, request.IncludeDocumentation
		for _, i := range of[cluster] {
			part.Resources = append(part.Resources, request.Resources[asked.same[i][0]])
		}
		a.look(cluster, of[cluster], part, func(r kmsg.Response) {
			for _, said := range r.(*kmsg.DescribeConfigsResponse).Resources { //nolint:forcetypeassert // the answer to what was asked
				if i, known := asked.index[resource{said.ResourceType, said.ResourceName}]; known {
					response.Resources[i] = said
				}
			}
		})
	}
	a.end()
	return nil
}

// describedSize is at least the size of a response.
func describedSize(r *kmsg.DescribeConfigsResponse) int {
	const head, entry, config, synonym = 64, 32, 32, 8
	size := head
	for i := range r.Resources {
		e := &r.Resources[i]
		size += entry + sizeOf(&e.ResourceName, e.ErrorMessage)
		for j := range e.Configs {
			c := &e.Configs[j]
			size += config + sizeOf(&c.Name, c.Value, c.Documentation)
			for k := range c.ConfigSynonyms {
				size += synonym + sizeOf(&c.ConfigSynonyms[k].Name, c.ConfigSynonyms[k].Value)
			}
		}
	}
	return size
}
