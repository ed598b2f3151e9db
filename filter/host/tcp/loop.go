package tcp

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
)

// linger is how long a connection that we close waits for its client to close too. Closing a socket with unread input
// resets the connection, and a reset can overtake our last answers and destroy them.
const linger = time.Second

// step is what the loop does next.
type step uint8

const (
	wait          step = iota // until signalled
	read                      // and push Data
	end                       // tell the session that no more will come
	tellCongested             // tell the session that the client does not keep up
	tellDrained               // tell the session that it does again
	stop                      // the loop
)

// loop is the state that only the loop's goroutine touches.
type loop struct {
	*conn
	session       Session
	toldCongested bool // the session was told that the client is slow
	ended         bool // the session was told that no more will come
	eof           bool // the client has sent all it will
}

// run serves the connection until it is closed.
func (c *conn) run(open func(session.Peer, session.Conn) Session) {
	l := loop{conn: c}
	ok := l.guard(func() {
		c.io.init(c.nc)
		l.session = open(peer(c.nc), c)
		c.io.fill = l.session.Fill
	})
	for more := true; ok && more; {
		ok = l.guard(func() { more = l.step() })
	}
	l.finish()
}

// step does one thing, and reports whether there is more to do.
func (l *loop) step() bool {
	switch l.next() {
	case wait:
		<-l.wake
	case read:
		l.read()
	case end:
		l.session.End()
	case tellCongested:
		l.session.Congested(true)
	case tellDrained:
		l.session.Congested(false)
	case stop:
		return false
	}
	return true
}

func (l *loop) next() step {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = false
	if l.interrupted {
		l.interrupted = false
		_ = l.nc.SetReadDeadline(time.Time{})
	}
	switch {
	case l.gone, l.closing && l.unsent == 0:
		return stop
	case l.closing:
		return wait
	case l.congested && !l.toldCongested:
		l.toldCongested = true
		return tellCongested
	case l.drained && !l.congested:
		l.toldCongested, l.drained = false, false
		return tellDrained
	case l.ending && !l.ended:
		l.ended = true
		return end
	case l.paused, l.ended:
		return wait
	}
	l.reading = true
	return read
}

// read pushes one read to the session, unless the session took it.
func (l *loop) read() {
	p, err := l.io.read()
	defer l.io.release()
	switch {
	case err == nil && len(p) == 0: // by Fill
	case err == nil:
		l.mu.Lock()
		l.reading = false // so that nobody interrupts what is no read any more
		l.mu.Unlock()
		l.session.Data(p)
	case errors.Is(err, os.ErrDeadlineExceeded): // interrupted: look again
	case errors.Is(err, io.EOF):
		l.eof = true
		l.end()
	default:
		l.o.Log.Debug("client lost", "client", l.nc.RemoteAddr(), "error", err)
		l.Abort()
	}
}

// guard makes a call that may meet a bug, in the engine or here: it costs this connection, not the process.
func (l *loop) guard(call func()) (ok bool) { return l.o.guard(l.conn, call) }

// finish closes the connection and tells the session.
func (l *loop) finish() {
	if !l.eof {
		l.guard(l.drain)
	}
	l.guard(l.Abort)
	l.flusher.Wait()
	if l.session != nil {
		l.guard(l.session.Closed)
	}
}

// drain says that we are done, and waits a moment for the client to be done too.
func (l *loop) drain() {
	l.io.fill = nil // nobody wants it
	half, ok := l.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || l.nc.SetReadDeadline(time.Now().Add(linger)) != nil {
		return
	}
	for {
		_, err := l.io.read()
		l.io.release()
		if err != nil {
			return
		}
	}
}

// peer says who is at the other end of nc.
func peer(nc net.Conn) session.Peer {
	p := session.Peer{Remote: nc.RemoteAddr().String()}
	if local, ok := nc.LocalAddr().(*net.TCPAddr); ok {
		p.LocalHost, p.LocalPort = local.IP.String(), int32(local.Port)
	}
	return p
}
