package upstreamtest

import (
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Cluster is a scripted cluster; it is also the upstream.Client that reaches it. Its methods may be called from any
// goroutine. Its brokers are at the addresses "1", "2", … of their node ids.
type Cluster struct {
	mu        sync.Mutex
	changed   *sync.Cond
	topics    map[string]*topic
	created   byte // topics so far
	nodes     map[int32]*node
	taken     map[string]bool // addresses that brokers have, or had
	dials     int
	asked     int
	conns     map[net.Conn]int32
	throttle  int32
	backwards bool // topics of a Fetch are answered in the other order
	requests  []*kmsg.ProduceRequest
	fetches   []*kmsg.FetchRequest
	clientIDs map[wire.APIKey]map[string]*int // how many requests had which
	session   time.Duration
	sessions  int32 // of Fetch, so far
	sockets   bool
	watchers  []func()

	id       string // what Metadata calls the cluster
	silent   bool   // Metadata fails
	unlisted bool   // it fails for all topics
	slowness time.Duration
	old      *Metadata // what Metadata answers from, if it is stale
	// gate, if not nil, holds Metadata back until it is closed.
	gate chan struct{}
	// dialing is how long it takes to connect.
	dialing time.Duration
	// limited brokers keep mostSessions sessions of Fetch at most.
	limited      bool
	mostSessions int
	// persistent brokers refuse what a producer has sent behind a batch that they refused.
	persistent persistence
	refusals   map[flow]refusal

	handlers     map[wire.APIKey]handler // of APIs other than Produce and Metadata
	handled      link.Versions
	coordinators map[string]int32 // node ids, by group
}

type topic struct {
	id         [16]byte
	partitions []*partition
}

type partition struct {
	leader, epoch int32
	codes         []wire.ErrorCode // what to answer next, before storing
	short         bool             // of in-sync replicas
	log           partitionLog
}

type node struct {
	addr    string
	down    bool
	starts  int // how often it has gone down
	fetches map[int32]*fetchSession
	refuses bool
	stalled bool
	clogged bool
	deaf    bool
	omitted bool
	cut     Cutting
	// Before and after a request is worked on, this passes.
	before, after time.Duration
}

var _ upstream.Client = (*Cluster)(nil)

// New returns a cluster of n brokers, node ids 1 to n.
func New(n int) *Cluster {
	c := &Cluster{
		topics: map[string]*topic{}, nodes: map[int32]*node{}, taken: map[string]bool{}, conns: map[net.Conn]int32{},
		refusals: map[flow]refusal{}, clientIDs: map[wire.APIKey]map[string]*int{},
	}
	c.changed = sync.NewCond(&c.mu)
	for i := range n {
		addr := strconv.Itoa(i + 1)
		c.nodes[int32(i+1)], c.taken[addr] = &node{addr: addr}, true
	}
	return c
}

// CreateTopic makes a topic whose partitions are led by the given nodes. One that is made again gets another id.
func (c *Cluster) CreateTopic(name string, leaders ...int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.create(name, leaders)
}

// DeleteTopic forgets a topic and returns what its partitions had stored.
func (c *Cluster) DeleteTopic(name string) [][]Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[name]
	if t == nil {
		return nil
	}
	delete(c.topics, name)
	logs := make([][]Entry, 0, len(t.partitions))
	for _, p := range t.partitions {
		logs = append(logs, p.log.entries)
	}
	return logs
}

// TopicID returns the id of a topic.
func (c *Cluster) TopicID(name string) [16]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.topics[name].id
}

// AddPartitions gives a topic more partitions, led by the given nodes.
func (c *Cluster) AddPartitions(name string, leaders ...int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics[name].add(leaders)
}

// Stored returns the batches of a partition, in the order stored.
func (c *Cluster) Stored(name string, partition int32) [][]byte {
	var batches [][]byte
	for _, e := range c.Log(name, partition) {
		batches = append(batches, e.Records)
	}
	return batches
}

// Log returns the batches of a partition with their offsets, in the order stored.
func (c *Cluster) Log(name string, partition int32) []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.topics[name].partitions[partition].log.entries)
}

// Requests returns the Produce requests that came, in the order of their coming. They are the caller's to read.
func (c *Cluster) Requests() []*kmsg.ProduceRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// ClientIDs is how many requests of an API that came to brokers had which client id.
func (c *Cluster) ClientIDs(key wire.APIKey) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := map[string]int{}
	for id, n := range c.clientIDs[key] {
		counts[id] = *n
	}
	return counts
}

// Calls returns how often a broker has been dialled, and how often the cluster was asked for metadata.
func (c *Cluster) Calls() (dials, metadata int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dials, c.asked
}

// create is CreateTopic with c.mu held.
func (c *Cluster) create(name string, leaders []int32) {
	t := &topic{}
	copy(t.id[:], name)
	t.id[15] = c.created
	c.created++
	t.add(leaders)
	c.topics[name] = t
}

func (t *topic) add(leaders []int32) {
	for _, leader := range leaders {
		t.partitions = append(t.partitions, &partition{leader: leader})
	}
}
