package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Brokers is an upstream cluster as it is asked for all but batches and topics. Its methods never wait and may call done before they
// return, or later and from any goroutine.
type Brokers interface {
	// Call sends a request to a broker, in the newest version up to most that both have, and calls done once, with the response or with
	// why there is none. It is for what a broker answers soon: clients share the connection. The request is the cluster's until then.
	Call(to target.Broker, request kmsg.Request, most int16, done func(kmsg.Response, error))
	// Leaders says of each partition, in the order named, who leads it. One that nobody leads has the Leader -1 and a Code.
	Leaders(partitions []wire.TopicPartition, done func([]wire.Partition))
	// Nodes lists the node ids of all brokers.
	Nodes(done func(ids []int32))
	// Doubt says that a broker denies being what to says: who is it is asked for again.
	Doubt(to target.Broker)
	// Own returns connections of one client's own, who closes them, and calls itself so.
	Own(clientID string) Own
}

// Own is connections of one client's own into a cluster. Its methods never wait.
type Own interface {
	// Call is Brokers.Call for what a broker answers when others have come, within so much time.
	Call(to target.Broker, request kmsg.Request, most int16, within time.Duration, done func(kmsg.Response, error))
	// CallIf is Call for a request that may be sent only while still says so, which is asked right before it is written.
	CallIf(to target.Broker, request kmsg.Request, most int16, within time.Duration, still func() bool, done func(kmsg.Response, error))
	// Fetch has partitions be read, all of this cluster, as a client asks for it, in this version of Fetch at most: each topic has a name,
	// and from the version on that names topics by id, an id. news is called whenever more is ready, from any goroutine and possibly before
	// Fetch returns. There is one Fetching at a time. The request is not changed until it has ended.
	Fetch(version int16, r *wire.FetchRequest, news func()) Fetching
	// Close ends the connections, and what is on its way on them. Calls fail from now on.
	Close()
}

// Fetching is what a client's Fetch asks of one cluster, until it is answered. Its methods may be called from any goroutine, and never wait.
type Fetching interface {
	// Ready says how many bytes of records are ready; whether the client is to be told at once, however few that are; and whether nothing
	// more will come.
	Ready() (bytes int, urgent, complete bool)
	// Take ends it. into has a place for each partition, as the request has them, and gets what is known of it. Of what is ready it gets
	// most bytes at most, but with some the records of one partition in any case. It returns how many bytes that is, and for how long
	// the client should wait. release has to be called once nobody reads the records any more.
	Take(most int, some bool, into [][]wire.Fetched) (bytes int, throttleMillis int32, release func())
}

// ownOf returns the connections of the client's own into a cluster, made when they are first needed.
//
//nolint:ireturn // each cluster has its own kind
func (c *Client) ownOf(b Brokers) Own {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.owns[b]
	if own != nil {
		return own
	}
	own = b.Own(c.ID())
	if c.gone { // what was being taken from it fails
		own.Close()
		return own
	}
	if c.owns == nil {
		c.owns = map[Brokers]Own{}
	}
	c.owns[b] = own
	return own
}
