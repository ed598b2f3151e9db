package tcp

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
)

const (
	// Unsent output of congestedAbove makes a connection congested, until it falls below drainedBelow.
	congestedAbove = 1 << 20
	drainedBelow   = 512 << 10
	// A client that is to be closed has takeTime for all that is left for it. Every stallTime it is looked at whether it gets on.
	takeTime  = 30 * time.Second
	stallTime = 10 * time.Second
	// linger is how long a connection that we close waits for its client to close too. Closing a socket with unread input
	// resets the connection, and a reset can overtake our last answers and destroy them.
	linger = time.Second
)

// conn is one client's connection. Its loop makes all calls to the session, one after another; the methods of session.Conn may be
// called from any goroutine, and only write what the socket takes at once, change the state below mu, and have the loop look at it.
type conn struct {
	o      *Options
	loop   *loop.Loop
	nc     net.Conn // until the socket is made of it
	remote net.Addr
	began  time.Time
	gone   func()        // is called when the connection has ended
	done   chan struct{} // closed then
	socket socket.Socket // from start on

	// These are the loop's alone.
	session       Session
	toldCongested bool // the session was told that the client is slow
	ended         bool // the session was told that no more will come
	eof           bool // the client has sent all it will
	lingers       bool // all is sent, and the client is waited for
	finished      bool

	mu      sync.Mutex
	looking bool // the loop is going to look
	out     outgoing

	congested bool        // unsent is too much
	drained   bool        // it is no longer, and the session has not been told
	paused    bool        // the session wants no Data
	ending    bool        // there will be no more Data
	closing   bool        // the session wants to close once all is sent
	latest    time.Time   // when it closes at the latest; set with closing
	timer     *time.Timer // of what is closing, or lingers
	unsentAt  int         // how much was unsent when it was last looked at
	aborted   bool        // nothing can be sent or received any more
}

var _ session.Conn = (*conn)(nil)

func newConn(nc net.Conn, l *loop.Loop, o *Options) *conn {
	return &conn{o: o, loop: l, nc: nc, remote: nc.RemoteAddr(), began: time.Now(), done: make(chan struct{})}
}

// Writev implements session.Conn. What is written after Close is dropped.
func (c *conn) Writev(parts [][]byte, sent func()) (outputFull bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted || c.closing {
		parts = nil
	} else if !c.out.busy {
		parts = socket.Rest(parts, c.socket.TryWrite(parts))
	}
	before := c.out.bytes
	if c.out.add(parts, sent); c.out.bytes == before {
		return false
	}
	if c.unsent() > congestedAbove && !c.congested {
		c.congested = true
		c.look()
	}
	if !c.out.busy {
		c.send()
	}
	return c.congested
}

// Close implements session.Conn.
func (c *conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		c.closing, c.latest, c.unsentAt = true, time.Now().Add(takeTime), c.unsent()
		if c.unsentAt > 0 && !c.aborted {
			c.timer = time.AfterFunc(stallTime, c.review)
		}
		c.pause()
	}
	c.look()
}

// Abort implements session.Conn.
func (c *conn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = true
	c.look()
}

// PauseReads implements session.Conn.
func (c *conn) PauseReads(pause bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = pause
	c.pause()
}

// end stops reading, as if the client had sent all it had.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	c.pause()
	c.look()
}

// pause has the socket be read or not. mu is held.
func (c *conn) pause() {
	if !c.aborted && c.socket != nil {
		c.socket.Pause((c.paused || c.ending || c.closing) && !c.lingersNow())
	}
}

// lingersNow says that all is sent of what is to be closed. mu is held.
func (c *conn) lingersNow() bool { return c.closing && c.unsent() == 0 }

// look has the loop look at the state. mu is held.
func (c *conn) look() {
	if !c.looking {
		c.looking = true
		c.loop.Post(func() { c.o.guard(c, c.act) })
	}
}

// unsent is how many bytes the client has not been sent yet. mu is held.
func (c *conn) unsent() int {
	n := c.out.bytes
	if c.out.busy {
		n += c.socket.Unsent()
	}
	return n
}

// send gives the socket what it is to send next, if there is something. mu is held.
func (c *conn) send() {
	if parts, more := c.out.next(); more {
		c.socket.Send(parts)
	}
}

// review ends what is closing if its client does not get on. It is what the timer calls.
func (c *conn) review() {
	c.o.guard(c, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		now, left := time.Now(), c.unsent()
		if left == 0 || c.aborted {
			return
		}
		if left == c.unsentAt || !now.Before(c.latest) {
			c.aborted = true
			c.look()
			return
		}
		c.unsentAt = left
		c.timer.Reset(min(stallTime, c.latest.Sub(now)))
	})
}

// What follows is called by the loop.

// start begins to serve the client.
func (c *conn) start(open func(session.Peer, session.Conn) Session) {
	nc := c.nc
	p, shown := peer(nc)
	s := c.loop.Watch(nc, func() { _ = nc.Close() }, events{c}) // no event comes before this iteration is over
	c.nc = nil
	c.mu.Lock()
	c.socket = s
	c.pause()
	c.mu.Unlock()
	c.session = open(p, c)
	if p.Encrypted {
		c.session.Certified(shown.uri, shown.dns, shown.subject)
	}
}

// events is what the socket tells.
type events struct{ *conn }

var _ socket.Events = events{}

// Readable implements socket.Events.
func (e events) Readable(r socket.Reader) {
	c := e.conn
	c.o.guard(c, func() {
		switch {
		case c.lingers:
			r.Next()
		case c.quiet():
		case !c.session.Fill(r.Into):
			if p := r.Next(); len(p) > 0 {
				c.session.Data(p)
			}
		}
	})
}

// quiet says that nothing more is taken from the client.
func (c *conn) quiet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending || c.closing || c.aborted
}

// Written implements socket.Events.
func (e events) Written() { e.o.guard(e.conn, e.wrote) }

// wrote goes on with what is to be sent.
func (c *conn) wrote() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.wrote()
	c.send()
	left := c.unsent()
	if c.congested && left < drainedBelow {
		c.congested, c.drained = false, true
		c.look()
	}
	if c.closing && left == 0 {
		c.look()
	}
}

// Over implements socket.Events.
func (e events) Over(err error) {
	c := e.conn
	c.o.guard(c, func() {
		if errors.Is(err, io.EOF) && !c.lingers {
			c.eof = true
			c.end()
			return
		}
		if !c.lingers {
			c.o.Log.Debug("client lost", "client", c.remote, "error", err)
		}
		c.Abort()
	})
}

// act does what is due, after which there may be more.
func (c *conn) act() {
	for more := true; more && !c.finished; {
		more = c.step()
	}
}

// step does one thing, and reports whether there may be more to do.
func (c *conn) step() bool {
	c.mu.Lock()
	c.looking = false
	call := c.due()
	c.mu.Unlock()
	if call != nil {
		call()
	}
	return call != nil
}

// due says what is to be done next. mu is held.
func (c *conn) due() (call func()) {
	switch {
	case c.aborted, c.lingersNow() && c.eof:
		return c.finish
	case c.lingersNow() && !c.lingers:
		c.lingers = true
		return c.sayGoodbye
	case c.closing:
	case c.congested && !c.toldCongested:
		c.toldCongested = true
		return func() { c.session.Congested(true) }
	case c.drained && !c.congested:
		c.toldCongested, c.drained = false, false
		return func() { c.session.Congested(false) }
	case c.ending && !c.ended:
		c.ended = true
		if c.eof {
			return c.session.End
		}
		return func() {
			c.session.HungUp()
			c.session.End()
		}
	}
	return nil
}

// sayGoodbye says that we are done, and waits a moment for the client to be done too.
func (c *conn) sayGoodbye() {
	if c.socket.CloseWrite() != nil {
		c.Abort()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	wait := linger
	if c.unsentAt = c.socket.Unsent(); c.unsentAt > 0 { // what is encrypted, and on its way
		wait = stallTime
	}
	c.timer = time.AfterFunc(wait, func() { c.o.guard(c, c.lingered) })
	c.pause()
}

// lingered ends a connection whose client has been waited for, unless it is still taking the last of what it was sent.
func (c *conn) lingered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, left := time.Now(), c.socket.Unsent()
	if left < c.unsentAt && now.Before(c.latest) && !c.aborted {
		c.unsentAt = left
		c.timer.Reset(min(stallTime, c.latest.Sub(now)))
		return
	}
	c.aborted = true
	c.look()
}

// finish closes the connection and tells the session.
func (c *conn) finish() {
	c.finished = true
	c.mu.Lock()
	c.aborted = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	defer close(c.done)
	defer c.gone()
	c.o.guard(nil, c.hangUp)
	c.drop()
	if c.session != nil {
		c.o.guard(nil, c.session.Closed)
	}
}

// drop gives up what is unsent.
func (c *conn) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.drop()
}

// hangUp closes the connection, however far start has come.
func (c *conn) hangUp() {
	if c.nc != nil {
		_ = c.nc.Close()
		return
	}
	c.socket.Close()
}

// peer says who is at the other end of nc, and what the certificate says that it has shown.
func peer(nc net.Conn) (p session.Peer, shown names) {
	p.Remote = nc.RemoteAddr().String()
	if local, ok := nc.LocalAddr().(*net.TCPAddr); ok {
		p.LocalHost, p.LocalPort = local.IP.String(), int32(local.Port)
	}
	if secure, ok := nc.(*tls.Conn); ok {
		state := secure.ConnectionState()
		p.Encrypted, p.ServerName = true, state.ServerName
		if len(state.PeerCertificates) > 0 {
			shown = namesIn(state.PeerCertificates[0])
		}
	}
	return p, shown
}
