package produce

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Pool is one worker's lanes into one cluster. Its methods may be called from any goroutine and, but for Drain and Wait, never wait.
type Pool struct {
	settings Settings
	dialer   link.Dialer
	topology *topology.Map
	stats    *stats.Cluster
	log      *slog.Logger
	cork     *cork.Cork
	panics   guard.Panics

	life  context.Context //nolint:containedctx // of its connections' dialling; ended by Shut
	end   context.CancelFunc
	links sync.WaitGroup // every link that has not ended

	mu       sync.Mutex
	draining bool // no batch is taken any more
	shut     bool // no lane is made any more
	pending  int  // batches without a result
	drained  *sync.Cond
	calls    uint64 // of Produce so far
	cargoes  uint64 // requests made of several shares so far
	fences   order.Total
	// renewals counts how often certificates or passwords have been replaced.
	renewals int
	topics   map[string]*topic
	brokers  map[int32]string // node id → host:port
	failing  bool             // the cluster cannot be asked
	lanes    map[laneKey]*lane
	outbox
}

// outbox is what has to wait until the pool's mutex is free. The mutex guards it.
type outbox struct {
	stale   []string // topics to be asked for again
	doubted []string // topics of which what is known is wrong
	wanted  string   // a topic that nothing is known of while the cluster cannot be asked, the last one
	actions []func()
}

// produce is one call of Produce.
type produce struct {
	number   uint64 // of the call of Produce, from 1
	call     uint64 // the same among those of its connection
	fences   *order.Fences
	acks     int16
	timeout  int32
	now      time.Time
	deadline time.Time
	sendBy   time.Time // what is sent later has no time left to be answered
	group    group
}

// New returns a pool that dials with d and asks t for leaders, whose owner it becomes. While the cork is held, what it is given waits.
func New(s Settings, d link.Dialer, t *topology.Map, k *cork.Cork, st *stats.Cluster, log *slog.Logger) *Pool {
	p := &Pool{
		settings: s, dialer: d, topology: t, cork: k, stats: st, log: log, panics: s.Link.Panics,
		topics: map[string]*topic{}, brokers: map[int32]string{}, lanes: map[laneKey]*lane{},
		fences: order.Total{Max: maxFences},
	}
	p.drained = sync.NewCond(&p.mu)
	p.life, p.end = context.WithCancel(context.Background())
	t.Start(p)
	return p
}

// Produce hands batches to the leaders of their partitions with the client's acks (-1 or 1) and its timeout. done is
// called once, when every batch has its Result, from any goroutine and possibly before Produce returns; it gets the
// longest throttle time that a broker asked for. Until then the pool keeps the batches and reads their Records.
//
// fences are those of the client's connection to this cluster. Only the pool uses them, and it keeps them while it has a batch
// that came with them.
func (p *Pool) Produce(fences *order.Fences, batches []*wire.Batch, acks int16, timeoutMillis int32, done func(throttleMillis int32)) {
	now := time.Now()
	patience := p.settings.patience(timeoutMillis)
	req := &produce{fences: fences, acks: acks, timeout: min(timeoutMillis, int32(maxTimeout/time.Millisecond)), now: now}
	req.group.init(len(batches), fences, done)
	req.deadline, req.sendBy = now.Add(patience), now.Add(p.settings.longestQueueing(patience, timeoutMillis))
	if p.settings.AcksOverride != nil {
		req.acks = *p.settings.AcksOverride
	}
	var few [2]laneShare // on the stack
	d := dispatch{pool: p, shares: few[:0]}
	p.placeAll(batches, req, &d)
	d.report()
}

// Fences returns those of a new connection of a client.
func (p *Pool) Fences() *order.Fences { return &order.Fences{Total: &p.fences} }

// Forget says that the connection of the fences is gone.
func (p *Pool) Forget(fences *order.Fences) { p.locked(fences.Forget) }

// Renew has every connection replaced by one made from what is there now.
func (p *Pool) Renew() {
	p.locked(func() {
		p.renewals++
		for _, l := range p.lanes {
			l.renew()
		}
	})
}

// Drain takes no more batches, and waits until those that are there are answered or ctx ends.
func (p *Pool) Drain(ctx context.Context) {
	wake := context.AfterFunc(ctx, func() { p.panics.Guard("drain", func() { p.locked(p.drained.Broadcast) }) })
	defer wake()
	p.locked(func() {
		p.draining = true
		for p.pending > 0 && ctx.Err() == nil {
			p.drained.Wait()
		}
	})
}

// Shut ends every lane: what is there still is answered as failed. Drain comes before, Wait after it.
func (p *Pool) Shut() {
	p.locked(func() {
		p.shut = true
		for _, l := range p.lanes {
			l.shut()
		}
	})
	p.end()
}

// Wait waits until every connection has ended.
func (p *Pool) Wait() { p.links.Wait() }

// placeAll finds the ways of all batches of one call.
func (p *Pool) placeAll(batches []*wire.Batch, req *produce, d *dispatch) {
	p.mu.Lock()
	defer p.unlock()
	p.calls++
	req.number, req.call = p.calls, req.fences.Begin()
	p.pending += len(batches)
	for _, b := range batches {
		p.place(b, req, d)
	}
	d.enqueue()
}

// after has f called on a goroutine of its own when d has passed.
func (p *Pool) after(d time.Duration, name string, f func()) *time.Timer {
	return time.AfterFunc(d, func() { p.panics.Guard(name, f) })
}

// locked runs f with the mutex held. A panic must not leave it locked: a host's threads wait for it.
func (p *Pool) locked(f func()) {
	p.mu.Lock()
	defer p.unlock()
	f()
}

// finish counts n batches of a call as done. A panic of who is told is not the other clients'.
func (p *Pool) finish(r *produce, n int, throttle int32) {
	p.panics.Guard("answer", func() {
		if r.group.finish(n, throttle) {
			p.stats.TimeTotal.Record(time.Since(r.now).Microseconds())
			r.group.report()
		}
	})
}

// later has f called when the mutex is free. The mutex is held.
func (o *outbox) later(f func()) { o.actions = append(o.actions, f) }

// unlock frees the mutex and does what had to wait for that.
func (p *Pool) unlock() {
	o := p.outbox
	p.outbox = outbox{}
	p.mu.Unlock()
	if o.stale != nil || o.doubted != nil || o.wanted != "" {
		p.topology.Ask(o.stale, o.doubted, o.wanted)
	}
	for _, f := range o.actions {
		p.panics.Guard("lane", f)
	}
}
