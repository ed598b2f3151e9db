package tcp_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

// lender lends what is written, and overwrites it when it has it back.
type lender struct {
	t    *testing.T
	lent atomic.Int32 // writes that are out
}

// write has parts written, as a client should get them.
func (l *lender) write(c session.Conn, parts ...[]byte) {
	l.lent.Add(1)
	var once sync.Once
	list := append([][]byte{}, parts...)
	c.Writev(list, func() {
		again := true
		once.Do(func() { again = false })
		if again {
			l.t.Error("a write is given back twice")
			return
		}
		for _, p := range parts {
			clear(p)
		}
		l.lent.Add(-1)
	})
	clear(list) // the list is not lent
}

// wantBack wants all back.
func (l *lender) wantBack() {
	l.t.Helper()
	if n := l.lent.Load(); n != 0 {
		l.t.Errorf("%d writes are not given back", n)
	}
}

// What is lent reaches a client that reads slowly, between what is copied, and is given back only then.
func TestLent(t *testing.T) {
	t.Parallel()
	l := &lender{t: t}
	var want []byte
	h := start(t, func(s *engine) {
		s.data = func([]byte) {
			for i := range 60 {
				parts := [][]byte{bytes.Repeat([]byte{byte(i), 1}, 20), bytes.Repeat([]byte{byte(i), 2}, i*i*100), {}, bytes.Repeat([]byte{3}, i)}
				for _, p := range parts {
					want = append(want, p...)
				}
				if l.write(s.conn, parts...); i%3 == 0 {
					want = append(want, "copied"...)
					write(s.conn, []byte("copied"))
				}
			}
			s.conn.Close()
			l.write(s.conn, []byte("dropped"))
		}
	})
	nc := h.dial(t)
	_ = nc.SetReadBuffer(64 << 10)
	send(t, nc, "x")
	got, err := io.ReadAll(nc)
	sockettest.Receive(t, h.session(t).done, "Closed")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("ReadAll = %d bytes, %v, want the %d written", len(got), err, len(want))
	}
	l.wantBack()
}

// What the socket does not take is not copied: the client gets what is there when it is sent.
func TestLentIsNotCopied(t *testing.T) {
	t.Parallel()
	l := &lender{t: t}
	h := start(t, nil)
	nc := h.dial(t)
	s := h.session(t)
	answer := bytes.Repeat([]byte("answer.."), 4<<20) // 32 MiB, more than the kernel buffers
	want := bytes.Clone(answer)
	l.write(s.conn, answer[:1000:1000], answer[1000:])
	copy(answer[len(answer)-6:], "later.")
	copy(want[len(want)-6:], "later.")
	s.conn.Close()
	if got, err := io.ReadAll(nc); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v, want the %d written; the end is %q", len(got), err, len(answer), got[max(0, len(got)-8):])
	}
	sockettest.Receive(t, s.done, "Closed")
	l.wantBack()
}

// What is lent is given back however a connection ends, before its session is told.
func TestLentIsGivenBack(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *host, s *engine, nc *net.TCPConn){
		"abort":        func(_ *host, s *engine, _ *net.TCPConn) { s.conn.Abort() },
		"close, abort": func(_ *host, s *engine, _ *net.TCPConn) { s.conn.Close(); s.conn.Abort() },
		"client goes":  func(_ *host, _ *engine, nc *net.TCPConn) { _ = nc.Close() },
		"client resets": func(_ *host, _ *engine, nc *net.TCPConn) {
			_ = nc.SetLinger(0)
			_ = nc.Close()
		},
		"host stops": func(h *host, _ *engine, _ *net.TCPConn) { h.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lender{t: t}
			h := start(t, func(s *engine) { s.end = s.conn.Abort }, func(o *tcp.Options) { o.Grace = 10 * time.Millisecond })
			nc := h.dial(t)
			s := h.session(t)
			for range 8 {
				l.write(s.conn, make([]byte, 4<<20), make([]byte, 100<<10))
				write(s.conn, []byte("copied"))
			}
			if l.lent.Load() == 0 {
				t.Error("all is given back, and nothing is read")
			}
			end(h, s, nc)
			sockettest.Receive(t, s.done, "Closed")
			l.wantBack()
			l.write(s.conn, []byte("dropped"))
			l.wantBack()
		})
	}
}

// TestHammerLent has many goroutines write what they lend to clients that read some of it and go.
func TestHammerLent(t *testing.T) {
	t.Parallel()
	l := &lender{t: t}
	var writers sync.WaitGroup
	h := start(t, func(s *engine) {
		s.data = func([]byte) {
			for range 3 {
				writers.Go(func() {
					for range 4 {
						l.write(s.conn, make([]byte, rand.IntN(100)), make([]byte, 400<<10+rand.IntN(1<<20)))
						write(s.conn, make([]byte, rand.IntN(100)))
					}
					if rand.IntN(4) == 0 {
						s.conn.Abort()
					}
				})
			}
		}
	}, func(o *tcp.Options) { o.Grace = 10 * time.Millisecond })
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 20 {
				nc, err := net.Dial("tcp", h.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = nc.Write([]byte("x"))
				_ = nc.SetDeadline(time.Now().Add(sockettest.Patience))
				if _, err := io.CopyN(io.Discard, nc, rand.Int64N(4<<20)); os.IsTimeout(err) { // less than is written
					t.Error(err)
				}
				_ = nc.Close()
			}
		})
	}
	clients.Wait()
	h.stop()
	sockettest.Receive(t, h.stopped, "Serve")
	writers.Wait()
	l.wantBack()
}
