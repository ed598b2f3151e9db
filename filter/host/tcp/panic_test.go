package tcp_test

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

// faultyConn has a bug in one method.
type faultyConn struct {
	net.Conn

	bug string
}

func (c faultyConn) Read(p []byte) (int, error)  { c.meet("Read"); return c.Conn.Read(p) }
func (c faultyConn) Write(p []byte) (int, error) { c.meet("Write"); return c.Conn.Write(p) }
func (c faultyConn) Close() error                { _ = c.Conn.Close(); c.meet("Close"); return nil }
func (c faultyConn) CloseWrite() error           { c.meet("CloseWrite"); return nil }

func (c faultyConn) meet(method string) {
	if c.bug == method {
		panic("bug in " + method)
	}
}

// TestPanicOfConnection has a bug in each method of a connection: it costs that one, whose session is told that it is gone.
func TestPanicOfConnection(t *testing.T) {
	t.Parallel()
	for _, bug := range []string{"Read", "Write", "Close", "CloseWrite"} {
		t.Run(bug, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var bugs atomic.Int32
				l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
				caught := func(any, []byte) { bugs.Add(1) }
				h := startOn(t, l, func(s *engine) {
					s.data = func(p []byte) {
						write(s.conn, p)
						s.conn.Close()
					}
				}, func(o *tcp.Options) {
					o.Panicked = func() { bugs.Add(1) }
					o.Loops = []*loop.Loop{loop.New(caught)}
					t.Cleanup(o.Loops[0].Close)
				})
				near, far := net.Pipe()
				defer near.Close()
				l.conns <- faultyConn{far, bug}
				s := sockettest.Receive(t, h.sessions, "a session")
				_, _ = near.Write([]byte("x"))
				go func() { _, _ = near.Read(make([]byte, 1)) }()
				sockettest.Receive(t, s.done, "Closed")
				if n := bugs.Load(); n < 1 || n > 3 {
					t.Errorf("%d panics were told, want 1, or one for each time that it was met", n)
				}
				good := l.dial()
				defer good.Close()
				send(t, good, "still served")
				expect(t, good, "still served")
			})
		})
	}
}

// TestPanicBeforeTheSession has a bug before there is a socket: the client is let go of, and so is the server when it stops.
func TestPanicBeforeTheSession(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var bugs atomic.Int32
	h := startOn(t, nameless{l}, nil, func(o *tcp.Options) { o.Panicked = func() { bugs.Add(1) } })
	expectEOF(t, h.dial(t))
	h.stop()
	sockettest.Receive(t, h.stopped, "Serve")
	if bugs.Load() != 1 {
		t.Errorf("%d panics were told, want 1", bugs.Load())
	}
}

// nameless accepts connections that do not say where they were accepted.
type nameless struct{ net.Listener }

func (n nameless) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	return noAddr{c}, err
}

type noAddr struct{ net.Conn }

func (noAddr) LocalAddr() net.Addr { panic("bug") }
