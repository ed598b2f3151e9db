package tcp

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// readSize is the most that one read takes with a borrowed buffer.
	readSize = 64 << 10
	// maxVectors is how many parts the kernel takes at once.
	maxVectors = 1024
	// fillSize is the most that one read takes straight to where it belongs.
	fillSize = 1 << 20
)

// buffers are lent to reads. A connection holds one only from the moment that there is something to read until the
// session has seen it, so an idle connection holds none.
var buffers = sync.Pool{New: func() any { return new([readSize]byte) }} //nolint:gochecknoglobals // a pool is shared

// socket reads a connection, and writes to it without waiting. It reads into a borrowed buffer, or into what fill has. Only the
// loop reads; one goroutine at a time writes.
type socket struct {
	nc  net.Conn
	raw syscall.RawConn // nil: no socket, or one wrapped
	in  operation
	out operation

	buf  *[readSize]byte
	fill func(read func(p []byte) (n int)) bool // the session's; nil: there is none, or no more
	into func(p []byte) (n int)
	fd   uintptr // for into

	parts [][]byte // to be written
}

// operation is a system call on the socket and what came of it. Its func is made once and not for each call.
type operation struct {
	call func(fd uintptr) bool
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
		s.raw, s.in.call, s.out.call, s.into = raw, s.readOnce, s.writeOnce, s.readInto
	}
}

// read waits for input and gives it, or io.EOF. It gives nothing if fill took the input. The answer is good until release.
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
	if s.buf == nil {
		return nil, nil
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
	s.fd = fd
	if s.fill == nil || !s.fill(s.into) {
		s.buf = buffers.Get().(*[readSize]byte) //nolint:forcetypeassert // the pool holds nothing else
		s.readInto(s.buf[:])
	}
	if errors.Is(s.in.err, syscall.EAGAIN) {
		s.release()
		return false
	}
	return true
}

// readInto reads once, and leaves in s.in what came of it.
func (s *socket) readInto(p []byte) int {
	in := &s.in
	for {
		in.n, in.err = syscall.Read(int(s.fd), p[:min(len(p), fillSize)])
		if !errors.Is(in.err, syscall.EINTR) {
			return in.n
		}
	}
}

// tryWritev writes as much as the socket takes at once, and returns the rest, for which it changes parts. It tells no error: the next
// write, which waits, has the same.
func (s *socket) tryWritev(parts [][]byte) (rest [][]byte) {
	if s.raw == nil {
		return parts
	}
	s.parts, s.out.n = parts, 0
	defer func() { s.parts = nil }()
	if err := s.raw.Write(s.out.call); err != nil {
		return parts
	}
	n := max(s.out.n, 0)
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	if n > 0 {
		parts[0] = parts[0][n:]
	}
	return parts
}

// writeOnce writes once, and leaves in s.out what came of it. It always reports true: the runtime need not wait until there is room.
func (s *socket) writeOnce(fd uintptr) bool {
	for {
		if len(s.parts) == 1 {
			s.out.n, s.out.err = syscall.Write(int(fd), s.parts[0])
		} else {
			s.out.n, s.out.err = unix.Writev(int(fd), s.parts[:min(len(s.parts), maxVectors)])
		}
		if !errors.Is(s.out.err, syscall.EINTR) {
			return true
		}
	}
}
