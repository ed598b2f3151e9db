package produce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// connection is a lane's use of one link: as the current one, or as the successor, which is used next. The pool's mutex guards it.
type connection struct {
	lane  *lane
	link  *link.Link
	made  making
	until time.Time // when the broker ends it; zero: it does not say
	state state

	connected bool // it was open once
	inFlight  int  // cargoes
	answered  bool // at least one was
	// excused says that its end is no failure of the broker's: it had nothing to do, or leads to where the broker was before.
	excused bool
	// Those that have failed, sent or not, until the connection has ended.
	lost, unsent []*share

	expiry  *time.Timer
	pausing bool          // before the next try to make a successor
	pause   time.Duration // for so long
	rested  time.Time     // when it last had something to do
	resting bool          // that is looked after
}

// state is how far a connection is.
type state uint8

const (
	// dialling: nothing can be sent yet.
	dialling state = iota
	// open: it takes cargoes, if it is the current one.
	open
	// retired: nothing more is sent, and it is closed with its last answer.
	retired
	// closing: its link has been told to end.
	closing
)

var (
	errClosed   = errors.New("closed")
	errMoved    = errors.New("the broker has moved to another address meanwhile")
	errReplaced = errors.New("what it was made from has been replaced meanwhile")
	errRetired  = errors.New("has nothing to do, or another connection takes over")
)

// making is what a connection is made from: what has changed meanwhile it does not have.
type making struct {
	addr     string
	renewals int // of certificates and passwords, in the pool's life
}

var (
	_ link.Owner  = (*connection)(nil)
	_ link.Dialer = (*connection)(nil)
)

// connect has the broker dialled for the lane's next connection. The mutex is held.
func (l *lane) connect() { l.current = l.dial() }

// dial begins a connection. The mutex is held.
func (l *lane) dial() *connection {
	p := l.pool
	c := &connection{lane: l}
	p.links.Add(1)
	c.link = link.Start(p.life, p.settings.Link, c, l.addr, c)
	return c
}

// Dial implements link.Dialer: it dials where the broker is by now.
func (c *connection) Dial(ctx context.Context, _ string) (link.Conn, error) {
	p := c.lane.pool
	p.locked(func() { c.made = c.lane.making() })
	return p.dialer.Dial(ctx, c.made.addr)
}

// making is what a connection would be made from now. The mutex is held.
func (l *lane) making() making { return making{l.addr, l.pool.renewals} }

// Ready implements link.Owner.
func (c *connection) Ready(l *link.Link) {
	p := c.lane.pool
	versions, until := l.Versions(), l.Until()
	made := false
	p.locked(func() {
		if made = c.state == dialling; made {
			p.stats.Connections.Add(1)
			c.state, c.connected, c.until = open, true, until
			c.opened(versions)
		}
	})
	if made {
		c.say("connected to a broker")
	}
	c.lane.send()
}

// Answering implements link.Owner.
func (c *connection) Answering() { c.lane.pool.cork.Hold() }

// Answered implements link.Owner.
func (c *connection) Answered() {
	defer c.lane.pool.cork.Release()
	c.lane.flush()
}

// Ended implements link.Owner: what was in flight gets its result, and the successor takes over.
func (c *connection) Ended(err error) {
	l, p := c.lane, c.lane.pool
	defer p.links.Done()
	p.locked(func() {
		if c.connected {
			p.stats.Connections.Add(-1)
		}
		c.state = closing
		if c.expiry != nil {
			c.expiry.Stop()
		}
		switch c {
		case l.current:
			l.currentEnded(err)
		case l.successor:
			l.successorEnded(err)
		}
	})
	c.say("a connection to a broker is gone", "error", err)
	l.flush()
}

// say tells what becomes of the connection to those who want to know everything.
func (c *connection) say(message string, more ...any) {
	p := c.lane.pool
	if !p.log.Enabled(p.life, slog.LevelDebug) {
		return
	}
	var addr string
	p.locked(func() { addr = c.made.addr })
	p.log.Debug(message, append(more, "node", c.lane.node, "address", addr)...)
}

// opened decides what becomes of a connection that has just been made. The mutex is held.
func (c *connection) opened(versions link.Versions) {
	l := c.lane
	_, takes := versions.Newest(wire.KeyProduce, minVersion, maxVersion)
	switch {
	case l.closed:
		c.closeLater(errClosed)
	case !takes:
		c.closeLater(fmt.Errorf("the broker takes Produce up to version %d only; record batches need version %d (Kafka 0.11)",
			versions[wire.KeyProduce].Max, minVersion))
	case c == l.current:
		l.use(c)
	case c != l.successor:
		c.closeLater(errReplaced)
	case c.made != l.making():
		l.successor = nil
		c.closeLater(errReplaced)
		l.renew()
	case l.current.state == open:
		l.current.retire()
	}
}

// use begins to use the current connection, which is open. The mutex is held.
func (l *lane) use(c *connection) {
	if c.made.addr != l.addr { // another broker may be there now
		c.excused = true
		c.closeLater(errMoved)
		return
	}
	if c.made.renewals != l.pool.renewals {
		l.renew()
	}
	if !c.until.IsZero() {
		c.expiry = l.pool.after(time.Until(c.until), "renewal", func() { l.pool.locked(func() { l.renewIf(c) }) })
	}
	c.rest()
}

// hasRoom says whether a cargo may be sent now. The mutex is held.
func (c *connection) hasRoom() bool {
	return c.state == open && c.inFlight < c.lane.pool.settings.Window && !c.link.Full()
}

// send sends a cargo; with an error it was not. The mutex is held before and after, but not meanwhile.
func (c *connection) send(cargo *cargo) (err error) {
	p := c.lane.pool
	cargo.connection = c
	c.inFlight++
	c.rest()
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		if err != nil {
			c.inFlight--
		}
	}()
	return c.link.Send(cargo)
}

// landed takes note that a cargo has its results. It returns what was queued behind refused batches, to be reported.
func (c *connection) landed(cargo *cargo) (behind []*share) {
	p := c.lane.pool
	p.mu.Lock()
	defer p.unlock()
	c.inFlight--
	c.answered, c.lane.backoff = true, 0
	c.closeIfDone()
	return p.conclude(cargo.shares)
}

// lose takes note that a cargo has failed. It gets its results when the connection has ended: all of them at once.
func (c *connection) lose(cargo *cargo, sent bool) {
	c.lane.pool.locked(func() {
		c.inFlight--
		if sent {
			c.lost = append(c.lost, cargo.shares...)
		} else {
			c.unsent = append(c.unsent, cargo.shares...)
		}
	})
}

// currentEnded gives what was in flight on a connection that has ended its result. Whether the broker stored what was sent is not
// known, and REQUEST_TIMED_OUT is the code that tells every client so: librdkafka takes NETWORK_EXCEPTION for a final failure of
// something that was not stored. The mutex is held.
func (l *lane) currentEnded(err error) {
	c, p := l.current, l.pool
	// A broker may close an idle connection, and we ours; that is no failure.
	failed := len(c.lost)+len(c.unsent) > 0 || !c.answered && !c.excused
	gone := p.refuse(c.lost, wire.RequestTimedOut, "the connection to the partition's leader ended before it answered")
	gone = append(gone, p.refuse(c.unsent, wire.NotLeaderOrFollower, noConnection)...)
	if failed || l.closed {
		gone = append(gone, l.failQueued(!c.answered)...)
		l.complainLater(err)
	}
	p.reportLater(gone)
	l.current, l.successor = l.successor, nil
	if l.current != nil && l.current.state == open {
		l.use(l.current)
	}
}

// renew makes a successor of the current connection. When it is there, the current one sends nothing more, gets its last answers, and
// the successor takes over: no batch of a partition is on both. Until then, or when nobody answers, the current one goes on.
// The mutex is held.
func (l *lane) renew() {
	if c := l.current; c != nil && c.state == open && !c.pausing && l.successor == nil {
		l.successor = l.dial()
	}
}

// renewIf is renew, if c is still the current connection. The mutex is held.
func (l *lane) renewIf(c *connection) {
	if l.current == c {
		l.renew()
	}
}

// successorEnded tries again to make one, if the current connection still needs it. The mutex is held.
func (l *lane) successorEnded(err error) {
	p, c := l.pool, l.current
	l.successor = nil
	if l.closed || c == nil || c.state != open {
		return
	}
	log := p.log.With("node", l.node, "address", l.addr)
	p.later(func() { log.Debug("cannot replace a connection; the old one goes on", "error", err) })
	c.pause = min(max(2*c.pause, p.settings.ReconnectBackoff), p.settings.ReconnectBackoffMax)
	c.pausing = true
	p.after(c.pause, "renewal", func() {
		p.locked(func() {
			c.pausing = false
			l.renewIf(c)
		})
	})
}

// complainLater tells why the lane has no connection. The mutex is held.
func (l *lane) complainLater(err error) {
	if l.closed {
		return
	}
	addr := l.addr
	log := l.pool.log.With("node", l.node, "address", addr)
	l.pool.later(func() {
		log.Debug("lost a broker", "error", err)
		l.pool.settings.Lost(addr, err)
	})
}

// closeLater has the link ended when the mutex is free. The mutex is held.
func (c *connection) closeLater(err error) {
	c.state = closing
	c.lane.pool.later(func() { c.link.Close(err) })
}

// retire has nothing more sent. The mutex is held.
func (c *connection) retire() {
	c.state, c.excused = retired, true
	c.closeIfDone()
}

// closeIfDone closes a retired connection that has its last answer. The mutex is held.
func (c *connection) closeIfDone() {
	if c.state == retired && c.inFlight == 0 {
		c.closeLater(errRetired)
	}
}

// rest takes note that the connection has something to do, and has it end when it has had nothing for too long. The mutex is held.
func (c *connection) rest() {
	limit := c.lane.maxIdle()
	if limit == 0 {
		return
	}
	c.rested = time.Now()
	if !c.resting {
		c.resting = true
		c.lane.pool.after(limit, "rest", c.lookAtRest)
	}
}

// lookAtRest is what the timer of rest calls.
func (c *connection) lookAtRest() {
	p, limit := c.lane.pool, c.lane.maxIdle()
	p.locked(func() {
		switch left := limit - time.Since(c.rested); {
		case c.state != open:
		case c.inFlight > 0:
			p.after(limit, "rest", c.lookAtRest)
		case left > 0:
			p.after(left, "rest", c.lookAtRest)
		default:
			c.retire()
		}
	})
}
