package broker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
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

	newest  map[wire.APIKey]int16                                               // versions that it takes, where not all
	respond func(to target.Broker, request kmsg.Request) (kmsg.Response, error) // nil: nobody answers
	asked   []asked
	doubted []target.Broker
	changed []string
	nodes   []int32 // its brokers
	closed  int     // connections of clients' own

	fetched   func(topic string, p *wire.Fetched) // nil: nothing is ever read, and that is known at once
	fetchings []*fakeFetching

	listed int               // how often it was asked for all topics
	list   func(tell func()) // has that be answered when it calls tell; nil: at once
}

var (
	_ broker.Cluster = (*fake)(nil)
	_ broker.Brokers = (*fake)(nil)
)

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
		f.listed++
		for _, t := range f.topics {
			found = append(found, t)
		}
	}
	if names == nil && f.list != nil {
		f.list(func() { done(found) })
		return
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

// asked is a request that a fake was asked, and of whom.
type asked struct {
	to      target.Broker
	request kmsg.Request
	own     bool // on a connection of the client's own
}

// Call implements broker.Brokers: respond says what the answer is.
func (f *fake) Call(to target.Broker, request kmsg.Request, most int16, done func(kmsg.Response, error)) {
	f.call(asked{to: to, request: request}, most, done)
}

// Leaders implements broker.Brokers, from topics.
func (f *fake) Leaders(partitions []wire.TopicPartition, done func([]wire.Partition)) {
	found := make([]wire.Partition, len(partitions))
	for i, p := range partitions {
		found[i] = wire.Partition{Index: p.Partition, Code: wire.UnknownTopicOrPartition, Leader: -1, LeaderEpoch: -1}
		if t := f.topics[p.Topic]; int(p.Partition) < len(t.Partitions) && p.Partition >= 0 {
			found[i] = t.Partitions[p.Partition]
		}
	}
	done(found)
}

// Nodes implements broker.Brokers.
func (f *fake) Nodes(done func(ids []int32)) { done(f.nodes) }

// Doubt implements broker.Brokers.
func (f *fake) Doubt(to target.Broker) { f.doubted = append(f.doubted, to) }

// Changed implements broker.Cluster.
func (f *fake) Changed(topic string) { f.changed = append(f.changed, topic) }

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (f *fake) Own(string) broker.Own { return fakeOwn{f} }

// call asks the fake.
func (f *fake) call(a asked, most int16, done func(kmsg.Response, error)) {
	f.asked = append(f.asked, a)
	if f.respond == nil {
		done(nil, errors.New("nobody answers"))
		return
	}
	version := min(most, a.request.MaxVersion())
	if newest, old := f.newest[wire.APIKey(a.request.Key())]; old {
		version = min(version, newest)
	}
	if version < wire.Least(a.request) {
		done(nil, wire.ErrVersion)
		return
	}
	a.request.SetVersion(version)
	done(f.respond(a.to, a.request))
}

// fakeOwn is connections of a client's own to a fake.
type fakeOwn struct{ *fake }

// Call implements broker.Own.
func (f fakeOwn) Call(to target.Broker, request kmsg.Request, most int16, _ time.Duration, done func(kmsg.Response, error)) {
	f.call(asked{to: to, request: request, own: true}, most, done)
}

// CallIf implements broker.Own.
func (f fakeOwn) CallIf(
	to target.Broker, request kmsg.Request, most int16, _ time.Duration, still func() bool, done func(kmsg.Response, error),
) {
	if !still() {
		done(nil, errors.New("withdrawn"))
		return
	}
	f.call(asked{to: to, request: request, own: true}, most, done)
}

// Fetch implements broker.Own: what is fetched says what is read.
//
//nolint:ireturn // as the facade has it
func (f fakeOwn) Fetch(version int16, r *wire.FetchRequest, news func()) broker.Fetching {
	reading := &fakeFetching{fake: f.fake, request: r, version: version, news: news}
	f.fetchings = append(f.fetchings, reading)
	news()
	return reading
}

// fakeFetching is what a fake reads for one request.
type fakeFetching struct {
	*fake

	version int16
	request *wire.FetchRequest
	news    func()

	bytes            int
	urgent, complete bool
	most             int
	some             bool
	releases         int
}

func (f *fakeFetching) Ready() (bytes int, urgent, complete bool) {
	if f.fetched == nil {
		return 0, false, true
	}
	return f.bytes, f.urgent, f.complete
}

func (f *fakeFetching) Take(most int, some bool, into [][]wire.Fetched) (bytes int, throttleMillis int32, release func()) {
	f.most, f.some = most, some
	for i := range into {
		for j := range into[i] {
			p := &into[i][j]
			*p = wire.Fetched{Partition: f.request.Topics[i].Partitions[j].Partition, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1}
			if f.fetched != nil {
				f.fetched(f.request.Topics[i].Name, p)
			}
			bytes += len(p.Records)
		}
	}
	return bytes, 9, func() { f.releases++ }
}

// Close implements broker.Own.
func (f fakeOwn) Close() { f.closed++ }

// facade is facadeOver two clusters that answer at once.
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
	return facadeOver(c1, c2), c1, c2
}

// clusterOf is a cluster in both of its roles.
type clusterOf interface {
	broker.Cluster
	broker.Brokers
}

// facadeOver is a broker with apples in c1 and bananas, capped at one partition, in c2. Groups of bananas are at home in c2, all others in c1.
func facadeOver(c1, c2 clusterOf) *broker.Broker {
	table := route.New([]route.Rule{{Prefix: "apples", Cluster: "c1"}, {Prefix: "bananas", Cluster: "c2"}})
	groups := route.New([]route.Rule{{Prefix: "bananas", Cluster: "c2"}})
	routes := route.Tables{Written: table, Read: table, Groups: groups, DefaultHome: "c1"}
	b := broker.New(broker.APIs(), routes, map[string]broker.Upstream{
		"c1": {Cluster: c1, Brokers: c1}, "c2": {Cluster: c2, Brokers: c2, PartitionCount: 1},
	}, wire.TopicAuthorizationFailed, broker.Counts{})
	b.LetGroups(broker.AccessAll)
	return b
}

// pending is a request and what it came to.
type pending struct {
	answers []broker.Answer
	held    int
	full    bool // there is no room
	timers  []*timer
	waits   bool   // requests before it are not answered
	next    func() // what is to be called when they are
}

// timer is what a request wants to be called later.
type timer struct {
	after   time.Duration
	call    func()
	stopped bool
}

var _ broker.Reply = (*pending)(nil)

func (p *pending) Hold(n int) bool {
	p.held += n
	return !p.full
}

func (p *pending) Shed() { p.held = 0 }

func (p *pending) AnswerAfter(d time.Duration, a broker.Answer) {
	p.Shed()
	if d == 0 {
		p.Answer(a)
		return
	}
	p.After(d, func() { p.Answer(a) })
}

func (p *pending) Answer(a broker.Answer) { p.answers = append(p.answers, a) }

func (*pending) Barrier() {}

func (p *pending) WhenNext(call func()) {
	if p.waits {
		p.next = call
		return
	}
	call()
}

func (*pending) OnEnd(func()) (forget func()) { return func() {} }

func (p *pending) After(d time.Duration, call func()) (stop func()) {
	t := &timer{after: d, call: call}
	p.timers = append(p.timers, t)
	return func() { t.stopped = true }
}

// call is a request of a client's that has its answer in r.
func call(h wire.Header, body []byte, r *pending) *broker.Call {
	return &broker.Call{Client: &broker.Client{Host: "mesh.example", Port: 9092}, Header: h, Body: body, Reply: r}
}

// ask serves one request, which must be answered at once.
func ask(t *testing.T, b *broker.Broker, key wire.APIKey, version int16, request kmsg.Request) broker.Answer {
	t.Helper()
	return askOn(t, b, &broker.Client{Host: "mesh.example", Port: 9092}, key, version, request)
}

// askOn is ask on the connection of a client.
func askOn(t *testing.T, b *broker.Broker, c *broker.Client, key wire.APIKey, version int16, request kmsg.Request) broker.Answer {
	t.Helper()
	r := serveOn(t, b, c, key, version, request)
	if len(r.answers) != 1 {
		t.Fatalf("%d answers, want 1", len(r.answers))
	}
	return r.answers[0]
}

// serveOn serves one request on the connection of a client, which need not be answered at once.
func serveOn(t *testing.T, b *broker.Broker, c *broker.Client, key wire.APIKey, version int16, request kmsg.Request) *pending {
	t.Helper()
	r := &pending{}
	replyTo(t, b, c, key, version, request, r)
	return r
}

// replyTo is serveOn for who is answered in a way of its own.
func replyTo(t *testing.T, b *broker.Broker, c *broker.Client, key wire.APIKey, version int16, request kmsg.Request, r broker.Reply) {
	t.Helper()
	h, body, err := b.ParseHeader(wiretest.Frame(key, version, 77, "test", request)[4:])
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(&broker.Call{Client: c, Header: h, Body: body, Reply: r}); err != nil {
		t.Fatal(err)
	}
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
