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
	successor *successor
	// Until downUntil, after a failure, batches are refused at once: a broker that refuses connections is not asked all the time.
	downUntil time.Time
	backoff   time.Duration
	sweeping  bool
	lingering bool // somebody is woken when the oldest share has waited long enough
}

var (
	errTimedOut = errors.New("a request is past its time")
	errClosed   = errors.New("closed")
	errMoved    = errors.New("the broker has moved to another address meanwhile")
	errRetired  = errors.New("has nothing to do, or another connection takes over")
)

func newLane(p *Pool, node int32, addr string) *lane {
	l := &lane{pool: p, node: node, addr: addr, wake: sync.NewCond(&p.mu)}
	l.item.Flush = func() { p.guard("lane", l.writeOrWake) }
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

// push queues s; writeOrWake has it sent. The pool's mutex is held.
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
			l.pool.locked(func() { l.running = false })
			l.failAll(errInternal, true)
			panic(r)
		}
	}()
	for l.awaitWork() {
		conn, made, err := l.dial()
		if err != nil {
			l.pool.stats.ConnectFailures.Add(1)
			l.failAll(err, true)
			continue
		}
		l.serve(newLink(l, conn), made)
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

// making is what a connection is made from: what has changed meanwhile it does not have.
type making struct {
	addr     string
	renewals int // of certificates and passwords, in the pool's life
}

// successor is a connection that is to be used next.
type successor struct {
	Link
	making
}

// dial returns the successor of the last connection, or a new one.
func (l *lane) dial() (Link, making, error) {
	if next := l.takeSuccessor(); next != nil {
		return next.Link, next.making, nil
	}
	made := l.currentMaking()
	conn, err := l.pool.client.Dial(l.pool.ctx, made.addr)
	return conn, made, err
}

func (l *lane) takeSuccessor() *successor {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	next := l.successor
	l.successor = nil
	return next
}

// currentMaking is what a connection would be made from now.
func (l *lane) currentMaking() making {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return l.making()
}

// making is currentMaking with the pool's mutex held.
func (l *lane) making() making { return making{l.addr, l.pool.renewals} }

// serve writes what is queued to a new connection, while another goroutine reads the answers, until the connection
// fails or the lane is closed.
func (l *lane) serve(lk *link, made making) {
	p := l.pool
	p.stats.Connections.Add(1)
	p.mu.Lock()
	moved := made.addr != l.addr
	switch {
	case moved:
		lk.fail(errMoved) // another broker may be there now
	case l.closed:
		lk.fail(errClosed)
	case made.renewals != p.renewals:
		lk.renew()
	}
	l.link = lk
	p.mu.Unlock()

	if !lk.until.IsZero() {
		expiry := p.after(time.Until(lk.until), "renewal", func() { p.locked(lk.renew) })
		defer expiry.Stop()
	}
	read := make(chan struct{})
	p.spawn("lane reader", func() {
		defer close(read)
		l.breakLink(lk, p.attempt("lane reader", lk.read))
	})
	l.breakLink(lk, p.attempt("lane writer", lk.write))
	<-read

	p.mu.Lock()
	for lk.inline { // somebody still reads the batches
		lk.written.Wait()
	}
	l.link = nil
	// A broker may close an idle connection, and we ours; that is no failure.
	failed := len(lk.flight) > 0 || lk.answered == 0 && !errors.Is(lk.err, errRetired) && !moved
	lost := l.failInFlight(lk)
	if failed {
		lost = append(lost, l.failQueued(lk.answered == 0)...)
	}
	p.mu.Unlock()
	p.stats.Connections.Add(-1)
	if failed {
		l.complain(lk.err)
	}
	p.report(lost, 0)
}

// breakLink ends a connection because of err. Only the first reason counts.
func (l *lane) breakLink(lk *link, err error) {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	lk.fail(err)
}

// failInFlight gives what was in flight on a connection that has ended its result, and returns it for Pool.report. Whether the
// broker stored it is not known, and REQUEST_TIMED_OUT is the code that tells every client so: librdkafka takes
// NETWORK_EXCEPTION for a final failure of something that was not stored. The pool's mutex is held.
func (l *lane) failInFlight(lk *link) []*share {
	var lost []*share
	for _, f := range lk.flight {
		lost = append(lost, f.shares...)
	}
	lk.flight = nil
	return l.pool.refuse(lost, wire.RequestTimedOut, "the connection to the partition's leader ended before it answered")
}

// failQueued gives everything queued, none of which was ever sent, its result, and starts the back-off; grow lengthens it. It
// returns what is to be reported. The pool's mutex is held.
func (l *lane) failQueued(grow bool) []*share {
	s := &l.pool.settings
	if !grow || l.backoff == 0 {
		l.backoff = s.ReconnectBackoff
	} else {
		l.backoff = min(2*l.backoff, s.ReconnectBackoffMax)
	}
	l.downUntil = time.Now().Add(l.backoff)
	queue := l.queue
	l.queue, l.queued = nil, 0
	return l.pool.refuse(queue, wire.NotLeaderOrFollower, "no connection to the partition's leader")
}

// failAll is failQueued, reported.
func (l *lane) failAll(err error, grow bool) {
	var lost []*share
	l.pool.locked(func() { lost = l.failQueued(grow) })
	l.complain(err)
	l.pool.report(lost, 0)
}

// complain logs why the lane has no connection.
func (l *lane) complain(err error) {
	l.pool.mu.Lock()
	closed, addr := l.closed, l.addr
	l.pool.mu.Unlock()
	if !closed {
		l.pool.log.Warn("lost a broker", "node", l.node, "address", addr, "error", err)
	}
}

// sweepLater has the lane looked at for requests past their time, for as long as it has work. The pool's mutex is held.
func (l *lane) sweepLater() {
	if l.sweeping || l.idle() {
		return
	}
	l.sweeping = true
	l.pool.after(sweepInterval, "lane sweep", l.sweep)
}

func (l *lane) sweep() {
	var late []*share
	l.pool.locked(func() {
		l.sweeping = false
		now := time.Now()
		if lk := l.link; lk != nil && lk.overdue(now) {
			lk.fail(errTimedOut) // its answers come in order: nothing behind it would be answered either
		}
		late = l.pool.refuse(l.takeLate(now), wire.RequestTimedOut, "the batch waited for the partition's leader until its time was over")
		l.sweepLater()
	})
	l.pool.report(late, 0)
}

// takeLate removes from the queue the shares that would have too little time left to be answered. The pool's mutex is held.
func (l *lane) takeLate(now time.Time) []*share {
	return l.takeIf(func(s *share) bool { return now.After(s.produce.sendBy) })
}

// takeIf removes from the queue, in order, the shares that f chooses. The pool's mutex is held.
func (l *lane) takeIf(f func(*share) bool) (taken []*share) {
	keep := l.queue[:0]
	for _, s := range l.queue {
		if f(s) {
			taken = append(taken, s)
			l.queued -= s.bytes
		} else {
			keep = append(keep, s)
		}
	}
	clear(l.queue[len(keep):])
	l.queue = keep
	return taken
}
