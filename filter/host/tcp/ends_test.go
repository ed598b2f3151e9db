package tcp_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// pipes is a listener without sockets, so that time can be fake: its connections are net.Pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// withClient runs a server in fake time, and gives f a client and its session.
func withClient(t *testing.T, data func(c session.Conn), f func(nc net.Conn, s *engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		h := startOn(t, l, func(s *engine) { s.data = func([]byte) { data(s.conn) } })
		nc := l.dial()
		defer nc.Close()
		send(t, nc, "x")
		f(nc, sockettest.Receive(t, h.sessions, "a session"))
	})
}

// wantEnd checks that a session ends after a time, and not before.
func wantEnd(t *testing.T, s *engine, after time.Duration) {
	t.Helper()
	begun := time.Now()
	<-s.done
	if took := time.Since(begun); took != after {
		t.Errorf("the session ended after %v, want %v", took, after)
	}
}

const left = 1 << 20 // for the client, when its connection is to be closed

func leave(c session.Conn) {
	write(c, make([]byte, left))
	c.Close()
}

// A closed client that takes nothing of what is left for it has ten seconds.
func TestCloseToClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	withClient(t, leave, func(_ net.Conn, s *engine) { wantEnd(t, s, 10*time.Second) })
}

// One that stops in the middle has up to twice that: it is looked at every ten seconds whether it has got on.
func TestCloseToClientThatStopsReading(t *testing.T) {
	t.Parallel()
	closing := make(chan struct{})
	withClient(t, func(c session.Conn) { leave(c); close(closing) }, func(nc net.Conn, s *engine) {
		<-closing
		if _, err := io.CopyN(io.Discard, nc, left/2+1); err != nil {
			t.Error(err)
		}
		wantEnd(t, s, 20*time.Second)
	})
}

// One that gets on gets all of it.
func TestCloseToSlowClient(t *testing.T) {
	t.Parallel()
	withClient(t, leave, func(nc net.Conn, s *engine) {
		const parts = 8
		for range parts {
			bubble.Advance(3 * time.Second)
			if n, err := io.ReadFull(nc, make([]byte, left/parts)); err != nil {
				t.Fatalf("read %d bytes: %v", n, err)
			}
		}
		if _, err := nc.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // a pipe's own
			t.Errorf("then %v, want EOF", err)
		}
		nc.Close()
		wantEnd(t, s, 0)
	})
}

// One that gets on by a little now and then does not keep its connection by that.
func TestCloseToTricklingClient(t *testing.T) {
	t.Parallel()
	withClient(t, leave, func(nc net.Conn, s *engine) {
		var reading sync.WaitGroup
		reading.Go(func() {
			for {
				if _, err := nc.Read(make([]byte, 16<<10)); err != nil { // what is not a socket tells of 64 KiB at a time
					return
				}
				bubble.Advance(time.Second)
			}
		})
		wantEnd(t, s, 30*time.Second)
		reading.Wait()
	})
}

// Abort ends a connection at once, whether it was closed before or not, and from any state.
func TestAbort(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]func(c session.Conn){
		"idle":        func(c session.Conn) { c.Abort() },
		"congested":   func(c session.Conn) { write(c, make([]byte, 4*left)); c.Abort() },
		"closing":     func(c session.Conn) { leave(c); c.Abort() },
		"paused":      func(c session.Conn) { c.PauseReads(true); c.Abort() },
		"then closed": func(c session.Conn) { write(c, make([]byte, left)); c.Abort(); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withClient(t, data, func(_ net.Conn, s *engine) { wantEnd(t, s, 0) })
		})
	}
}

var _ tcp.Session = (*engine)(nil)
