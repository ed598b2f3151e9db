package upstreamtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Cluster is a scripted cluster; it is also the upstream.Client that reaches it. Its methods may be called from any
// goroutine. Its brokers are at the addresses "1", "2", … of their node ids.
type Cluster struct {
	mu       sync.Mutex
	changed  *sync.Cond
	topics   map[string]*topic
	nodes    map[int32]*node
	dials    int
	asked    int
	silent   bool // Metadata fails
	conns    map[net.Conn]int32
	throttle int32
	requests []*kmsg.ProduceRequest
	// gate, if not nil, holds Metadata back until it is closed.
	gate     chan struct{}
	session  time.Duration
	sockets  bool
	watchers []func()
}

type topic struct {
	id      [16]byte
	leaders []int32
	epochs  []int32
	stored  [][][]byte         // by partition: batches as they came
	codes   [][]wire.ErrorCode // by partition: what to answer next, before storing
}

type node struct {
	suffix  string // of its address
	down    bool
	refuses bool
	stalled bool
	clogged bool
}

var _ upstream.Client = (*Cluster)(nil)

// New returns a cluster of n brokers, node ids 1 to n.
func New(n int) *Cluster {
	c := &Cluster{topics: map[string]*topic{}, nodes: map[int32]*node{}, conns: map[net.Conn]int32{}}
	c.changed = sync.NewCond(&c.mu)
	for i := range n {
		c.nodes[int32(i+1)] = &node{}
	}
	return c
}

// CreateTopic makes a topic whose partitions are led by the given nodes.
func (c *Cluster) CreateTopic(name string, leaders ...int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &topic{leaders: leaders, epochs: make([]int32, len(leaders)), stored: make([][][]byte, len(leaders))}
	t.codes = make([][]wire.ErrorCode, len(leaders))
	copy(t.id[:], name)
	c.topics[name] = t
}

// DeleteTopic forgets a topic.
func (c *Cluster) DeleteTopic(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.topics, name)
}

// Move makes node the leader of a partition.
func (c *Cluster) Move(name string, partition, node int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics[name].leaders[partition] = node
	c.topics[name].epochs[partition]++
}

// Answer has the next batches of a partition answered with codes, one each, instead of being stored.
func (c *Cluster) Answer(name string, partition int32, codes ...wire.ErrorCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[name]
	t.codes[partition] = append(t.codes[partition], codes...)
}

// Throttle has every answer ask for so many milliseconds.
func (c *Cluster) Throttle(millis int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.throttle = millis
}

// Stall has a broker hold its answers back, or give them.
func (c *Cluster) Stall(id int32, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[id].stalled = on
	c.changed.Broadcast()
}

// Clog has a broker read nothing, once it has read what it is reading, or read again.
func (c *Cluster) Clog(id int32, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[id].clogged = on
	c.changed.Broadcast()
}

// Down makes a broker unreachable and cuts its connections, or brings it back.
func (c *Cluster) Down(id int32, on bool) {
	c.mu.Lock()
	c.nodes[id].down = on
	c.mu.Unlock()
	if on {
		c.Cut(id)
	}
}

// Readdress moves a broker to another address. Its connections go on.
func (c *Cluster) Readdress(id int32, suffix string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[id].suffix = "@" + suffix
}

// Refuse has a broker take no new connections; those that are there go on.
func (c *Cluster) Refuse(id int32, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[id].refuses = on
}

// Cut closes a broker's connections.
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

// Silence makes Metadata fail, or work again.
func (c *Cluster) Silence(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = on
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

// Stored returns the batches of a partition, in the order stored.
func (c *Cluster) Stored(name string, partition int32) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.topics[name].stored[partition])
}

// Requests returns the Produce requests that came, in the order of their coming. They are the caller's to read.
func (c *Cluster) Requests() []*kmsg.ProduceRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Calls returns how often Dial and Metadata have been called.
func (c *Cluster) Calls() (dials, metadata int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dials, c.asked
}

// Dial connects to the broker at addr.
func (c *Cluster) Dial(ctx context.Context, addr string) (upstream.Link, error) {
	if err := ctx.Err(); err != nil {
		return upstream.Link{}, err
	}
	number, suffix, _ := strings.Cut(addr, "@")
	id64, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		return upstream.Link{}, fmt.Errorf("address %q: %w", addr, err)
	}
	id := int32(id64)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dials++
	if n := c.nodes[id]; n == nil || n.down || n.refuses || n.suffix != "" && n.suffix != "@"+suffix {
		return upstream.Link{}, errors.New("connection refused")
	}
	near, far, err := c.pair(ctx)
	if err != nil {
		return upstream.Link{}, err
	}
	c.conns[far] = id
	go c.serve(id, far)
	link := upstream.Link{Conn: near, Close: func() { _ = near.Close() }, ProduceVersion: upstream.MaxProduceVersion}
	if c.session > 0 {
		link.Until = time.Now().Add(c.session)
	}
	return link, nil
}

// Sockets has connections made from now on be real ones, of this machine, with little room in them: they take what fits, and no
// more.
func (c *Cluster) Sockets() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets = true
}

// Metadata answers for the whole cluster. Topics that may be created get one partition, led by node 1.
func (c *Cluster) Metadata(ctx context.Context, names []string, create bool) (upstream.Metadata, error) {
	c.mu.Lock()
	gate := c.gate
	c.asked++
	c.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil || c.silent {
		return upstream.Metadata{}, errors.Join(errors.New("no broker answers"), err)
	}
	meta := upstream.Metadata{Brokers: map[int32]string{}}
	for id, n := range c.nodes {
		meta.Brokers[id] = strconv.Itoa(int(id)) + n.suffix
	}
	if names == nil {
		for name := range c.topics {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if c.topics[name] == nil && create {
			c.topics[name] = &topic{
				leaders: []int32{1}, epochs: []int32{0}, stored: make([][][]byte, 1), codes: make([][]wire.ErrorCode, 1),
			}
		}
		meta.Topics = append(meta.Topics, c.describe(name))
	}
	return meta, nil
}

// Close does nothing: the cluster outlives its clients.
func (c *Cluster) Close() {}

// Watch has changed called by Replace.
func (c *Cluster) Watch(ctx context.Context, changed func()) {
	c.mu.Lock()
	c.watchers = append(c.watchers, changed)
	c.mu.Unlock()
	<-ctx.Done()
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

func (c *Cluster) describe(name string) wire.Topic {
	t := c.topics[name]
	if t == nil {
		return wire.Topic{Name: name, Code: wire.UnknownTopicOrPartition}
	}
	d := wire.Topic{Name: name, ID: t.id}
	for i, leader := range t.leaders {
		d.Partitions = append(d.Partitions, wire.Partition{Index: int32(i), Leader: leader, LeaderEpoch: t.epochs[i]})
	}
	return d
}
