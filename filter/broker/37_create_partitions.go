package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// createPartitionsAPI gives topics more partitions, in the clusters that their names are routed to.
//
// It is as CreateTopics in all: by the controller of the cluster where the topic is written, and INVALID_REPLICA_ASSIGNMENT for
// assignments, which a real broker takes. Clients may do this only if administration.topics says so. KIP-195, KIP-599.
func createPartitionsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeCreatePartitions, Min: 0, Max: 3}, Decided: 3,
		Short: "each topic in its cluster", Query: true, Serve: (*Broker).createPartitions,
	}
}

func (b *Broker) createPartitions(c *Call) error {
	request, err := decode[*kmsg.CreatePartitionsRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, administeredCost*len(request.Topics)+bodyCost*len(c.Body)); err != nil {
		return err
	}
	response := kmsg.NewPtrCreatePartitionsResponse()
	topics := distinct(len(request.Topics), func(i int) string { return request.Topics[i].Topic })
	index := make(map[string]int, len(topics))
	for i, same := range topics {
		topic := kmsg.NewCreatePartitionsResponseTopic()
		topic.Topic = request.Topics[same[0]].Topic
		index[topic.Topic] = i
		response.Topics = append(response.Topics, topic)
	}
	a := b.administer(c, response,
		func(i int) (*int16, **string) { return &response.Topics[i].ErrorCode, &response.Topics[i].ErrorMessage },
		func() int { return partitionedSize(response) })
	a.summary.Topics = len(topics)
	if why := b.denies(AccessCreate, "give topics more partitions"); why != "" {
		a.denyAll(len(topics), why)
		return nil
	}
	clusters, of := a.spread(authorizer.Alter, len(topics), func(i int) string { return response.Topics[i].Topic }, func(i int) (wire.ErrorCode, string) {
		return unassigned(topics[i], func(j int) bool { return len(request.Topics[j].Assignment) > 0 })
	})
	for _, cluster := range clusters {
		part := kmsg.NewPtrCreatePartitionsRequest()
		part.TimeoutMillis, part.ValidateOnly = request.TimeoutMillis, request.ValidateOnly
		part.Topics = namedBy(request.Topics, topics, of[cluster])
		a.command(cluster, of[cluster], part, request.TimeoutMillis, func(r kmsg.Response) {
			for _, said := range r.(*kmsg.CreatePartitionsResponse).Topics { //nolint:forcetypeassert // the answer to what was asked
				i, asked := index[said.Topic]
				if !asked {
					continue
				}
				response.Topics[i] = said
				if said.ErrorCode == int16(wire.None) && !request.ValidateOnly {
					a.changed(cluster, said.Topic)
				}
			}
		})
	}
	a.end()
	return nil
}

// partitionedSize is at least the size of a response.
func partitionedSize(r *kmsg.CreatePartitionsResponse) int {
	const head, topic = 64, 16
	size := head
	for i := range r.Topics {
		size += topic + sizeOf(&r.Topics[i].Topic, r.Topics[i].ErrorMessage)
	}
	return size
}
