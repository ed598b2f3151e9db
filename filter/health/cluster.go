package health

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// State is what is known of a cluster's reachability.
type State uint8

// The states.
const (
	// Unknown: nobody has tried yet, or there is no outcome.
	Unknown State = iota
	// Reachable: a broker answers for the cluster's metadata.
	Reachable
	// Unreachable: none does, or lets us log in.
	Unreachable
)

// String is the state in lower case.
func (s State) String() string {
	switch s {
	case Reachable:
		return "reachable"
	case Unreachable:
		return "unreachable"
	default:
		return "unknown"
	}
}

// Cluster is what is known of one cluster by all workers of a configuration. Its methods may be called from any goroutine and, but for
// Rest, never wait.
type Cluster struct {
	settings upstream.Settings
	stats    *stats.Cluster
	log      *slog.Logger
	panics   guard.Panics

	mu         sync.Mutex
	monitor    *monitor // nil: nobody watches
	state      State
	since      time.Time // of the state
	err        error     // the last failure to reach the cluster
	failed     time.Time // when that was
	failures   int       // rounds in a row
	brokers    map[int32]string
	controller int32
	id         string // what the cluster calls itself
	answered   time.Time
	roundTrip  time.Duration
	losses     map[int32]*loss // of brokers, by node id
	certificates
	outage outage
	limits map[string]*limit // of what may be said, by what it is
	// outbox is what has to wait until the mutex is free; one at a time empties it.
	outbox   []func()
	emptying bool
}

var _ upstream.Troubles = (*Cluster)(nil)

// New returns what is known of a cluster: nothing. st counts what becomes known, and log is told.
func New(s upstream.Settings, st *stats.Cluster, log *slog.Logger, panics guard.Panics) *Cluster {
	return &Cluster{
		settings: s, stats: st, log: log.With("cluster", s.Name), panics: panics,
		since: time.Now(), controller: -1, losses: map[int32]*loss{}, limits: map[string]*limit{},
	}
}

// NotAsked implements upstream.Troubles.
func (c *Cluster) NotAsked(err error) {
	c.locked(func() {
		if c.state != Reachable {
			return
		}
		met := time.Now()
		c.hurry()
		c.judge(func() {
			if c.state == Reachable && c.since.Before(met) {
				c.warn("topics cannot be asked about", "", "error", c.words(err))
			}
		})
	})
}

// locked runs f under the mutex, and then what f has left in the outbox.
func (c *Cluster) locked(f func()) {
	c.mu.Lock()
	func() {
		defer c.mu.Unlock()
		f()
	}()
	for actions := c.take(false); actions != nil; actions = c.take(true) {
		for _, action := range actions {
			c.panics.Guard("health", action)
		}
	}
}

// take takes what is in the outbox, unless somebody else empties it. Who does says so with mine.
func (c *Cluster) take(mine bool) (actions []func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.emptying && !mine {
		return nil
	}
	actions, c.outbox = c.outbox, nil
	c.emptying = actions != nil
	return actions
}

// later has something done when the mutex is free. The mutex is held.
func (c *Cluster) later(f func()) { c.outbox = append(c.outbox, f) }

// becomeReachable takes over what the cluster says of itself. The mutex is held.
func (c *Cluster) becomeReachable(now time.Time, n *topology.News) {
	c.brokers, c.controller, c.id = n.Brokers, n.Controller, n.Cluster
	c.answered, c.roundTrip, c.failures = now, n.RoundTrip, 0
	c.forgetCertificates()
	if c.state == Reachable {
		return
	}
	c.sayBack(now)
	c.state, c.since = Reachable, now
	c.later(func() { c.stats.Reachable.Set(1) })
}

// becomeUnreachable takes note that nobody answers. The mutex is held.
func (c *Cluster) becomeUnreachable(now time.Time, err error) {
	c.err, c.failed = err, now
	c.failures++
	if c.state != Unreachable {
		c.state, c.since = Unreachable, now
		c.later(func() { c.stats.Reachable.Set(0) })
		c.dropLosses()
	}
	c.sayGone(now, err)
}

// hurry has the monitor ask at once. The mutex is held.
func (c *Cluster) hurry() {
	if c.monitor != nil {
		c.monitor.hurry()
	}
}

// tick keeps up to date what changes with time alone.
func (c *Cluster) tick(now time.Time) {
	c.mu.Lock()
	answered, end := c.answered, first(c.own, c.shown())
	c.mu.Unlock()
	if !answered.IsZero() {
		c.stats.MetadataAge.Set(int64(now.Sub(answered) / time.Second))
	}
	c.stats.CertificateExpiry.Set(seconds(now, end))
}

// seconds is how many there are until a time; zero: that is past, or never comes.
func seconds(now, at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return max(0, int64(at.Sub(now)/time.Second))
}

// warnOfMesh says that the cluster is a mesh, if it is one: if that is the very listener, what is sent to it comes back, and nobody is
// answered. The mutex is held.
func (c *Cluster) warnOfMesh() {
	if c.id == wire.MeshClusterID {
		c.warn("the cluster is a Kafka mesh itself; if it is this listener, records go round and never arrive: "+
			"write the cluster's own brokers into bootstrap_servers", "", "addresses", slices.Sorted(maps.Values(c.brokers)))
	}
}
