package upstreamtest

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// loginTime is how long Dial waits for a broker that says nothing.
const loginTime = 10 * time.Second

var errRefused = errors.New("connection refused")

// versions is what every broker takes. c.mu is held.
func (c *Cluster) versions() link.Versions {
	v := link.Versions{wire.KeyProduce: {Min: 3, Max: 12}, wire.KeyMetadata: {Min: 0, Max: 12}, wire.KeyFindCoordinator: {Min: 0, Max: 4}}
	maps.Copy(v, c.handled)
	return v
}

// Dial connects to the broker at addr, with or without a port. At an address that no broker ever had there is a bootstrap server: it
// can be asked for metadata as long as a broker is up, and does nothing else.
func (c *Cluster) Dial(ctx context.Context, addr string) (link.Conn, error) {
	addr, _, _ = strings.Cut(addr, ":")
	c.mu.Lock()
	if !c.taken[addr] {
		defer c.mu.Unlock()
		return c.bootstrap(ctx)
	}
	c.dials++
	dialing := c.dialing
	c.mu.Unlock()
	if err := pause(ctx, dialing); err != nil {
		return link.Conn{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id, n := c.at(addr)
	if n == nil || n.down || n.refuses {
		return link.Conn{}, errRefused
	}
	if n.deaf {
		c.mu.Unlock()
		err := pause(ctx, loginTime)
		c.mu.Lock()
		return link.Conn{}, errors.Join(errors.New("the broker says nothing"), err)
	}
	near, far, err := c.pair(ctx)
	if err != nil {
		return link.Conn{}, err
	}
	c.conns[far] = id
	go c.serve(id, far)
	conn := link.Conn{Conn: near, Close: func() { _ = near.Close() }, Versions: c.versions()}
	if c.session > 0 {
		conn.Until = time.Now().Add(c.session)
	}
	return conn, nil
}

// bootstrap connects to a bootstrap server. c.mu is held.
func (c *Cluster) bootstrap(ctx context.Context) (link.Conn, error) {
	if err := ctx.Err(); err != nil || c.allDown() {
		return link.Conn{}, errors.Join(errRefused, err)
	}
	near, far := net.Pipe()
	go c.inform(far)
	return link.Conn{Conn: near, Close: func() { _ = near.Close() }, Versions: c.versions()}, nil
}

// at finds the broker at an address. c.mu is held.
func (c *Cluster) at(addr string) (int32, *node) {
	for id, n := range c.nodes {
		if n.addr == addr {
			return id, n
		}
	}
	return 0, nil
}

// pause waits, but not longer than ctx lives.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pair makes both ends of a connection.
func (c *Cluster) pair(ctx context.Context) (near, far net.Conn, err error) {
	if !c.sockets {
		near, far = net.Pipe()
		return near, far, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = l.Close() }()
	if near, err = new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	if far, err = l.Accept(); err != nil {
		return nil, nil, err
	}
	const room = 64 << 10
	err = errors.Join(near.(*net.TCPConn).SetWriteBuffer(room), far.(*net.TCPConn).SetReadBuffer(room)) //nolint:forcetypeassert // both are
	return near, far, err
}

// Metadata is what the cluster says of itself.
type Metadata struct {
	Brokers map[int32]string // node id → address
	Topics  []wire.Topic     // in any order
}

// Metadata answers for the whole cluster, all topics for nil. Topics that may be created get one partition, led by node 1.
func (c *Cluster) Metadata(ctx context.Context, names []string, create bool) (Metadata, error) {
	err := c.consider(ctx)
	return c.metadata(err, names, create)
}

// consider takes as long as an answer takes.
func (c *Cluster) consider(ctx context.Context) error {
	c.mu.Lock()
	gate, slowness := c.gate, c.slowness
	c.asked++
	c.mu.Unlock()
	err := pause(ctx, slowness)
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	return errors.Join(err, ctx.Err())
}

// metadata is what Metadata answers now, unless it was given up because of err.
func (c *Cluster) metadata(err error, names []string, create bool) (Metadata, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.silent || c.allDown() || names == nil && c.unlisted {
		return Metadata{}, errors.Join(errors.New("no broker answers"), err)
	}
	meta := Metadata{Brokers: c.addresses()}
	if c.old != nil {
		meta.Brokers = c.old.Brokers
	}
	if names == nil {
		names = slices.Collect(maps.Keys(c.topics))
	}
	for _, name := range names {
		if c.topics[name] == nil && create {
			c.create(name, []int32{1})
		}
		meta.Topics = append(meta.Topics, c.recall(name))
	}
	return meta, nil
}

func (c *Cluster) allDown() bool {
	for _, n := range c.nodes {
		if !n.down {
			return false
		}
	}
	return true
}

func (c *Cluster) addresses() map[int32]string {
	brokers := map[int32]string{}
	for id, n := range c.nodes {
		if !n.down && !n.omitted { // Kafka lists those that live
			brokers[id] = n.addr
		}
	}
	return brokers
}

// recall is describe, or what it was when metadata became stale.
func (c *Cluster) recall(name string) wire.Topic {
	if c.old != nil {
		for _, t := range c.old.Topics {
			if t.Name == name {
				return t
			}
		}
	}
	return c.describe(name)
}

func (c *Cluster) describe(name string) wire.Topic {
	t := c.topics[name]
	if t == nil {
		return wire.Topic{Name: name, Code: wire.UnknownTopicOrPartition}
	}
	d := wire.Topic{Name: name, ID: t.id}
	for i, p := range t.partitions {
		d.Partitions = append(d.Partitions, wire.Partition{Index: int32(i), Leader: p.leader, LeaderEpoch: p.epoch})
	}
	return d
}

// Watch has changed called by Replace.
func (c *Cluster) Watch(ctx context.Context, changed func()) {
	c.mu.Lock()
	c.watchers = append(c.watchers, changed)
	c.mu.Unlock()
	<-ctx.Done()
}
