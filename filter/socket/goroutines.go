package socket

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

const (
	// maxInline is how many bytes are at most written by whoever sends them: waking a goroutine takes longer. It takes a thread of the
	// host's some 50 microseconds.
	maxInline = 256 << 10
	// readSize is how much is read at once.
	readSize = 4 << 10
	// gatherSize is how much is written at once by the goroutine: four records of TLS.
	gatherSize = 64 << 10
)

// Goroutines watches each connection with goroutines of its own: one reads, and one writes while the connection is slower than its
// user. It works with any connection.
type Goroutines struct {
	// Guard runs a function, and stops its panics. Nil: nobody does.
	Guard func(where string, f func())
}

var (
	_ Watcher = Goroutines{}

	errBug = errors.New("internal error")
)

// Watch implements Watcher.
//
//nolint:ireturn // as Watcher has it
func (g Goroutines) Watch(conn net.Conn, closes func(), e Events) Socket {
	s := &stream{guard: g.Guard, conn: conn, closes: closes, events: e}
	if s.guard == nil {
		s.guard = func(_ string, f func()) { f() }
	}
	s.changed = sync.NewCond(&s.mu)
	if s.raw.init(conn); s.raw.conn == nil {
		s.gather = bufio.NewWriterSize(conn, gatherSize) // a record for each part would be many small ones
	}
	s.running.Go(func() { s.attempt("socket reader", s.read) })
	return s
}

// stream is a connection that goroutines read and write.
type stream struct {
	guard  func(where string, f func())
	conn   net.Conn
	closes func()
	events Events
	raw    raw
	gather *bufio.Writer // nil: parts are written as they are

	running sync.WaitGroup
	have    []byte // was read, and not taken yet; of the reader alone
	unsent  atomic.Int64

	mu      sync.Mutex
	changed *sync.Cond
	paused  bool
	closed  bool
}

var (
	_ Socket = (*stream)(nil)
	_ Reader = (*stream)(nil)
)

// TryWrite implements Socket. What is long is left to the goroutine.
func (s *stream) TryWrite(parts [][]byte) (n int) {
	if Size(parts) > maxInline {
		return 0
	}
	return s.raw.write(parts)
}

// Send implements Socket.
func (s *stream) Send(parts [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.unsent.Store(int64(Size(parts)))
	s.running.Go(func() { s.attempt("socket writer", func() { s.write(parts) }) })
}

// Unsent implements Socket.
func (s *stream) Unsent() int { return int(s.unsent.Load()) }

// Pause implements Socket. A read that waits already is let be.
func (s *stream) Pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = on
	s.changed.Broadcast()
}

// CloseWrite implements Socket.
func (s *stream) CloseWrite() error {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements Socket.
func (s *stream) Close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	if first {
		s.guard("hang up", s.closes)
	}
	s.running.Wait()
}

// Next implements Reader.
func (s *stream) Next() []byte {
	p := s.have
	s.have = nil
	return p
}

// Into implements Reader.
func (s *stream) Into(p []byte) (n int) {
	n = copy(p, s.have)
	s.have = s.have[n:]
	return n
}

// read reads until no more comes.
func (s *stream) read() {
	buf := make([]byte, readSize)
	for s.mayRead() {
		n, err := s.conn.Read(buf)
		for s.have = buf[:n]; len(s.have) > 0 && s.mayRead(); {
			s.events.Readable(s)
		}
		if err != nil {
			s.over(fmt.Errorf("read: %w", err))
			return
		}
	}
}

// mayRead waits while reading is paused. It reports false when the connection is closed.
func (s *stream) mayRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.paused && !s.closed {
		s.changed.Wait()
	}
	return !s.closed
}

// write writes parts, however long it takes.
func (s *stream) write(parts [][]byte) {
	write := s.writeAll
	if s.gather != nil {
		write = s.writeGathered
	}
	if err := write(parts); err != nil {
		s.over(fmt.Errorf("write: %w", err))
		return
	}
	s.events.Written()
}

func (s *stream) writeAll(parts [][]byte) error {
	for len(parts) > 0 {
		n := s.raw.write(first(parts, gatherSize)) // as far as that goes at once
		if n == 0 {
			var err error
			if n, err = s.conn.Write(parts[0][:min(len(parts[0]), gatherSize)]); err != nil {
				return err
			}
		}
		s.unsent.Add(-int64(n))
		parts = Rest(parts, n)
	}
	return nil
}

func (s *stream) writeGathered(parts [][]byte) error {
	for _, p := range parts {
		for len(p) > 0 {
			n := min(len(p), s.gather.Available())
			if _, err := s.gather.Write(p[:n]); err != nil {
				return err
			}
			if p = p[n:]; s.gather.Available() > 0 {
				continue
			}
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

func (s *stream) flush() error {
	n := s.gather.Buffered()
	err := s.gather.Flush()
	s.unsent.Add(-int64(n))
	return err
}

// attempt makes a call that may meet a bug, of the connection's: it is over then.
func (s *stream) attempt(where string, f func()) {
	ok := false
	s.guard(where, func() {
		f()
		ok = true
	})
	if !ok {
		s.guard(where, func() { s.over(errBug) })
	}
}

// over says why no more comes, unless the connection was closed here.
func (s *stream) over(err error) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if !closed {
		s.events.Over(err)
	}
}
