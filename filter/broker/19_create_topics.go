package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// createTopicsAPI has topics created in the clusters that their names are routed to.
//
// Each topic is created where it is written, by the cluster's controller, with the client's timeout and, if the client asks for that, only
// tried. Unlike a real broker, one that names the brokers for its replicas gets INVALID_REPLICA_ASSIGNMENT: clients know none of them. A
// topic without a rule gets what Metadata says of it, and words. Clients may do this only if administration.topics says so. Whether
// clients have topics created by asking for them is another question (allow.auto.create.topics). KIP-4, KIP-525.
// The first version is Kafka 4's.
func createTopicsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeCreateTopics, Min: 2, Max: 7}, Decided: 7,
		Short: "each topic in its cluster", Query: true, Serve: (*Broker).createTopics,
	}
}

// whyNoAssignment says why replicas cannot be placed.
const whyNoAssignment = "replicas cannot be assigned through this proxy, whose clients know no broker of the topic's cluster: leave the assignment out"

func (b *Broker) createTopics(c *Call) error {
	request, err := decode[*kmsg.CreateTopicsRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, administeredCost*len(request.Topics)+bodyCost*len(c.Body)); err != nil {
		return err
	}
	response := kmsg.NewPtrCreateTopicsResponse()
	topics := distinct(len(request.Topics), func(i int) string { return request.Topics[i].Topic })
	index := make(map[string]int, len(topics))
	for i, same := range topics {
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic = request.Topics[same[0]].Topic
		index[topic.Topic] = i
		response.Topics = append(response.Topics, topic)
	}
	a := b.administer(c, response,
		func(i int) (*int16, **string) { return &response.Topics[i].ErrorCode, &response.Topics[i].ErrorMessage },
		func() int { return createdSize(response) })
	a.summary.Topics = len(topics)
	if why := b.denies(AccessCreate, "create topics"); why != "" {
		a.denyAll(len(topics), why)
		return nil
	}
	clusters, of := a.spread(authorizer.Create, len(topics), func(i int) string { return response.Topics[i].Topic }, func(i int) (wire.ErrorCode, string) {
		return unassigned(topics[i], func(j int) bool { return len(request.Topics[j].ReplicaAssignment) > 0 })
	})
	for _, cluster := range clusters {
		part := kmsg.NewPtrCreateTopicsRequest()
		part.TimeoutMillis, part.ValidateOnly = request.TimeoutMillis, request.ValidateOnly
		part.Topics = namedBy(request.Topics, topics, of[cluster])
		a.command(cluster, of[cluster], part, request.TimeoutMillis, func(r kmsg.Response) {
			for _, said := range r.(*kmsg.CreateTopicsResponse).Topics { //nolint:forcetypeassert // the answer to what was asked
				if i, asked := index[said.Topic]; asked {
					response.Topics[i] = a.withoutConfigs(said)
				}
			}
		})
	}
	a.end()
	return nil
}

// withoutConfigs is what is said of a topic that was created, as far as the client may see it (KIP-525).
func (a *administration) withoutConfigs(said kmsg.CreateTopicsResponseTopic) kmsg.CreateTopicsResponseTopic {
	if said.ErrorCode == 0 && !a.broker.sees(a.Client, authorizer.DescribeConfigs, authorizer.Topic, said.Topic) {
		said.ConfigErrorCode, said.NumPartitions, said.ReplicationFactor = int16(wire.TopicAuthorizationFailed), -1, -1
		said.Configs = nil
	}
	return said
}

// unassigned refuses a topic whose replicas are assigned, wherever the request names it.
func unassigned(named []int, assigned func(i int) bool) (wire.ErrorCode, string) {
	if slices.ContainsFunc(named, assigned) {
		return wire.InvalidReplicaAssignment, whyNoAssignment
	}
	return wire.None, ""
}

// namedBy is what a request has about some of its topics, each of which it may name more than once.
func namedBy[T any](all []T, topics [][]int, which []int) (some []T) {
	for _, i := range which {
		for _, j := range topics[i] {
			some = append(some, all[j])
		}
	}
	return some
}

// createdSize is at least the size of a response.
func createdSize(r *kmsg.CreateTopicsResponse) int {
	const head, topic, config = 64, 64, 8
	size := head
	for i := range r.Topics {
		t := &r.Topics[i]
		size += topic + sizeOf(&t.Topic, t.ErrorMessage)
		for j := range t.Configs {
			size += config + sizeOf(&t.Configs[j].Name, t.Configs[j].Value)
		}
	}
	return size
}
