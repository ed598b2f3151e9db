package tcp_test

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 40<<10) // several reads
	for _, tc := range []struct {
		name  string
		sends []string
	}{
		{"one byte", []string{"x"}},
		{"byte by byte", strings.Split("in the order sent", "")},
		{"more than one read takes", []string{long}},
		{"mixed", []string{"a", long, "b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, nil)
			nc := h.dial(t)
			go func() {
				for _, s := range tc.sends {
					nc.Write([]byte(s))
				}
				nc.CloseWrite()
			}()
			got, err := io.ReadAll(nc)
			if want := strings.Join(tc.sends, ""); err != nil || string(got) != want {
				t.Errorf("ReadAll = %d bytes, %v, want the %d sent", len(got), err, len(want))
			}
			sockettest.Receive(t, h.session(t).done, "Closed")
		})
	}
}

// TestFill has a session take every other read straight into a buffer of its own.
func TestFill(t *testing.T) {
	t.Parallel()
	want := make([]byte, 4<<20)
	for i := range want {
		want[i] = byte(i * i >> 8)
	}
	filled := 0
	h := start(t, func(s *engine) {
		var got []byte
		turn := 0
		s.fill = func(read func(p []byte) (n int)) bool {
			if turn++; turn%2 == 0 {
				return false
			}
			room := make([]byte, 100<<10)
			if n := read(room); n > 0 {
				got = append(got, room[:n]...)
				filled += n
			}
			return true
		}
		s.data = func(p []byte) { got = append(got, p...) }
		s.end = func() {
			write(s.conn, got)
			s.conn.Close()
		}
	})
	nc := h.dial(t)
	go func() {
		for rest := want; len(rest) > 0; rest = rest[min(len(rest), 50_000):] {
			nc.Write(rest[:min(len(rest), 50_000)])
		}
		nc.CloseWrite()
	}()
	got, err := io.ReadAll(nc)
	sockettest.Receive(t, h.session(t).done, "Closed")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("ReadAll = %d bytes, %v, want the %d sent", len(got), err, len(want))
	}
	if filled == 0 || filled == len(want) {
		t.Errorf("%d of %d bytes filled, want some", filled, len(want))
	}
}

// TestParts has answers of many parts, more than the kernel takes at once, written to a client that reads slowly.
func TestParts(t *testing.T) {
	t.Parallel()
	const writes, parts = 20, 1500
	var want []byte
	h := start(t, func(s *engine) {
		s.data = func([]byte) {
			for i := range writes {
				list := make([][]byte, parts)
				for j := range list {
					list[j] = bytes.Repeat([]byte{byte(i), byte(j)}, 1+j%200)
					want = append(want, list[j]...)
				}
				s.conn.Writev(list, nil)
				s.conn.Writev(nil, nil)
				s.conn.Writev([][]byte{{}}, nil)
			}
			s.conn.Close()
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
}

func TestPeer(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	nc := h.dial(t)
	got := h.session(t).peer
	local := nc.RemoteAddr().String()
	host, _, _ := strings.Cut(local, ":")
	want := session.Peer{Remote: nc.LocalAddr().String(), LocalHost: host, LocalPort: got.LocalPort}
	if got != want || !strings.HasSuffix(local, ":"+itoa(got.LocalPort)) {
		t.Errorf("peer = %+v, want %+v with the port of %s", got, want, local)
	}
}

// TestHalfClose has a client that sends, shuts down, and waits for an answer that comes later.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	ended := make(chan session.Conn, 1)
	h := start(t, func(s *engine) {
		s.data = func([]byte) {}
		s.end = func() { ended <- s.conn }
	})
	nc := h.dial(t)
	send(t, nc, "request")
	nc.CloseWrite()
	conn := sockettest.Receive(t, ended, "End")
	write(conn, []byte("ans"))
	expect(t, nc, "ans")
	write(conn, []byte("wer"))
	conn.Close()
	expect(t, nc, "wer")
	expectEOF(t, nc)
	sockettest.Receive(t, h.session(t).done, "Closed")
	write(conn, []byte("after Closed nothing happens"))
	conn.PauseReads(true)
	conn.PauseReads(false)
	conn.Close()
}

// TestCloseWithUnreadInput wants the answer to arrive although the client goes on sending what nobody reads.
func TestCloseWithUnreadInput(t *testing.T) {
	t.Parallel()
	h := start(t, func(s *engine) {
		s.data = func([]byte) {
			s.conn.PauseReads(true)
			write(s.conn, []byte("refused"))
			s.conn.Close()
		}
	})
	nc := h.dial(t)
	send(t, nc, strings.Repeat("x", 200<<10))
	expect(t, nc, "refused")
	expectEOF(t, nc)
	send(t, nc, "the client notices only now")
	nc.Close()
	sockettest.Receive(t, h.session(t).done, "Closed")
}

// TestClientLost closes sessions whose clients reset the connection.
func TestClientLost(t *testing.T) {
	t.Parallel()
	h := start(t, nil)
	nc := h.dial(t)
	s := h.session(t)
	nc.SetLinger(0)
	nc.Close()
	sockettest.Receive(t, s.done, "Closed")
}

func TestPauseReads(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10) // more than the reads of the test
	h := start(t, func(s *engine) {
		s.data = func(p []byte) {
			s.conn.PauseReads(true)
			got <- string(p)
		}
	})
	nc := h.dial(t)
	send(t, nc, "one")
	if p := sockettest.Receive(t, got, "Data"); p != "one" {
		t.Errorf("Data = %q, want one", p)
	}
	send(t, nc, "two")
	select {
	case p := <-got:
		t.Fatalf("Data = %q while reads are paused", p)
	case <-time.After(50 * time.Millisecond):
	}
	h.session(t).conn.PauseReads(false)
	if p := sockettest.Receive(t, got, "Data"); p != "two" {
		t.Errorf("Data = %q, want two", p)
	}
}

func TestCongested(t *testing.T) {
	t.Parallel()
	told := make(chan bool, 2)
	h := start(t, func(s *engine) { s.congested = func(on bool) { told <- on } })
	nc := h.dial(t)
	s := h.session(t)
	answer := bytes.Repeat([]byte("answer.."), 4<<20) // 32 MiB, more than the kernel buffers
	write(s.conn, answer)
	if on := sockettest.Receive(t, told, "Congested while the reader waits"); !on {
		t.Error("Congested(false) first")
	}
	s.conn.Close()
	select {
	case on := <-told:
		t.Errorf("Congested(%v) with nothing read", on)
	default:
	}
	if got, err := io.ReadAll(nc); err != nil || !bytes.Equal(got, answer) {
		t.Errorf("read %d bytes, %v, want the %d written", len(got), err, len(answer))
	}
	sockettest.Receive(t, s.done, "Closed")
}

func TestRelieved(t *testing.T) {
	t.Parallel()
	told := make(chan bool, 2)
	h := start(t, func(s *engine) {
		s.congested = func(on bool) {
			s.conn.PauseReads(on)
			told <- on
		}
	})
	nc := h.dial(t)
	s := h.session(t)
	answer := strings.Repeat("x", 32<<20)
	write(s.conn, []byte(answer))
	sockettest.Receive(t, told, "Congested(true)")
	expect(t, nc, answer)
	if on := sockettest.Receive(t, told, "Congested(false)"); on {
		t.Error("Congested(true) twice")
	}
	send(t, nc, "goes on")
	expect(t, nc, "goes on")
}

// TestPanic has a bug in each call; it costs the one connection.
func TestPanic(t *testing.T) {
	t.Parallel()
	bug := func() { panic("bug") }
	for _, tc := range []struct {
		name   string
		script func(s *engine)
	}{
		{"Data", func(s *engine) { s.data = func([]byte) { bug() } }},
		{"Fill", func(s *engine) { s.fill = func(func(p []byte) int) bool { panic("bug") } }},
		{"End", func(s *engine) { s.end = bug }},
		{"Congested", func(s *engine) {
			s.congested = func(bool) { bug() }
			s.data = func([]byte) { write(s.conn, make([]byte, 32<<20)) }
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var bugs atomic.Int32
			var later atomic.Bool
			h := start(t, func(s *engine) {
				if !later.Swap(true) {
					tc.script(s)
				}
			}, func(o *tcp.Options) { o.Panicked = func() { bugs.Add(1) } })
			bad := h.dial(t)
			s := h.session(t)
			send(t, bad, "x")
			bad.CloseWrite()
			sockettest.Receive(t, s.done, "Closed")

			good := h.dial(t)
			send(t, good, "still served")
			expect(t, good, "still served")
			if n := bugs.Load(); n != 1 {
				t.Errorf("%d panics were told, want 1", n)
			}
		})
	}
}

func TestPanicInOpen(t *testing.T) {
	t.Parallel()
	h := start(t, nil, func(o *tcp.Options) {
		o.Open = func(int, session.Peer, session.Conn) tcp.Session { panic("bug") }
	})
	expectEOF(t, h.dial(t))
}

// TestIdleMemory wants connections that were used once to hold no buffer.
func TestIdleMemory(t *testing.T) { //nolint:paralleltest // looks at the whole heap
	const clients, each = 500, 16 << 10 // a quarter of a buffer
	h := start(t, nil)
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // empties sync.Pools for good
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	before := heap()
	for range clients {
		nc := h.dial(t)
		send(t, nc, "x")
		expect(t, nc, "x")
	}
	grown := heap() - before
	t.Logf("%d bytes per idle connection, both ends", grown/clients)
	if grown > clients*each {
		t.Errorf("%d idle connections hold %d bytes each, want below %d", clients, grown/clients, each)
	}
}
