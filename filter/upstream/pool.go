package upstream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Pool is one worker's way into one cluster. Its methods may be called from any goroutine and never wait for the
// network.
//
// One mutex guards the pool, its topics and its lanes: which lane a batch goes to and its place in that lane's queue
// must be decided in one step, or two batches of a partition could change places. It is held for memory work only.
type Pool struct {
	settings Settings
	client   Client
	stats    *stats.Cluster
	log      *slog.Logger
	cork     *cork.Cork

	ctx  context.Context //nolint:containedctx // ends every dial and metadata request of the pool; cancelled by Close
	stop context.CancelFunc
	work sync.WaitGroup // every goroutine of the pool

	mu      sync.Mutex
	closed  bool
	pending int    // batches without a result
	calls   uint64 // of Produce so far
	cargoes uint64 // requests made of several shares so far
	fences  order.Total
	// renewals counts how often certificates or passwords have been replaced.
	renewals int
	drained  *sync.Cond // pending has become 0
	topics   map[string]*topic
	brokers  map[int32]string
	lanes    map[laneKey]*lane
	inquiry  inquiry
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

// New returns a pool that reaches its cluster through c, which it closes in the end. It connects when it is first
// needed. While the cork is held, what it is given waits.
func New(s Settings, c Client, k *cork.Cork, st *stats.Cluster, log *slog.Logger) *Pool {
	p := &Pool{
		settings: s.withDefaults(), cork: k, stats: st, log: log.With("cluster", s.Name),
		topics: map[string]*topic{}, brokers: map[int32]string{}, lanes: map[laneKey]*lane{},
		fences: order.Total{Max: maxFences},
	}
	p.client = guardedClient{c, p}
	p.drained = sync.NewCond(&p.mu)
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.keep("watch", func() error { c.Watch(p.ctx, p.renew); return nil })
	if s.MetadataRefreshInterval > 0 {
		p.keep("metadata refresh", func() error { p.refreshPeriodically(); return nil })
	}
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
	patience := p.patience(timeoutMillis)
	req := &produce{fences: fences, acks: acks, timeout: min(timeoutMillis, int32(maxTimeout/time.Millisecond)), now: now}
	req.group.init(len(batches), fences, done)
	req.deadline, req.sendBy = now.Add(patience), now.Add(p.longestQueueing(patience, timeoutMillis))
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

// Close takes no more batches, waits until those it has are answered or ctx ends, and stops. Batches that are still
// open then are answered as failed.
func (p *Pool) Close(ctx context.Context) {
	wake := context.AfterFunc(ctx, func() { p.guard("drain", func() { p.locked(p.drained.Broadcast) }) })
	defer wake()
	p.locked(func() {
		p.closed = true
		for p.pending > 0 && ctx.Err() == nil {
			p.drained.Wait()
		}
		p.stop()
		for _, l := range p.lanes {
			l.shut()
		}
	})
	p.work.Wait()
	p.client.Close()
}

// placeAll finds the ways of all batches of one call.
func (p *Pool) placeAll(batches []*wire.Batch, req *produce, d *dispatch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	req.number, req.call = p.calls, req.fences.Begin()
	p.pending += len(batches)
	for _, b := range batches {
		p.place(b, req, d)
	}
	d.enqueue()
}

// patience is how long the batches of a request may wait for their answers, its client's timeout given: somewhat longer than that, so
// that a broker's own answer for what took too long still comes, and never less than the client's timeout.
func (p *Pool) patience(timeoutMillis int32) time.Duration {
	own := min(time.Duration(timeoutMillis)*time.Millisecond, maxTimeout)
	return p.atMostMessageTimeout(max(own, min(own+grace+2*p.settings.Linger, p.settings.RequestTimeout)))
}

// longestSilence is how long a connection may owe an answer while another on it is past its time.
func (p *Pool) longestSilence() time.Duration {
	return p.atMostMessageTimeout(p.settings.RequestTimeout) / 4
}

func (p *Pool) atMostMessageTimeout(d time.Duration) time.Duration {
	if p.settings.MessageTimeout > 0 {
		d = min(d, p.settings.MessageTimeout)
	}
	return d
}

// longestQueueing is how long a batch may be queued: so long that its client still waits when it is answered, and that what is left of
// patience is enough for the broker. What is sent later is in vain: its client has hung up, and sends it again.
func (p *Pool) longestQueueing(patience time.Duration, timeoutMillis int32) time.Duration {
	own := max(time.Duration(timeoutMillis)*time.Millisecond/2, p.settings.Linger+minQueueing)
	return min(patience/4*3, own)
}

// renew has every connection replaced by one made from what is there now.
func (p *Pool) renew() {
	p.log.Info("certificates or passwords have been replaced; connecting anew")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renewals++
	for _, l := range p.lanes {
		l.renew()
	}
}
