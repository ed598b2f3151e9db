package broker

import (
	"sync"
	"sync/atomic"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// maxNamed is how much is kept of what a client calls itself.
const maxNamed = 128

// Client is what the facade knows of the client of one connection.
type Client struct {
	// Host and Port are the address the client is told to find the one broker at. They never change.
	Host string
	Port int32
	// Address is the client's own, host:port. It never changes.
	Address string
	// Encrypted says that what the client sends is encrypted on its way to our host, as far as that knows. It never changes.
	Encrypted bool

	id       atomic.Pointer[string]
	software atomic.Pointer[string]
	login    *login // nil: clients do not log in
	identity atomic.Pointer[identity]
	entitled atomic.Pointer[entitled] // by the rules of who may do what
	fetches  fetches

	ended       atomic.Bool  // nothing more is taken from it: it has ended the connection, or the mesh does
	mostFetched atomic.Int32 // bytes of records in one answer; 0: as many as it asks for

	groups series             // what it asks of its groups
	beats  series             // its heartbeats of groups of the new protocol
	beat   *groups.Connection // that they come on; they have it, one at a time
	owed   owed               // by clusters, for its commits

	memberships memberships

	mu     sync.Mutex
	gone   bool
	fences map[Cluster]*order.Fences // they keep the order of what the client sends to each cluster
	owns   map[Brokers]Own           // its own connections into each
	seat   *seated                   // nil: it has none
}

// Identify takes note of the client id in a request's header. One goroutine at a time may call it.
func (c *Client) Identify(id []byte) {
	if known := c.id.Load(); len(id) == 0 || known != nil && *known == string(id) {
		return
	}
	name := wire.Clip(string(id[:min(len(id), 2*maxNamed)]), maxNamed)
	if known := c.id.Load(); known == nil || *known != name {
		c.id.Store(&name)
	}
}

// ID is the client id of the last request that had one, clipped.
func (c *Client) ID() string { return text(&c.id) }

// Software is the client's name and version as it gave them to ApiVersions (KIP-511), clipped; empty until it does.
func (c *Client) Software() string { return text(&c.software) }

// identity is who a client has proved to be, and by which mechanism.
type identity struct{ principal, mechanism string }

// LogIn has the client log in as l says. It is for before its first request.
func (c *Client) LogIn(l *Logins) { c.login = &login{Logins: l} }

// Principal is who the client is, by its login: authorizer.Anonymous if there was none. It never changes once there was one.
func (c *Client) Principal() string {
	if who := c.identity.Load(); who != nil {
		return who.principal
	}
	return authorizer.Anonymous
}

// Mechanism is how the client has proved that; empty if it has not.
func (c *Client) Mechanism() string {
	if who := c.identity.Load(); who != nil {
		return who.mechanism
	}
	return ""
}

// BecomePrincipal takes note of who the client has proved to be. Only the first time counts.
func (c *Client) BecomePrincipal(name, mechanism string) {
	c.identity.CompareAndSwap(nil, &identity{name, mechanism})
}

// MustLogIn says that the client has not logged in, and has to.
func (c *Client) MustLogIn() bool {
	return c.login != nil && !c.login.Optional && c.identity.Load() == nil
}

// Confined says that nothing is taken from the client but what a login needs. Who takes its requests may ask.
func (c *Client) Confined() bool { return c.login != nil && c.login.confined() }

// SendsTokens says that the client's next frame is no request, but a token. Who takes its requests may ask.
func (c *Client) SendsTokens() bool { return c.login != nil && c.login.state == loginFrames }

// End says that nothing more is taken from the client, who may be elsewhere by now.
func (c *Client) End() { c.ended.Store(true) }

// FetchAtMost has each later Fetch of the client be answered with so many bytes of records at most, but for one partition that has more. Zero:
// with as many as it asks for.
func (c *Client) FetchAtMost(bytes int32) { c.mostFetched.Store(bytes) }

func text(p *atomic.Pointer[string]) string {
	if s := p.Load(); s != nil {
		return *s
	}
	return ""
}

// Release gives back what is kept for the client, whose connection is no more.
func (c *Client) Release() {
	fences, owns, seat := c.becomeGone()
	for cluster, f := range fences {
		cluster.Forget(f)
	}
	for _, own := range owns {
		own.Close()
	}
	c.fetches.giveBack(true)
	if seat != nil {
		seat.Leave()
	}
}

// leaves reports whether the client's connection is ending, or is no more.
func (c *Client) leaves() bool {
	if c.ended.Load() {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// becomeGone says that the client's connection is no more. It returns what is kept for the client, which nobody adds to any more.
func (c *Client) becomeGone() (fences map[Cluster]*order.Fences, owns map[Brokers]Own, seat *seated) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	return c.fences, c.owns, c.seat
}

// beatsOn is the connection that the client's heartbeats come on. One of them at a time may ask.
func (c *Client) beatsOn() *groups.Connection {
	if c.beat == nil {
		c.beat = new(groups.Connection)
	}
	return c.beat
}

func (c *Client) setSoftware(name, version string) {
	software := wire.Clip(name, maxNamed) + " " + wire.Clip(version, maxNamed)
	c.software.Store(&software)
}

// fencesOf returns those of the client's connection to a cluster.
func (c *Client) fencesOf(cluster Cluster) *order.Fences {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.fences[cluster]; f != nil {
		return f
	}
	if c.gone { // what was being taken from it goes on
		return new(order.Fences)
	}
	if c.fences == nil {
		c.fences = map[Cluster]*order.Fences{}
	}
	c.fences[cluster] = cluster.Fences()
	return c.fences[cluster]
}
