package upstreamtest

import (
	"maps"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Cutting says where in a request a connection is cut.
type Cutting uint8

const (
	// CutNot cuts nothing.
	CutNot Cutting = iota
	// CutHalfRead cuts when half of a request has been read: nothing of it is stored.
	CutHalfRead
	// CutStored cuts when a request has been stored: its answer is lost.
	CutStored
)

// Move makes node the leader of a partition; -1: nobody leads it.
func (c *Cluster) Move(name string, partition, node int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.topics[name].partitions[partition]
	p.leader = node
	p.epoch++
	c.changed.Broadcast() // who waits for records there is told
}

// ForgetProducers has a partition's log know nothing of its producers: what it knew has expired, or the new leader never had it.
func (c *Cluster) ForgetProducers(name string, partition int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics[name].partitions[partition].log.producers = nil
}

// Shorten leaves a partition with fewer in-sync replicas than min.insync.replicas asks for, or gives them back.
func (c *Cluster) Shorten(name string, partition int32, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics[name].partitions[partition].short = on
}

// Answer has the next batches of a partition answered with codes, one each, instead of being stored.
func (c *Cluster) Answer(name string, partition int32, codes ...wire.ErrorCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.topics[name].partitions[partition]
	p.codes = append(p.codes, codes...)
}

// Persist has brokers that have refused a numbered batch, other than the first of its producer, and do not know that producer any more,
// refuse what it sent behind that batch on that connection, until it comes again there. Else a fault that ends between the two has the
// second stored first, which real ones do too, and nobody can prevent who has sent both. A broker that knows the producer answers
// OUT_OF_ORDER_SEQUENCE_NUMBER then.
func (c *Cluster) Persist() { c.persist(afterFirst) }

// PersistAlways is Persist for the first batch of a producer too: for clients that have it and the next one on their way at once.
func (c *Cluster) PersistAlways() { c.persist(always) }

func (c *Cluster) persist(p persistence) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.persistent = p
}

// persistence says which refusals a broker keeps up.
type persistence uint8

const (
	never      persistence = iota
	afterFirst             // of all batches but the first of a producer
	always
)

// Throttle has every answer ask for so many milliseconds.
func (c *Cluster) Throttle(millis int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.throttle = millis
}

// set changes one broker.
func (c *Cluster) set(id int32, change func(n *node)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.nodes[id])
	c.changed.Broadcast()
}

// Delay has a broker take its time over each request, before it is worked on and before it is answered.
func (c *Cluster) Delay(id int32, before, after time.Duration) {
	c.set(id, func(n *node) { n.before, n.after = before, after })
}

// Stall has a broker hold its answers back, or give them.
func (c *Cluster) Stall(id int32, on bool) { c.set(id, func(n *node) { n.stalled = on }) }

// Clog has a broker read nothing, or read again. It reads the length of a request all the same, if it waits for one.
func (c *Cluster) Clog(id int32, on bool) { c.set(id, func(n *node) { n.clogged = on }) }

// Deafen has a broker drop what it reads without a word, as a network may, or hear again. Meanwhile nobody can log in.
func (c *Cluster) Deafen(id int32, on bool) { c.set(id, func(n *node) { n.deaf = on }) }

// Refuse has a broker take no new connections; those that are there go on.
func (c *Cluster) Refuse(id int32, on bool) { c.set(id, func(n *node) { n.refuses = on }) }

// Omit has the cluster not name a broker any more, which goes on as it does, or name it again.
func (c *Cluster) Omit(id int32, on bool) { c.set(id, func(n *node) { n.omitted = on }) }

// CutNext has a broker cut the connection on which the next request comes.
func (c *Cluster) CutNext(id int32, where Cutting) { c.set(id, func(n *node) { n.cut = where }) }

// Down makes a broker unreachable and cuts its connections, or brings it back. What it had read and not stored is gone.
func (c *Cluster) Down(id int32, on bool) {
	c.set(id, func(n *node) {
		n.down = on
		if on {
			n.starts++
			n.fetches = nil
		}
	})
	if on {
		c.Cut(id)
	}
}

// Readdress moves a broker to another address. Its connections go on.
func (c *Cluster) Readdress(id int32, addr string) {
	c.set(id, func(n *node) { n.addr, c.taken[addr] = addr, true })
}

// Exchange gives two brokers each other's address. Their connections go on.
func (c *Cluster) Exchange(id, other int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, b := c.nodes[id], c.nodes[other]
	a.addr, b.addr = b.addr, a.addr
}

// Cut closes a broker's connections. What it has read it still works on.
func (c *Cluster) Cut(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, at := range c.conns {
		if at == id {
			_ = conn.Close()
			delete(c.conns, conn)
		}
	}
	c.changed.Broadcast()
}

// DelayDials has every connection take so long to be made. It leads to whoever has the address in the end.
func (c *Cluster) DelayDials(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing = d
}

// SetID says what Metadata calls the cluster.
func (c *Cluster) SetID(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id = id
}

// Silence makes Metadata fail, or work again.
func (c *Cluster) Silence(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = on
}

// Unlist has a list of all topics be what cannot be had, or what can again.
func (c *Cluster) Unlist(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unlisted = on
}

// DelayMetadata has Metadata take so long.
func (c *Cluster) DelayMetadata(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowness = d
}

// Outdate has Metadata answer from now on what is true now, whatever changes, or again what is true then.
func (c *Cluster) Outdate(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.old = nil
	if on {
		now := Metadata{Brokers: c.addresses()}
		for _, name := range slices.Sorted(maps.Keys(c.topics)) {
			now.Topics = append(now.Topics, c.describe(name))
		}
		c.old = &now
	}
}

// HoldMetadata holds Metadata back until the returned function is called.
func (c *Cluster) HoldMetadata() (release func()) {
	gate := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate = gate
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.gate = nil
		close(gate)
	}
}

// Replace tells who watches that connections should be made anew.
func (c *Cluster) Replace() {
	c.mu.Lock()
	watchers := slices.Clone(c.watchers)
	c.mu.Unlock()
	for _, changed := range watchers {
		changed()
	}
}

// Sessions has connections made from now on last no longer than d.
func (c *Cluster) Sessions(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = d
}

// Sockets has connections made from now on be real ones, of this machine, with little room in them: they take what fits, and no
// more.
func (c *Cluster) Sockets() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets = true
}
