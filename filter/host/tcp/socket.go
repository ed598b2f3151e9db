package tcp

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// readSize is the most that one read takes.
const readSize = 64 << 10

// buffers are lent to reads. A connection holds one only from the moment that there is something to read until the
// session has seen it, so an idle connection holds none.
var buffers = sync.Pool{New: func() any { return new([readSize]byte) }} //nolint:gochecknoglobals // a pool is shared

// socket reads a connection with a borrowed buffer, and writes to it without waiting. Only the loop reads; one goroutine at a
// time writes.
type socket struct {
	nc  net.Conn
	raw syscall.RawConn // nil: no socket, or one wrapped
	in  operation
	out operation

	buf *[readSize]byte
}

// operation is a system call on the socket and what came of it. Its func is made once and not for each call.
type operation struct {
	call func(fd uintptr) bool
	data []byte
	n    int
	err  error
}

func (s *socket) init(nc net.Conn) {
	s.nc = nc
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := sc.SyscallConn(); err == nil {
		s.raw, s.in.call, s.out.call = raw, s.readOnce, s.writeOnce
	}
}

// read waits for input and gives it, or io.EOF. The answer is good until release.
func (s *socket) read() ([]byte, error) {
	in := &s.in
	if s.raw == nil { // the buffer waits with it
		s.buf = buffers.Get().(*[readSize]byte) //nolint:forcetypeassert // the pool holds nothing else
		in.n, in.err = s.nc.Read(s.buf[:])
	} else if err := s.raw.Read(in.call); err != nil {
		return nil, err
	} else if in.n <= 0 && in.err == nil {
		in.err = io.EOF
	}
	if in.err != nil {
		return nil, in.err
	}
	return s.buf[:in.n], nil
}

// release gives the buffer back.
func (s *socket) release() {
	if s.buf != nil {
		buffers.Put(s.buf)
		s.buf = nil
	}
}

// readOnce reads what there is. It reports false, and lets go of the buffer, when there is nothing: the caller then
// waits until the socket is readable.
func (s *socket) readOnce(fd uintptr) bool {
	in := &s.in
	s.buf = buffers.Get().(*[readSize]byte)
	for {
		in.n, in.err = syscall.Read(int(fd), s.buf[:])
		switch {
		case errors.Is(in.err, syscall.EINTR):
			continue
		case errors.Is(in.err, syscall.EAGAIN):
			s.release()
			return false
		}
		return true
	}
}

// tryWrite writes as much as the socket takes at once, and says how much that was. An error is for the next write, which waits,
// to meet.
func (s *socket) tryWrite(p []byte) int {
	if s.raw == nil {
		return 0
	}
	s.out.data, s.out.n = p, 0
	defer func() { s.out.data = nil }()
	if err := s.raw.Write(s.out.call); err != nil {
		return 0
	}
	return max(s.out.n, 0)
}

// writeOnce is always content: the runtime need not wait until there is room.
func (s *socket) writeOnce(fd uintptr) bool {
	for {
		s.out.n, s.out.err = syscall.Write(int(fd), s.out.data)
		if !errors.Is(s.out.err, syscall.EINTR) {
			return true
		}
	}
}
