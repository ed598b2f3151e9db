package filter

import (
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// unreachable stands for a cluster whose client could not be made. Its topics get errors that clients retry: without it they would
// go where a later rule sends them, to another cluster.
type unreachable struct{}

var _ broker.Cluster = unreachable{}

// Fences returns some that nothing raises.
func (unreachable) Fences() *order.Fences { return new(order.Fences) }

// Forget does nothing.
func (unreachable) Forget(*order.Fences) {}

// Produce implements broker.Cluster: nothing is stored.
func (unreachable) Produce(_ *order.Fences, batches []*wire.Batch, _ int16, _ int32, done func(throttleMillis int32)) {
	for _, b := range batches {
		b.Result = wire.Failed(wire.NotLeaderOrFollower, "this proxy has no way to the topic's cluster; its log says why")
	}
	done(0)
}

// Topics implements broker.Cluster: nothing is known.
func (unreachable) Topics(names []string, _ bool, done func([]wire.Topic)) {
	topics := make([]wire.Topic, 0, len(names))
	for _, name := range names {
		topics = append(topics, wire.Topic{Name: name, Code: wire.LeaderNotAvailable})
	}
	done(topics)
}
