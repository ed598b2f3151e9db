package broker

import (
	"fmt"
	"sync"
	"sync/atomic"

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
	// Topics reports on the named topics, in their order, or on all of them for nil. done must not change what it gets.
	Topics(names []string, create bool, done func([]wire.Topic))
}

// Upstream is one upstream cluster and what clients are told about it.
type Upstream struct {
	Cluster Cluster
	// PartitionCount, if not zero, is the most partitions of a topic that clients are told of.
	PartitionCount int32
}

// Broker is the facade over all clusters of one worker. Serve may be called from any goroutine.
type Broker struct {
	routes    route.Table
	upstreams map[string]Upstream
	unmatched wire.ErrorCode

	converters sync.Pool // of *record.Converter
}

// New returns the facade that sends topics along routes, and answers for those without a route with unmatched. Every cluster
// that routes names is in upstreams.
func New(routes route.Table, upstreams map[string]Upstream, unmatched wire.ErrorCode) *Broker {
	b := &Broker{routes: routes, upstreams: upstreams, unmatched: unmatched}
	b.converters.New = func() any { return new(record.Converter) }
	return b
}

// Client is what the facade knows of the client of one connection.
type Client struct {
	// Host and Port are the address the client is told to find the one broker at. They never change.
	Host string
	Port int32

	software atomic.Pointer[string]
	// fences keep the order of what the client sends to each cluster. For Serve alone.
	fences map[Cluster]*order.Fences
}

// fencesOf returns those of the client's connection to a cluster.
func (c *Client) fencesOf(cluster Cluster) *order.Fences {
	f := c.fences[cluster]
	if f == nil {
		if c.fences == nil {
			c.fences = map[Cluster]*order.Fences{}
		}
		f = new(order.Fences)
		c.fences[cluster] = f
	}
	return f
}

// Software is the client's name and version as it gave them to ApiVersions (KIP-511), empty until it does.
func (c *Client) Software() string {
	if s := c.software.Load(); s != nil {
		return *s
	}
	return ""
}

// Answer is what a request comes to.
type Answer struct {
	// Frame is the response with its length; nil if the request gets none.
	Frame []byte
	// Violation, if not nil, closes the connection.
	Violation error
}

// failSafe answers a request whose answer meets a bug, and lets the panic go on to who counts it. Defer it.
func failSafe(done func(Answer)) {
	if reason := recover(); reason != nil {
		done(Answer{Violation: fmt.Errorf("internal error: %v", reason)})
		panic(reason)
	}
}

// Serve answers one request, of a client one at a time. It calls done once, before it returns or later and from any goroutine, unless it returns
// an error: then the request was not one, and the connection is to be closed. body must not change until done.
func (b *Broker) Serve(c *Client, h wire.Header, body []byte, done func(Answer)) error {
	switch h.Key {
	case wire.KeyProduce:
		return b.produce(c, h, body, done)
	case wire.KeyFetch:
		return refuseFetch(h, body, done)
	case wire.KeyMetadata:
		return b.metadata(c, h, body, done)
	case wire.KeyFindCoordinator:
		return refuseCoordinator(h, body, done)
	case wire.KeyApiVersions:
		return apiVersions(c, h, body, done)
	case wire.KeyInitProducerID:
		return initProducerID(h, body, done)
	default: // ParseHeader lets no other pass
		return fmt.Errorf("%s is not served", h.Key)
	}
}
