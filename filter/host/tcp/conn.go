package tcp

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
)

const (
	// Unsent output of congestedAbove makes a connection congested, until it falls below drainedBelow.
	congestedAbove = 1 << 20
	drainedBelow   = 512 << 10
	// writeSize is how much is written in one go, so that unsent is right to within that much.
	writeSize = 256 << 10
	// A client that is to be closed has takeTime for all that is left for it. Every stallTime it is looked at whether it gets on.
	takeTime  = 30 * time.Second
	stallTime = 10 * time.Second
)

// conn is one client's connection. Its loop (loop.go) makes all calls to the session; the methods of session.Conn may be
// called from any goroutine, the loop's included, and only change the state below mu and signal the loop.
type conn struct {
	nc    net.Conn
	io    socket
	o     *Options
	began time.Time
	wake  chan struct{} // holds 1: the loop has something new to look at
	done  chan struct{} // closed when the loop has ended

	flusher sync.WaitGroup

	mu       sync.Mutex
	out      []byte // written by the session, not yet taken by the flusher
	unsent   int    // len(out) and what the flusher still has to send
	flushing bool   // a flusher runs

	congested bool      // unsent is too much
	drained   bool      // it is no longer, and the session has not been told
	paused    bool      // the session wants no Data
	ending    bool      // there will be no more Data
	closing   bool      // the session wants to close once all is sent
	latest    time.Time // when it closes at the latest; set with closing
	gone      bool      // nothing can be sent or received any more

	reading     bool // the loop is in, or about to enter, a read
	interrupted bool // that read has been given a deadline in the past
}

var _ session.Conn = (*conn)(nil)

func newConn(nc net.Conn, o *Options) *conn {
	return &conn{nc: nc, o: o, began: time.Now(), wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Writev implements session.Conn. What is written after Close is dropped.
func (c *conn) Writev(parts [][]byte) (outputFull bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone || c.closing {
		return false
	}
	if c.unsent == 0 {
		parts = c.io.tryWritev(parts) // waking a flusher would take longer
	}
	before := c.unsent
	for _, p := range parts {
		c.out = append(c.out, p...)
		c.unsent += len(p)
	}
	if c.unsent == before {
		return false
	}
	if c.unsent > congestedAbove && !c.congested {
		c.congested = true
		c.signal()
	}
	if !c.flushing {
		c.flushing = true
		c.flusher.Go(func() { c.o.guard(c, c.flush) })
	}
	return c.congested
}

// Close implements session.Conn.
func (c *conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		c.closing, c.latest = true, time.Now().Add(takeTime)
		c.bound()
	}
	c.signal()
}

// Abort implements session.Conn.
func (c *conn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	_ = c.nc.Close()
	c.signal()
}

// PauseReads implements session.Conn. A read that waits already is let be: what it brings is pushed.
func (c *conn) PauseReads(pause bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = pause
	if !pause && !c.reading {
		c.signal()
	}
}

// end stops reading, as if the client had sent all it had.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	c.signal()
}

// bound gives the client, which is to be closed and gets on, its time. mu is held.
func (c *conn) bound() {
	deadline := time.Now().Add(stallTime)
	if deadline.After(c.latest) {
		deadline = c.latest
	}
	_ = c.nc.SetWriteDeadline(deadline)
}

// signal makes the loop look at the state again. mu is held.
func (c *conn) signal() {
	if c.reading {
		c.interrupted = true
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// flush sends until there is nothing left.
func (c *conn) flush() {
	var p []byte
	for p = c.take(p); len(p) > 0; p = c.take(p) {
		for rest := p; len(rest) > 0; {
			n, err := c.nc.Write(rest[:min(len(rest), writeSize)])
			if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
				c.Abort()
				return
			}
			rest = rest[n:]
			c.sent(n)
		}
	}
}

// take gives the flusher what to send next, and keeps spent to be filled meanwhile. It gives nothing when all is sent;
// the flusher then ends, and no buffer is kept.
func (c *conn) take(spent []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.out
	c.out = spent[:0]
	if len(p) == 0 {
		c.out, c.flushing = nil, false
	}
	return p
}

func (c *conn) sent(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsent -= n
	if c.closing {
		c.bound()
	}
	if c.congested && c.unsent < drainedBelow {
		c.congested, c.drained = false, true
		c.signal()
	}
	if c.closing && c.unsent == 0 {
		c.signal()
	}
}
