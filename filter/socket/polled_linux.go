package socket

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// polled is a socket of a Poller.
type polled struct {
	poller *Poller
	fd     int
	slot   int32
	age    int32
	events Events

	running sync.Mutex // held during events

	// What came of the last read, for whoever handles events.
	n    int
	full bool // it came to an end because there was no room for more
	err  error

	mu       sync.Mutex
	interest uint32 // what the kernel has been asked for
	paused   bool
	over     bool // nothing more is read
	hung     bool // the kernel is not asked: it would tell again and again that the connection is gone
	closed   bool
	rest     [][]byte // of what is to be sent
	unsent   int
}

var (
	_ Socket = (*polled)(nil)
	_ Reader = (*polled)(nil)
)

// TryWrite implements Socket.
func (s *polled) TryWrite(parts [][]byte) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.rest != nil {
		return 0
	}
	n, _ = send(s.fd, parts)
	return n
}

// Send implements Socket.
func (s *polled) Send(parts [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.rest, s.unsent = parts, Size(parts)
	s.ask()
}

// Unsent implements Socket.
func (s *polled) Unsent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsent
}

// Pause implements Socket.
func (s *polled) Pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = on
	s.ask()
}

// CloseWrite implements Socket.
func (s *polled) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return unix.Shutdown(s.fd, unix.SHUT_WR)
}

// Close implements Socket.
func (s *polled) Close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	s.running.Lock() // no event is running, and none will
	defer s.running.Unlock()
	if first {
		s.poller.remove(s)
	}
}

// Next implements Reader.
func (s *polled) Next() []byte {
	buf := s.poller.buf[:]
	return buf[:s.Into(buf)]
}

// Into implements Reader.
func (s *polled) Into(p []byte) int {
	s.n, s.err = read(s.fd, p)
	s.full = s.n == len(p)
	return s.n
}

// event is what the kernel is asked for. s.mu is held, or nobody else has s yet.
func (s *polled) event() *unix.EpollEvent {
	return &unix.EpollEvent{Events: s.interest, Fd: s.slot, Pad: s.age}
}

// ask has the kernel tell of what is of interest now. s.mu is held.
func (s *polled) ask() {
	if s.closed {
		return
	}
	var interest uint32
	if !s.paused && !s.over {
		interest |= unix.EPOLLIN
	}
	if s.rest != nil {
		interest |= unix.EPOLLOUT
	}
	switch {
	case interest == s.interest:
	case s.hung && interest == 0:
	case s.hung:
		s.interest, s.hung = interest, false
		_ = unix.EpollCtl(s.poller.epoll, unix.EPOLL_CTL_ADD, s.fd, s.event())
	default:
		s.interest = interest
		_ = unix.EpollCtl(s.poller.epoll, unix.EPOLL_CTL_MOD, s.fd, s.event())
	}
}

// handle tells of events, and reports whether there may be more to read.
func (s *polled) handle(events uint32) (more bool) {
	s.running.Lock()
	defer s.running.Unlock()
	if events&unix.EPOLLOUT != 0 {
		s.flush()
	}
	const gone = unix.EPOLLHUP | unix.EPOLLERR
	if events&(unix.EPOLLIN|gone) != 0 && s.reads(events&gone != 0) {
		return s.receive()
	}
	return false
}

// reads reports whether there is somebody to read. If not, and the connection is gone, the kernel is not asked any more.
func (s *polled) reads(gone bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if !s.paused && !s.over {
		return true
	}
	if gone && s.rest == nil && !s.hung {
		s.hung, s.interest = true, 0
		_ = unix.EpollCtl(s.poller.epoll, unix.EPOLL_CTL_DEL, s.fd, nil)
	}
	return false
}

// receive has what has come be read, and reports whether there may be more.
func (s *polled) receive() (more bool) {
	s.n, s.full, s.err = 0, false, unix.EAGAIN // unless it is read
	s.events.Readable(s)
	switch {
	case s.n > 0, errors.Is(s.err, unix.EAGAIN), errors.Is(s.err, unix.EINTR):
		return s.full
	case s.err == nil:
		s.err = io.EOF
	}
	s.mu.Lock()
	closed := s.closed
	s.over = true
	s.ask()
	s.mu.Unlock()
	if !closed {
		s.events.Over(fmt.Errorf("read: %w", s.err))
	}
	return false
}

// flush writes what is left to be sent.
func (s *polled) flush() {
	if whole, err := s.writeRest(); err != nil {
		s.events.Over(fmt.Errorf("write: %w", err))
	} else if whole {
		s.events.Written()
	}
}

// writeRest writes once, and reports whether all is written now.
func (s *polled) writeRest() (whole bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.rest == nil {
		return false, nil
	}
	n, err := send(s.fd, s.rest)
	if errors.Is(err, unix.EAGAIN) {
		err = nil
	}
	s.unsent -= n
	if s.rest = Rest(s.rest, n); len(s.rest) == 0 || err != nil {
		whole = err == nil
		s.rest = nil
		s.ask()
	}
	return whole, err
}
