package filter

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// unreachable stands for a cluster whose client could not be made. Its topics get errors that clients retry: without it they would
// go where a later rule sends them, to another cluster.
type unreachable struct{}

var (
	_ broker.Cluster = unreachable{}
	_ broker.Brokers = unreachable{}
	_ broker.Own     = noConnections{}

	_ broker.Fetching = nothingRead{}
)

var errUnreachable = errors.New("this proxy has no way to the cluster; its log says why")

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

// Call implements broker.Brokers: nobody answers.
func (unreachable) Call(_ target.Broker, _ kmsg.Request, _ int16, done func(kmsg.Response, error)) {
	done(nil, errUnreachable)
}

// Leaders implements broker.Brokers: nobody leads anything.
func (unreachable) Leaders(partitions []wire.TopicPartition, done func([]wire.Partition)) {
	found := make([]wire.Partition, len(partitions))
	for i := range found {
		found[i] = wire.Partition{Index: partitions[i].Partition, Code: wire.LeaderNotAvailable, Leader: -1, LeaderEpoch: -1}
	}
	done(found)
}

// Nodes implements broker.Brokers: nobody is there.
func (unreachable) Nodes(done func(ids []int32)) { done(nil) }

// Doubt does nothing.
func (unreachable) Doubt(target.Broker) {}

// Changed implements broker.Cluster: it does nothing.
func (unreachable) Changed(string) {}

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (unreachable) Own(string) broker.Own { return noConnections{} }

// noConnections are a client's own connections to nobody.
type noConnections struct{}

// Call implements broker.Own: nobody answers.
func (noConnections) Call(_ target.Broker, _ kmsg.Request, _ int16, _ time.Duration, done func(kmsg.Response, error)) {
	done(nil, errUnreachable)
}

// CallIf implements broker.Own: nobody answers.
func (noConnections) CallIf(_ target.Broker, _ kmsg.Request, _ int16, _ time.Duration, _ func() bool, done func(kmsg.Response, error)) {
	done(nil, errUnreachable)
}

// Fetch implements broker.Own: nothing is read.
//
//nolint:ireturn // as the facade has it
func (noConnections) Fetch(int16, *wire.FetchRequest, func()) broker.Fetching { return nothingRead{} }

// Close does nothing.
func (noConnections) Close() {}

// nothingRead is what is read of a cluster that nobody can reach.
type nothingRead struct{}

// Ready implements broker.Fetching: the client is told when its patience is over, since it would ask again at once.
func (nothingRead) Ready() (bytes int, urgent, complete bool) { return 0, false, false }

// Take implements broker.Fetching.
func (nothingRead) Take(_ int, _ bool, into [][]wire.Fetched) (bytes int, throttleMillis int32, release func()) {
	return refuseAll(into, wire.NotLeaderOrFollower)
}

// refuseAll is a Take that has nothing but an error for each partition.
func refuseAll(into [][]wire.Fetched, code wire.ErrorCode) (bytes int, throttleMillis int32, release func()) {
	for i := range into {
		for j := range into[i] {
			into[i][j] = wire.Refused(into[i][j].Partition, code)
		}
	}
	return 0, 0, func() {}
}
