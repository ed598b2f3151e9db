package tcp_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(comersEnv); addr != "" {
		if err := beComers(addr, os.Args[1:]); err != nil {
			panic(err) // the test that has started us sees it
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// engine is a scripted session: it echoes, unless told otherwise, and complains about a host that breaks the contract.
type engine struct {
	t      *testing.T
	conn   session.Conn
	worker int
	peer   session.Peer

	data      func(p []byte)                         // instead of an echo
	fill      func(read func(p []byte) (n int)) bool // instead of false
	end       func()                                 // instead of Close
	congested func(on bool)

	calls  sync.Mutex // held during each call
	closed atomic.Bool
	done   chan struct{} // closed by Closed
	shown  [3]string     // what Certified said
}

var _ tcp.Session = (*engine)(nil)

func (s *engine) Data(p []byte) {
	defer s.call("Data")()
	if s.data != nil {
		s.data(p)
		return
	}
	write(s.conn, p)
}

func (s *engine) Certified(uri, dns, subject string) {
	defer s.call("Certified")()
	s.shown = [3]string{uri, dns, subject}
}

func (s *engine) Fill(read func(p []byte) (n int)) bool {
	defer s.call("Fill")()
	return s.fill != nil && s.fill(read)
}

func (s *engine) End() {
	defer s.call("End")()
	if s.end != nil {
		s.end()
		return
	}
	s.conn.Close()
}

func (s *engine) HungUp() { defer s.call("HungUp")() }

func (s *engine) Congested(on bool) {
	defer s.call("Congested")()
	if s.congested != nil {
		s.congested(on)
	}
}

func (s *engine) Closed() {
	defer s.call("Closed")()
	s.closed.Store(true)
	close(s.done)
}

// call begins a call and gives its end.
func (s *engine) call(name string) func() {
	if !s.calls.TryLock() {
		s.t.Errorf("%s called while another call runs", name)
		return func() {}
	}
	if s.closed.Load() {
		s.t.Errorf("%s called after Closed", name)
	}
	return s.calls.Unlock
}

// host is a running server.
type host struct {
	addr     string
	sessions chan *engine // as they open; bounded by the number of connections in a test
	stop     context.CancelFunc
	stopped  chan error
}

// start serves on a free port. Each session is passed to script before its first call.
func start(t *testing.T, script func(s *engine), change ...func(*tcp.Options)) *host {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, l, script, change...)
}

func startOn(t *testing.T, l net.Listener, script func(s *engine), change ...func(*tcp.Options)) *host {
	t.Helper()
	h := &host{addr: l.Addr().String(), sessions: make(chan *engine, 10_000), stopped: make(chan error, 1)}
	o := tcp.Options{
		Log:   slog.New(slog.DiscardHandler),
		Loops: loops(t, 2),
		Open: func(worker int, p session.Peer, c session.Conn) tcp.Session {
			s := &engine{t: t, conn: c, worker: worker, peer: p, done: make(chan struct{})}
			if script != nil {
				script(s)
			}
			h.sessions <- s
			return s
		},
	}
	for _, c := range change {
		c(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		h.stopped <- tcp.New(o).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
	})
	return h
}

// loops are threads that live as long as a test.
func loops(t *testing.T, n int) []*loop.Loop {
	t.Helper()
	all := make([]*loop.Loop, n)
	for i := range all {
		all[i] = loop.New(func(reason any, stack []byte) { t.Errorf("panic: %v\n%s", reason, stack) })
		t.Cleanup(all[i].Close)
	}
	return all
}

func (h *host) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(sockettest.Patience))
	return nc.(*net.TCPConn)
}

func (h *host) session(t *testing.T) *engine {
	t.Helper()
	return sockettest.Receive(t, h.sessions, "a session")
}

// write has a host write p.
func write(c session.Conn, p []byte) { c.Writev([][]byte{p}, nil) }

func send(t *testing.T, nc net.Conn, p string) {
	t.Helper()
	if _, err := nc.Write([]byte(p)); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly want.
func expect(t *testing.T, nc net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(nc, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got[:n], err, want)
	}
}

// expectEOF wants the connection closed in good order.
func expectEOF(t *testing.T, nc net.Conn) {
	t.Helper()
	if n, err := nc.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("read %d, %v, want EOF", n, err)
	}
}
