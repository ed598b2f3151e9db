package broker_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// plain compares messages without the tagged fields that kmsg keeps; an empty list is as good as none.
func plain() cmp.Options { return cmp.Options{cmpopts.IgnoreTypes(kmsg.Tags{}), cmpopts.EquateEmpty()} }

// fake is a cluster that answers at once.
type fake struct {
	topics  map[string]wire.Topic
	code    wire.ErrorCode // of every batch
	got     []*wire.Batch
	acks    int16
	timeout int32
	created []string
}

var _ broker.Cluster = (*fake)(nil)

func (*fake) Fences() *order.Fences { return new(order.Fences) }

func (*fake) Forget(*order.Fences) {}

func (f *fake) Produce(_ *order.Fences, batches []*wire.Batch, acks int16, timeoutMillis int32, done func(int32)) {
	f.got, f.acks, f.timeout = append(f.got, batches...), acks, timeoutMillis
	for _, b := range batches {
		b.Result = wire.Result{BaseOffset: 7, LogAppendTime: -1, LeaderEpoch: -1}
		if f.code != wire.None {
			b.Result = wire.Failed(f.code, "as told")
		}
	}
	done(30)
}

func (f *fake) Topics(names []string, create bool, done func([]wire.Topic)) {
	var found []wire.Topic
	if names == nil {
		for _, t := range f.topics {
			found = append(found, t)
		}
	}
	for _, name := range names {
		t, ok := f.topics[name]
		if !ok {
			t = wire.Topic{Name: name, Code: wire.UnknownTopicOrPartition}
			if create {
				f.created = append(f.created, name)
			}
		}
		found = append(found, t)
	}
	done(found)
}

// facade is a broker with apples in c1 and bananas, capped at one partition, in c2.
func facade() (b *broker.Broker, c1, c2 *fake) {
	c1 = &fake{topics: map[string]wire.Topic{
		"apples": {Name: "apples", ID: [16]byte{1}, Partitions: []wire.Partition{
			{Index: 0, Leader: 4, LeaderEpoch: 9}, {Index: 1, Leader: -1, LeaderEpoch: 3, Code: wire.LeaderNotAvailable},
		}},
		"bananas-too": {Name: "bananas-too"}, // another cluster's topic by the rules
	}}
	c2 = &fake{topics: map[string]wire.Topic{
		"bananas": {Name: "bananas", ID: [16]byte{2}, Partitions: []wire.Partition{{Index: 0, Leader: 1}, {Index: 1, Leader: 1}}},
	}}
	rules := []route.Rule{{Prefix: "apples", Cluster: "c1"}, {Prefix: "bananas", Cluster: "c2"}}
	return broker.New(broker.APIs(), route.New(rules), map[string]broker.Upstream{
		"c1": {Cluster: c1}, "c2": {Cluster: c2, PartitionCount: 1},
	}, wire.TopicAuthorizationFailed, broker.Counts{}), c1, c2
}

// pending is a request and what it came to.
type pending struct {
	answers []broker.Answer
	held    int
	full    bool // there is no room
}

var _ broker.Reply = (*pending)(nil)

func (p *pending) Hold(n int) bool {
	p.held += n
	return !p.full
}

func (p *pending) Answer(a broker.Answer) { p.answers = append(p.answers, a) }

func (*pending) Barrier() {}

func (*pending) OnEnd(func()) (forget func()) { return func() {} }

// call is a request of a client's that has its answer in r.
func call(h wire.Header, body []byte, r *pending) *broker.Call {
	return &broker.Call{Client: &broker.Client{Host: "mesh.example", Port: 9092}, Header: h, Body: body, Reply: r}
}

// ask serves one request, which must be answered at once.
func ask(t *testing.T, b *broker.Broker, key wire.APIKey, version int16, request kmsg.Request) broker.Answer {
	t.Helper()
	frame := wiretest.Frame(key, version, 77, "test", request)
	h, body, err := b.ParseHeader(frame[4:])
	if err != nil {
		t.Fatal(err)
	}
	r := &pending{}
	if err := b.Serve(call(h, body, r)); err != nil {
		t.Fatal(err)
	}
	if len(r.answers) != 1 {
		t.Fatalf("%d answers, want 1", len(r.answers))
	}
	return r.answers[0]
}

func parse[R kmsg.Response](t *testing.T, key wire.APIKey, version int16, a broker.Answer) R {
	t.Helper()
	id, response, err := wiretest.ParseResponse(key, version, a.Frame)
	if err != nil {
		t.Fatal(err)
	}
	if id != 77 {
		t.Errorf("correlation id %d, want 77", id)
	}
	return response.(R)
}
