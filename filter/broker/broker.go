package broker

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/record"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Cluster is an upstream cluster as the facade uses it. Its methods never wait and may call done before they return.
type Cluster interface {
	// Produce sends batches with acks (-1 or 1) and the client's timeout, and calls done once when each has its Result. fences
	// are those of the client's connection to this cluster; only the cluster uses them.
	Produce(fences *order.Fences, batches []*wire.Batch, acks int16, timeoutMillis int32, done func(throttleMillis int32))
	// Fences returns those of a new connection, and Forget is told when it is gone.
	Fences() *order.Fences
	Forget(fences *order.Fences)
	// Topics reports on the named topics, in their order, or on all of them for nil. done must not change what it gets.
	Topics(names []string, create bool, done func([]wire.Topic))
	// Changed says that a client has just had a topic changed or deleted.
	Changed(topic string)
}

// Routes says where topics go. Any goroutine may use it.
type Routes interface {
	// Lookup is the rule of a topic that is written to, and Reads of one that is read. False: none matches it.
	Lookup(topic string) (r route.Rule, ok bool)
	Reads(topic string) (r route.Rule, ok bool)
	// Home is the cluster that a group's members are of.
	Home(group string) (cluster string)
}

// Upstream is one upstream cluster and what clients are told about it.
type Upstream struct {
	Cluster Cluster
	// Brokers is the same cluster, to be asked for other things.
	Brokers Brokers
	// PartitionCount, if not zero, is the most partitions of a topic that clients are told of.
	PartitionCount int32
	// OffsetRetention is how long the cluster is to keep offsets that groups commit which are at home elsewhere. Zero: a year.
	OffsetRetention time.Duration
}

// Broker is the facade over all clusters of one worker. Serve may be called from any goroutine.
type Broker struct {
	apis      map[wire.APIKey]*API
	table     *wire.Table
	routes    Routes
	upstreams map[string]Upstream
	unmatched wire.ErrorCode
	access    Access // to topics
	groups    Access
	rules     *authorizer.Rules
	counts    Counts
	uneven    func(Uneven)
	// refusedCommit is told of each.
	refusedCommit func(RefusedCommit)
	ids           topicIDs
	listing       listing
	memory        Memory // for what is kept for clients; nil: none

	converters sync.Pool // of *record.Converter

	clusters []string       // the names of upstreams, in order
	members  groups.Members // of groups of the new protocol
	recalls  recalls
	classics classics
	prepared prepared
	personas Personas // nil: clusters see all clients as the same
}

// New returns the facade that serves apis, sends topics along routes, and answers for those without a route with unmatched. Every cluster
// that routes names is in upstreams.
func New(apis []API, routes Routes, upstreams map[string]Upstream, unmatched wire.ErrorCode, counts Counts) *Broker {
	b := &Broker{
		apis: map[wire.APIKey]*API{}, table: Table(apis), routes: routes, upstreams: upstreams, unmatched: unmatched, counts: counts,
	}
	for i := range apis {
		b.apis[apis[i].Key] = &apis[i]
	}
	b.clusters = slices.Sorted(maps.Keys(upstreams))
	b.uneven, b.refusedCommit = func(Uneven) {}, func(RefusedCommit) {}
	b.converters.New = func() any { return new(record.Converter) }
	return b
}

// Uneven is a topic that has not as many partitions where it is written as where it is read.
type Uneven struct {
	Topic, Read, Written string // the topic and its clusters
	ReadHas, WrittenHas  int    // partitions that clients are told of
}

// OnUneven has tell called, by any goroutine, for each such topic whenever clients are told of it. It is for before the first request.
func (b *Broker) OnUneven(tell func(Uneven)) { b.uneven = tell }

// Serve answers one request, of a client one at a time. It has the request answered once, before it returns or later and from any
// goroutine, unless it returns an error: then the request was not one, and the connection is to be closed. The call must not change
// until the answer.
func (b *Broker) Serve(c *Call) error {
	api := b.apis[c.Header.Key]
	if api == nil { // ParseHeader lets no other pass
		return fmt.Errorf("%s is not served", c.Header.Key)
	}
	if l := c.Client.login; l != nil {
		if err := l.admit(c); err != nil {
			return l.refuse(c, err)
		}
	}
	of, err := b.of(c.Client)
	if err != nil {
		return err
	}
	return api.Serve(of, c)
}

// ParseHeader reads the header of a request. It fails with a *wire.Violation if the request is not for what is served.
func (b *Broker) ParseHeader(frame []byte) (h wire.Header, body []byte, err error) {
	return b.table.ParseHeader(frame)
}

// API returns what serves a request whose header ParseHeader has let pass.
func (b *Broker) API(key wire.APIKey) *API { return b.apis[key] }

// ruleOf is the rule of a topic that a request writes to, or the code that its client is told for want of one.
func (b *Broker) ruleOf(topic string) (r route.Rule, code wire.ErrorCode) {
	return b.ruleIn(b.routes.Lookup, topic)
}

// readRuleOf is ruleOf for a topic that is read.
func (b *Broker) readRuleOf(topic string) (r route.Rule, code wire.ErrorCode) {
	return b.ruleIn(b.routes.Reads, topic)
}

// lookup finds the rule of a topic.
type lookup func(topic string) (r route.Rule, ok bool)

func (b *Broker) ruleIn(lookup lookup, topic string) (r route.Rule, code wire.ErrorCode) {
	if !wire.ValidTopicName(topic) {
		return r, wire.InvalidTopicException
	}
	r, ok := lookup(topic)
	if !ok {
		return r, b.unmatched
	}
	return r, wire.None
}

// placesOf are the clusters on which a topic is read and written, empty where no rule says; or the code that clients are told for want of
// both.
func (b *Broker) placesOf(topic string) (read, written string, code wire.ErrorCode) {
	r, readCode := b.readRuleOf(topic)
	w, writtenCode := b.ruleOf(topic)
	if readCode != wire.None && writtenCode != wire.None {
		return "", "", writtenCode
	}
	return r.Cluster, w.Cluster, wire.None
}

// countUnmatched counts a topic that a request names, and that has no rule.
func (b *Broker) countUnmatched(topic string) {
	if wire.ValidTopicName(topic) {
		b.counts.Unmatched.Add(1)
	}
}

// names are some topics that a request names, each once.
type names struct {
	first string
	more  map[string]struct{}
}

// add adds a name, and reports whether it was not there.
func (n *names) add(name string) bool {
	if n.first == "" {
		n.first = name
		return true
	}
	if _, there := n.more[name]; there || name == n.first {
		return false
	}
	if n.more == nil {
		n.more = map[string]struct{}{}
	}
	n.more[name] = struct{}{}
	return true
}
