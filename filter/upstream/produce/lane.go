package produce

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// spareAfter is how long the oldest batch of a queue may have waited before others take a spare lane. What waits for less leaves in
	// large requests, which cost the broker least.
	spareAfter = 250 * time.Millisecond
	// spareIdle is how long the connection of a spare lane may have nothing to do.
	spareIdle = time.Minute
)

// lane is the way to one broker: a queue, and a connection that is opened when the queue is first used. The pool's mutex guards it.
type lane struct {
	pool *Pool
	laneKey

	addr string
	item cork.Item // flushing it has sent what is due

	queue   []*share
	queued  int64  // bytes in it
	filling *share // the share that the current dispatch is filling
	closed  bool
	// sending says that somebody takes from the queue and sends: one at a time, so that what is taken first is sent first. What others
	// bring is left to that one.
	sending bool

	current *connection // nil while there is none
	// successor is a connection that is to be used next, made while the current one is in use.
	successor *connection
	// Until downUntil, after a failure, batches are refused at once: a broker that refuses connections is not asked all the time.
	downUntil time.Time
	backoff   time.Duration
	sweeping  bool
	lingering bool // the queue is looked at when the oldest share has waited long enough
}

func newLane(p *Pool, key laneKey, addr string) *lane {
	l := &lane{pool: p, laneKey: key, addr: addr}
	l.item.Flush = l.flush
	return l
}

// isDown reports whether the lane refuses batches now. The mutex is held.
func (l *lane) isDown() bool {
	return l.closed || !l.downUntil.IsZero() && time.Now().Before(l.downUntil)
}

// maxIdle is how long a connection of the lane may have nothing to do. 0: for ever.
func (l *lane) maxIdle() time.Duration {
	limit := l.pool.settings.MaxIdle
	if l.slot > 0 && (limit == 0 || limit > spareIdle) {
		return spareIdle
	}
	return limit
}

// idle reports whether nothing is queued or in flight. The mutex is held.
func (l *lane) idle() bool {
	return len(l.queue) == 0 && !l.sending && (l.current == nil || l.current.inFlight == 0)
}

// push queues s; flush has it sent. The mutex is held.
func (l *lane) push(s *share) {
	l.queue = append(l.queue, s)
	l.queued += s.bytes
	l.pool.stats.QueuedBatches.Add(int64(len(s.batches)))
	for _, part := range s.partitions {
		part.enqueue(l.slot)
	}
	l.sweepLater()
}

// unqueue takes note that s is not in the queue any more. The mutex is held.
func (l *lane) unqueue(s *share) {
	l.queued -= s.bytes
	l.pool.stats.QueuedBatches.Add(-int64(len(s.batches)))
	for _, part := range s.partitions {
		part.queued[l.slot]--
	}
}

// crowded reports whether a batch of a partition would wait for others of it, and the queue is slow. There may be room for a request all
// the same: who was just answered may send again before it is taken. The mutex is held.
func (l *lane) crowded(part *partition, now time.Time) bool {
	return part.queuedIn(l.slot) > 0 && l.due() && l.current != nil && l.current.inFlight > 0 && now.Sub(l.queue[0].produce.now) > spareAfter
}

// flush is send for who must not meet a panic.
func (l *lane) flush() { l.pool.panics.Guard("lane", l.send) }

// send has what is due sent, unless somebody does already, and has the broker dialled if there is no connection. The mutex must not be
// held.
func (l *lane) send() {
	p := l.pool
	p.mu.Lock()
	defer p.unlock()
	if l.sending {
		return
	}
	l.sending = true
	defer func() { l.sending = false }()
	for {
		if l.current == nil && len(l.queue) > 0 && !l.closed {
			l.connect()
		}
		if !l.ready() {
			break
		}
		c := l.take()
		if err := l.current.send(c); err != nil {
			p.reportLater(p.refuse(c.shares, wire.NotLeaderOrFollower, noConnection))
		}
	}
	l.lingerLater()
}

// ready says that there is something to send and room for it. The mutex is held.
func (l *lane) ready() bool { return l.current != nil && l.current.hasRoom() && l.due() }

// due says whether there is something to send, and whether it has waited for company long enough. The mutex is held.
func (l *lane) due() bool {
	switch linger := l.pool.settings.Linger; {
	case len(l.queue) == 0:
		return false
	case linger == 0 || l.queued >= l.pool.settings.MaxRequestBytes:
		return true
	default:
		return time.Since(l.queue[0].produce.now) >= linger
	}
}

// lingerLater has the queue looked at when its oldest share has waited for company long enough. The mutex is held.
func (l *lane) lingerLater() {
	linger := l.pool.settings.Linger
	if linger == 0 || len(l.queue) == 0 || l.lingering {
		return
	}
	left := linger - time.Since(l.queue[0].produce.now)
	if left <= 0 {
		return
	}
	l.lingering = true
	l.pool.after(left, "linger", func() {
		l.pool.locked(func() { l.lingering = false })
		l.send()
	})
}

// shut ends the lane. The mutex is held.
func (l *lane) shut() {
	l.closed = true
	if l.current != nil {
		l.current.closeLater(errClosed)
	}
	if l.successor != nil {
		l.successor.closeLater(errClosed)
	}
	l.pool.reportLater(l.failQueued(true))
}

const noConnection = "no connection to the partition's leader"

// failQueued gives everything queued, none of which was ever sent, its result, and starts the back-off; grow lengthens it. It
// returns what is to be reported. The mutex is held.
func (l *lane) failQueued(grow bool) []*share {
	s := &l.pool.settings
	if !grow || l.backoff == 0 {
		l.backoff = s.ReconnectBackoff
	} else {
		l.backoff = min(2*l.backoff, s.ReconnectBackoffMax)
	}
	l.downUntil = time.Now().Add(l.backoff)
	queue := l.queue
	for _, waiting := range queue {
		l.unqueue(waiting)
	}
	l.queue = nil
	return l.pool.refuse(queue, wire.NotLeaderOrFollower, noConnection)
}

// sweepLater has the queue looked at for batches past their time, for as long as it has some. The mutex is held.
func (l *lane) sweepLater() {
	if l.sweeping || len(l.queue) == 0 {
		return
	}
	l.sweeping = true
	l.pool.after(sweepInterval, "lane sweep", l.sweep)
}

func (l *lane) sweep() {
	l.pool.locked(func() {
		l.sweeping = false
		l.pool.reportLater(l.pool.refuse(l.takeLate(time.Now()), wire.RequestTimedOut, waitedTooLong))
		l.sweepLater()
	})
}

// takeLate removes from the queue the shares that would have too little time left to be answered. The mutex is held.
func (l *lane) takeLate(now time.Time) []*share {
	return l.takeIf(func(s *share) bool { return now.After(s.produce.sendBy) })
}

// takeIf removes from the queue, in order, the shares that f chooses. The mutex is held.
func (l *lane) takeIf(f func(*share) bool) (taken []*share) {
	keep := l.queue[:0]
	for _, s := range l.queue {
		if f(s) {
			taken = append(taken, s)
			l.unqueue(s)
		} else {
			keep = append(keep, s)
		}
	}
	clear(l.queue[len(keep):])
	l.queue = keep
	return taken
}
