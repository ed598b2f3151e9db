package survey

import "github.com/kafkamesh/envoy-kafka-mesh/filter/wire"

// Words says what it means that a cluster, or the facade, answers a question about a topic with an error code.
func Words(code wire.ErrorCode) string {
	switch code {
	case wire.None:
		return "it is there"
	case wire.UnknownTopicOrPartition:
		return "there is no such topic"
	case wire.TopicAuthorizationFailed:
		return "the user may not know of it: it lacks DESCRIBE, which WRITE implies"
	case wire.LeaderNotAvailable:
		return "a leader is missing: its brokers are down, or are about to elect one"
	case wire.InvalidTopicException:
		return "no topic can have this name"
	case wire.ReplicaNotAvailable:
		return "some replicas are away, which does not hinder producers"
	case wire.ListenerNotFound:
		return "the leader has no listener for who comes from here: see its advertised.listeners"
	default:
		return "see Kafka's protocol errors"
	}
}
