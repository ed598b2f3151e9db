package tcp_test

import (
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

func TestWorkersInTurn(t *testing.T) {
	t.Parallel()
	h := start(t, nil, func(o *tcp.Options) { o.Loops = loops(t, 3) })
	var got []int
	for range 7 {
		h.dial(t)
		got = append(got, h.session(t).worker)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 0, 1, 2, 0}, got); diff != "" {
		t.Errorf("workers (-want +got):\n%s", diff)
	}
}

// TestUnixSocket serves where there is no IP address to tell.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	startOn(t, l, nil)
	nc, err := (&net.Dialer{}).DialContext(t.Context(), "unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	send(t, nc, "x")
	expect(t, nc, "x")
}

// TestStopAnswers has a request in flight while the server stops.
func TestStopAnswers(t *testing.T) {
	t.Parallel()
	inFlight, ended := make(chan session.Conn, 1), make(chan struct{})
	h := start(t, func(s *engine) {
		s.data = func([]byte) { inFlight <- s.conn }
		s.end = func() { close(ended) }
	})
	nc := h.dial(t)
	send(t, nc, "request")
	conn := sockettest.Receive(t, inFlight, "Data")
	h.stop()
	sockettest.Receive(t, ended, "End")
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.addr); err == nil {
		t.Error("a new connection was accepted while stopping")
	}
	write(conn, []byte("answer"))
	conn.Close()
	expect(t, nc, "answer")
	expectEOF(t, nc)
	nc.Close()
	if err := sockettest.Receive(t, h.stopped, "Serve"); err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
}

// TestStopBounded has a session that never gets its answer.
func TestStopBounded(t *testing.T) {
	t.Parallel()
	h := start(t, func(s *engine) { s.end = func() {} }, func(o *tcp.Options) { o.Grace = 50 * time.Millisecond })
	h.dial(t)
	s := h.session(t)
	h.stop()
	if err := sockettest.Receive(t, h.stopped, "Serve"); err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	sockettest.Receive(t, s.done, "Closed")
}

// flaky is a listener that fails a few times.
type flaky struct {
	net.Listener
	failures atomic.Int32
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestAcceptFails(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{Listener: l}
	f.failures.Store(3)
	h := startOn(t, f, nil)
	nc := h.dial(t)
	send(t, nc, "x")
	expect(t, nc, "x")

	l.Close()
	if err := sockettest.Receive(t, h.stopped, "Serve"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a closed listener = %v, want %v", err, net.ErrClosed)
	}
}
