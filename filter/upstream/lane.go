package upstream

import (
	"errors"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// lane is the way to one broker: a queue, and a connection that is opened when the queue is first used. Everything in
// it is guarded by the pool's mutex, and changed by four parties: push (callers of Produce), the lane's own goroutine
// (run and write), the reader of its connection, and the sweep timer.
type lane struct {
	pool *Pool
	node int32
	addr string
	wake *sync.Cond // the queue, the window, the connection or closed has changed
	item cork.Item  // flushing it has sent what is due

	queue   []*share
	queued  int64  // bytes in it
	filling *share // the share that the current dispatch is filling
	running bool   // the lane's goroutine has been started
	closed  bool
	link    *link // nil while there is no connection
	// successor is a connection that is to be used next, dialled while the present one was in use.
	successor *Link
	// Until downUntil, after a failure, batches are refused at once: those that a client had sent behind the failed ones
	// must not overtake them.
	downUntil time.Time
	backoff   time.Duration
	sweeping  bool
	lingering bool // somebody is woken when the oldest share has waited long enough
}

var (
	errTimedOut = errors.New("a request is past its time")
	errClosed   = errors.New("closed")
	errRetired  = errors.New("has nothing to do, or another connection takes over")
)

func newLane(p *Pool, node int32, addr string) *lane {
	l := &lane{pool: p, node: node, addr: addr, wake: sync.NewCond(&p.mu)}
	l.item.Flush = func() { p.guard("lane", l.nudge) }
	return l
}

// isDown reports whether the lane refuses batches now. The pool's mutex is held.
func (l *lane) isDown(now time.Time) bool {
	return l.closed || now.Before(l.downUntil)
}

// idle reports whether nothing is queued or in flight. The pool's mutex is held.
func (l *lane) idle() bool {
	return len(l.queue) == 0 && (l.link == nil || len(l.link.flight) == 0)
}

// push queues s; nudge has it sent. The pool's mutex is held.
func (l *lane) push(s *share) {
	l.queue = append(l.queue, s)
	l.queued += s.bytes
	if !l.running {
		l.running = true
		l.pool.spawn("lane", l.run)
	}
	l.sweepLater()
}

// renew has the connection replaced, if there is one. The pool's mutex is held.
func (l *lane) renew() {
	if l.link != nil {
		l.link.renew()
	}
}

// shut ends the lane. The pool's mutex is held.
func (l *lane) shut() {
	l.closed = true
	if l.link != nil {
		l.link.fail(errClosed)
	}
	l.wake.Broadcast()
}

// run connects whenever there is something to send, and serves the connection until it ends.
func (l *lane) run() {
	defer func() {
		if r := recover(); r != nil { // leave nothing behind that nobody would answer
			l.pool.mu.Lock()
			l.running = false
			l.pool.mu.Unlock()
			l.failAll(errors.New("internal error"), true)
			panic(r)
		}
	}()
	for l.awaitWork() {
		conn, err := l.dial()
		if err != nil {
			l.pool.stats.ConnectFailures.Add(1)
			l.failAll(err, true)
			continue
		}
		l.serve(newLink(l, conn))
	}
	l.failAll(errClosed, true)
}

// awaitWork waits for something to send; false means that the lane has been closed.
func (l *lane) awaitWork() bool {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	for len(l.queue) == 0 && l.successor == nil && !l.closed {
		l.wake.Wait()
	}
	if l.closed && l.successor != nil {
		l.successor.Close()
		l.successor = nil
	}
	return !l.closed
}

// dial returns the successor of the last connection, or a new one.
func (l *lane) dial() (Link, error) {
	l.pool.mu.Lock()
	conn := l.successor
	l.successor = nil
	l.pool.mu.Unlock()
	if conn != nil {
		return *conn, nil
	}
	return l.pool.client.Dial(l.pool.ctx, l.address())
}

func (l *lane) address() string {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return l.addr
}

// serve writes what is queued to a new connection, while another goroutine reads the answers, until the connection
// fails or the lane is closed.
func (l *lane) serve(lk *link) {
	p := l.pool
	p.stats.Connections.Add(1)
	p.mu.Lock()
	l.link = lk
	if l.closed {
		lk.fail(errClosed)
	}
	p.mu.Unlock()

	if !lk.until.IsZero() {
		expiry := time.AfterFunc(time.Until(lk.until), func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			lk.renew()
		})
		defer expiry.Stop()
	}
	read := make(chan struct{})
	p.spawn("lane reader", func() {
		defer close(read)
		defer l.breakLink(lk, errClosed) // in case of a panic: what is in flight must be answered
		l.breakLink(lk, lk.read())
	})
	l.breakLink(lk, lk.write())
	<-read

	p.mu.Lock()
	for lk.inline { // somebody still reads the batches
		lk.written.Wait()
	}
	l.link = nil
	// A broker may close an idle connection, and we ours; that is no failure.
	failed := len(lk.flight) > 0 || lk.answered == 0 && !errors.Is(lk.err, errRetired)
	p.mu.Unlock()
	p.stats.Connections.Add(-1)
	l.fly(lk)
	if failed {
		l.failAll(lk.err, lk.answered == 0)
	}
}

// breakLink ends a connection because of err. Only the first reason counts.
func (l *lane) breakLink(lk *link, err error) {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	lk.fail(err)
}

// fly answers what was in flight on a connection that has ended. Whether the broker stored it is not known, and
// REQUEST_TIMED_OUT is the code that tells every client so: librdkafka takes NETWORK_EXCEPTION for a final failure of
// something that was not stored.
func (l *lane) fly(lk *link) {
	for _, f := range lk.flight {
		l.answer(f.shares, wire.RequestTimedOut, "the connection to the partition's leader ended before it answered")
	}
	lk.flight = nil
}

// failAll answers everything queued, none of which was ever sent, and starts the back-off; grow lengthens it.
func (l *lane) failAll(err error, grow bool) {
	p := l.pool
	p.mu.Lock()
	queue := l.queue
	l.queue, l.queued = nil, 0
	if !grow || l.backoff == 0 {
		l.backoff = p.settings.ReconnectBackoff
	} else {
		l.backoff = min(2*l.backoff, p.settings.ReconnectBackoffMax)
	}
	l.downUntil = time.Now().Add(l.backoff)
	closed := l.closed
	p.mu.Unlock()
	if !closed {
		p.log.Warn("lost a broker", "node", l.node, "address", l.address(), "error", err)
	}
	l.answer(queue, wire.NotLeaderOrFollower, "no connection to the partition's leader")
}

// answer gives every batch of the shares the same result.
func (l *lane) answer(shares []*share, code wire.ErrorCode, message string) {
	for _, s := range shares {
		for _, b := range s.batches {
			b.Result = wire.Failed(code, message)
		}
	}
	l.pool.complete(shares, 0)
}

// sweepLater has the lane looked at for requests past their time, for as long as it has work. The pool's mutex is held.
func (l *lane) sweepLater() {
	if l.sweeping || l.idle() {
		return
	}
	l.sweeping = true
	time.AfterFunc(sweepInterval, func() { l.pool.guard("lane sweep", l.sweep) })
}

func (l *lane) sweep() {
	l.pool.mu.Lock()
	l.sweeping = false
	now := time.Now()
	if lk := l.link; lk != nil && lk.overdue(now) {
		lk.fail(errTimedOut) // its answers come in order: nothing behind it would be answered either
	}
	late := l.takeLate(now)
	l.sweepLater()
	l.pool.mu.Unlock()
	l.answer(late, wire.RequestTimedOut, "the batch waited for the partition's leader until its time was over")
}

// takeLate removes from the queue the shares past their deadline, and those behind them that have a partition in
// common with one, so that no batch overtakes another of its partition. The pool's mutex is held.
func (l *lane) takeLate(now time.Time) (late []*share) {
	var blocked map[*partition]bool
	keep := l.queue[:0]
	for _, s := range l.queue {
		if !now.After(s.deadline) && !touches(s, blocked) {
			keep = append(keep, s)
			continue
		}
		late = append(late, s)
		l.queued -= s.bytes
		if blocked == nil {
			blocked = map[*partition]bool{}
		}
		for _, part := range s.partitions {
			blocked[part] = true
		}
	}
	clear(l.queue[len(keep):])
	l.queue = keep
	return late
}

func touches(s *share, parts map[*partition]bool) bool {
	for _, part := range s.partitions {
		if parts[part] {
			return true
		}
	}
	return false
}
