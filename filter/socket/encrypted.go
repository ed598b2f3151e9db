package socket

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

const (
	// plainSize is how much is decrypted, or encrypted, at once: four records of TLS.
	plainSize = 64 << 10
	// maxSpent is the largest buffer that a connection keeps.
	maxSpent = 2 * plainSize
	// maxSealed is how much is encrypted at most in one go.
	maxSealed = 256 << 10
)

// plains are lent to who reads or writes. A connection at rest holds none.
var plains = sync.Pool{New: func() any { return new([plainSize]byte) }} //nolint:gochecknoglobals // a pool is shared

// WatchTLS is Watch for a connection with TLS that was made on a Plug: w has the socket below, and its thread encrypts and decrypts. post
// has a function called on that thread. It reports false if conn is no such connection, or w cannot watch what is below.
//
//nolint:ireturn // as Watcher has it
func WatchTLS(w Watcher, post func(func()), conn net.Conn, closes func(), e Events) (Socket, bool) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil, false
	}
	plug, ok := secure.NetConn().(*Plug)
	if !ok {
		return nil, false
	}
	s := &encrypted{conn: secure, plug: plug, closes: closes, events: e, post: post, ready: make(chan struct{})}
	below := plug.pull()
	if s.below = w.Watch(below, func() { _ = below.Close() }, s); s.below == nil {
		plug.pulled.Store(false)
		return nil, false
	}
	close(s.ready)
	return s, true
}

// encrypted is a socket with TLS on it.
type encrypted struct {
	conn   *tls.Conn
	plug   *Plug
	closes func()
	events Events
	post   func(func())
	ready  chan struct{} // closed when below is there
	below  Socket

	// These are the watcher's alone.
	plain *[plainSize]byte // while somebody reads
	reads bool             // somebody has
	dry   bool             // all that has come is read
	fault error            // why no more is decrypted
	ended error            // why nothing more comes, which is told when all that has come is read

	running sync.Mutex // held while what was posted runs

	sealing sync.Mutex // held while something is encrypted; guards what follows
	sealed  []byte     // encrypted, and given to the socket below; nil: nothing is on its way
	spent   []byte     // for the next
	ends    bool       // the last has been encrypted

	mu     sync.Mutex
	paused bool
	closed bool
	rest   [][]byte // of what is to be sent; nil: nothing
}

var (
	_ Socket = (*encrypted)(nil)
	_ Events = (*encrypted)(nil)
	_ Reader = (*encrypted)(nil)
)

// TryWrite implements Socket. What it returns is encrypted, and the last of it perhaps still on its way.
func (s *encrypted) TryWrite(parts [][]byte) (n int) {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	if s.busy() {
		return 0
	}
	parts = slices.Clone(parts)
	for len(parts) > 0 && s.sealed == nil && n < maxSealed {
		some := s.seal(parts)
		if some == 0 {
			break
		}
		parts = Rest(parts, some)
		n += some
	}
	return n
}

// Send implements Socket.
func (s *encrypted) Send(parts [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.rest = parts
		s.later(s.advance)
	}
}

// Unsent implements Socket.
func (s *encrypted) Unsent() int {
	s.mu.Lock()
	n := Size(s.rest)
	s.mu.Unlock()
	return n + s.below.Unsent()
}

// Pause implements Socket.
func (s *encrypted) Pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = on
	s.below.Pause(on)
	if !on {
		s.later(s.deliver) // what was decrypted, or has come, meanwhile
	}
}

// CloseWrite implements Socket. What is on its way is written before.
func (s *encrypted) CloseWrite() error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	if err := s.conn.CloseWrite(); err != nil { // to the plug
		return err
	}
	s.ends = true
	s.push()
	return s.end()
}

// Close implements Socket.
func (s *encrypted) Close() {
	s.running.Lock()
	s.mu.Lock()
	first := !s.closed
	s.closed, s.rest = true, nil
	s.mu.Unlock()
	s.running.Unlock()
	if first {
		s.closes()
		s.sealing.Lock()
		if s.sealed == nil {
			s.below.TryWrite([][]byte{s.plug.take(nil)}) // that nothing more will come
		}
		s.sealing.Unlock()
	}
	s.below.Close()
}

// Readable implements Events.
func (s *encrypted) Readable(r Reader) {
	<-s.ready
	p := r.Next()
	if len(s.plug.in) > 0 {
		p = append(s.plug.in, p...)
	}
	s.plug.in = p
	s.deliver()
	if len(s.plug.in) > 0 { // reading is paused
		s.plug.in = slices.Clone(s.plug.in)
	}
}

// Next implements Reader.
func (s *encrypted) Next() []byte { return s.plain[:s.Into(s.plain[:])] }

// Into implements Reader.
func (s *encrypted) Into(p []byte) (n int) {
	s.reads = true
	for n < len(p) {
		some, err := s.conn.Read(p[n:])
		n += some
		if errors.Is(err, errNothing) {
			s.dry = true
			break
		}
		if err != nil {
			s.fault = err
			break
		}
	}
	return n
}

// Written implements Events.
func (s *encrypted) Written() {
	<-s.ready
	s.sealing.Lock()
	s.keep(s.sealed)
	s.sealed = nil
	s.push()
	_ = s.end() // who reads will be told
	s.sealing.Unlock()
	s.advance()
}

// Over implements Events. The end of what the other end sends is told behind what it has sent.
func (s *encrypted) Over(err error) {
	<-s.ready
	if errors.Is(err, io.EOF) && !s.mayRead() {
		s.ended = err
		return
	}
	s.events.Over(err)
}

// end ends what is written, once it is time for that and nothing is on its way. s.sealing is held.
func (s *encrypted) end() error {
	if !s.ends || s.sealed != nil {
		return nil
	}
	return s.below.CloseWrite()
}

// later has f called on the watcher's thread, unless the connection is closed then.
func (s *encrypted) later(f func()) {
	s.post(func() {
		s.running.Lock()
		defer s.running.Unlock()
		if !s.isClosed() {
			f()
		}
	})
}

func (s *encrypted) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// busy says that something is to be written before what comes now. s.sealing is held.
func (s *encrypted) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed || s.rest != nil || s.sealed != nil
}

// seal encrypts some of parts, and has that written. It returns how much; 0: that is not possible any more. s.sealing is held, and
// nothing is on its way.
func (s *encrypted) seal(parts [][]byte) (n int) {
	gather := plains.Get().(*[plainSize]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer plains.Put(gather)
	for _, p := range parts {
		if n += copy(gather[n:], p); n == plainSize {
			break
		}
	}
	if _, err := s.conn.Write(gather[:n]); err != nil { // to the plug
		return 0
	}
	s.push()
	return n
}

// push writes what is encrypted. s.sealing is held.
func (s *encrypted) push() {
	if s.sealed != nil {
		return
	}
	out := s.plug.take(s.spent)
	s.spent = nil
	if n := s.below.TryWrite([][]byte{out}); n < len(out) {
		s.sealed = out
		s.below.Send([][]byte{out[n:]})
		return
	}
	s.keep(out)
}

// keep keeps a buffer for the next time, unless it is too large. s.sealing is held.
func (s *encrypted) keep(spent []byte) {
	if cap(spent) <= maxSpent {
		s.spent = spent
	}
}

// deliver has all that has come be read.
func (s *encrypted) deliver() {
	if s.fault != nil {
		return
	}
	s.plain = plains.Get().(*[plainSize]byte) //nolint:forcetypeassert // the pool holds nothing else
	s.dry, s.reads = false, true
	for !s.dry && s.reads && s.fault == nil && s.mayRead() {
		s.reads = false
		s.events.Readable(s)
	}
	plains.Put(s.plain)
	s.plain = nil
	s.sealing.Lock()
	s.push() // TLS may have something to say to what it has read
	s.sealing.Unlock()
	switch {
	case s.fault != nil:
		s.events.Over(fmt.Errorf("read: %w", s.fault))
	case s.dry && s.ended != nil:
		s.fault = s.ended
		s.events.Over(s.ended)
	}
}

func (s *encrypted) mayRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.paused && !s.closed
}

// advance goes on with what is to be sent.
func (s *encrypted) advance() {
	if whole, err := s.sealRest(); err != nil {
		s.events.Over(fmt.Errorf("write: %w", err))
	} else if whole {
		s.events.Written()
	}
}

// sealRest encrypts what is left, as far as it can be written, and reports whether that was the last of it.
func (s *encrypted) sealRest() (whole bool, err error) {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	s.push()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.rest == nil {
		return false, nil
	}
	for total := 0; len(s.rest) > 0 && s.sealed == nil; {
		n := s.seal(s.rest)
		if n == 0 && Size(s.rest) > 0 {
			return false, net.ErrClosed
		}
		s.rest = Rest(s.rest, n)
		if total += n; total >= maxSealed { // others wait too
			s.later(s.advance)
			return false, nil
		}
	}
	if s.sealed != nil {
		return false, nil
	}
	s.rest = nil
	return true, nil
}
