package filter

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// refused stands for a cluster that a client has no identity for. It answers as a cluster whose ACLs allow nothing. Its address tells it
// from others.
type refused struct {
	why     string // for clients
	refusal stats.Value
}

var (
	_ broker.Cluster  = (*refused)(nil)
	_ broker.Brokers  = (*refused)(nil)
	_ broker.Own      = refusedOwn{}
	_ broker.Fetching = refusedFetch{}
)

// refusedError says that the client may not have its request sent.
type refusedError struct {
	code wire.ErrorCode
	why  string
}

// ErrorCode is what the client is told.
func (e *refusedError) ErrorCode() wire.ErrorCode { return e.code }

func (e *refusedError) Error() string { return e.why }

// Fences returns some that nothing raises.
func (*refused) Fences() *order.Fences { return new(order.Fences) }

// Forget does nothing.
func (*refused) Forget(*order.Fences) {}

// Produce implements broker.Cluster: nothing is stored.
func (r *refused) Produce(_ *order.Fences, batches []*wire.Batch, _ int16, _ int32, done func(throttleMillis int32)) {
	r.refusal.Add(1)
	for _, b := range batches {
		b.Result = wire.Failed(wire.TopicAuthorizationFailed, r.why)
	}
	done(0)
}

// Topics implements broker.Cluster: the client may not know of any.
func (r *refused) Topics(names []string, _ bool, done func([]wire.Topic)) {
	if names == nil {
		done(nil)
		return
	}
	r.refusal.Add(1)
	topics := make([]wire.Topic, 0, len(names))
	for _, name := range names {
		topics = append(topics, wire.Topic{Name: name, Code: wire.TopicAuthorizationFailed})
	}
	done(topics)
}

// Changed implements broker.Cluster: it does nothing.
func (*refused) Changed(string) {}

// Call implements broker.Brokers: a list of groups is empty, and nothing else is answered.
func (r *refused) Call(_ target.Broker, request kmsg.Request, _ int16, done func(kmsg.Response, error)) {
	switch request.(type) {
	case *kmsg.ListGroupsRequest:
		done(kmsg.NewPtrListGroupsResponse(), nil)
		return
	case *kmsg.ConsumerGroupHeartbeatRequest:
		r.refusal.Add(1)
		answer := kmsg.NewPtrConsumerGroupHeartbeatResponse()
		answer.ErrorCode, answer.ErrorMessage = int16(wire.GroupAuthorizationFailed), &r.why
		done(answer, nil)
		return
	}
	r.refusal.Add(1)
	code := wire.TopicAuthorizationFailed
	if ofGroup(request) {
		code = wire.GroupAuthorizationFailed
	}
	done(nil, &refusedError{code, r.why})
}

// ofGroup reports whether a request is about groups.
func ofGroup(r kmsg.Request) bool {
	switch r.(type) {
	case kmsg.GroupCoordinatorRequest, *kmsg.FindCoordinatorRequest, *kmsg.DescribeGroupsRequest, *kmsg.DeleteGroupsRequest,
		*kmsg.ConsumerGroupDescribeRequest, *kmsg.OffsetFetchRequest:
		return true
	default:
		return false
	}
}

// Leaders implements broker.Brokers: the client may not know of any.
func (r *refused) Leaders(partitions []wire.TopicPartition, done func([]wire.Partition)) {
	r.refusal.Add(1)
	found := make([]wire.Partition, len(partitions))
	for i := range found {
		found[i] = wire.Partition{Index: partitions[i].Partition, Code: wire.TopicAuthorizationFailed, Leader: -1, LeaderEpoch: -1}
	}
	done(found)
}

// Nodes implements broker.Brokers: there is one, which refuses everything.
func (*refused) Nodes(done func(ids []int32)) { done([]int32{0}) }

// Doubt does nothing.
func (*refused) Doubt(target.Broker) {}

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (r *refused) Own(string) broker.Own { return refusedOwn{r} }

// refusedOwn are a client's own connections to a cluster that refuses it.
type refusedOwn struct{ *refused }

// Call implements broker.Own.
func (o refusedOwn) Call(to target.Broker, request kmsg.Request, most int16, _ time.Duration, done func(kmsg.Response, error)) {
	o.refused.Call(to, request, most, done)
}

// CallIf implements broker.Own.
func (o refusedOwn) CallIf(to target.Broker, request kmsg.Request, most int16, _ time.Duration, _ func() bool, done func(kmsg.Response, error)) {
	o.refused.Call(to, request, most, done)
}

// Fetch implements broker.Own.
//
//nolint:ireturn // as the facade has it
func (o refusedOwn) Fetch(int16, *wire.FetchRequest, func()) broker.Fetching {
	o.refusal.Add(1)
	return refusedFetch{}
}

// Close does nothing.
func (refusedOwn) Close() {}

// refusedFetch is what is read of a cluster that refuses the client.
type refusedFetch struct{}

// Ready implements broker.Fetching: the client is told at once.
func (refusedFetch) Ready() (bytes int, urgent, complete bool) { return 0, true, true }

// Take implements broker.Fetching.
func (refusedFetch) Take(_ int, _ bool, into [][]wire.Fetched) (bytes int, throttleMillis int32, release func()) {
	return refuseAll(into, wire.TopicAuthorizationFailed)
}
