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

// reader reads a connection, with a borrowed buffer. Only the loop uses it.
type reader struct {
	nc  net.Conn
	raw syscall.RawConn
	try func(fd uintptr) bool // tryRead, made a func once and not for each read

	buf *[readSize]byte
	n   int
	err error
}

func (r *reader) init(nc net.Conn) {
	r.nc = nc
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			r.raw, r.try = raw, r.tryRead
		}
	}
}

// read waits for input and gives it, or io.EOF. The answer is good until release.
func (r *reader) read() ([]byte, error) {
	if r.raw == nil { // no socket, or one wrapped: the buffer waits with it
		r.buf = buffers.Get().(*[readSize]byte) //nolint:forcetypeassert // the pool holds nothing else
		r.n, r.err = r.nc.Read(r.buf[:])
	} else if err := r.raw.Read(r.try); err != nil {
		return nil, err
	} else if r.n <= 0 && r.err == nil {
		r.err = io.EOF
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.buf[:r.n], nil
}

// release gives the buffer back.
func (r *reader) release() {
	if r.buf != nil {
		buffers.Put(r.buf)
		r.buf = nil
	}
}

// tryRead reads what there is. It reports false, and lets go of the buffer, when there is nothing: the caller then
// waits until the socket is readable.
func (r *reader) tryRead(fd uintptr) bool {
	r.buf = buffers.Get().(*[readSize]byte)
	for {
		r.n, r.err = syscall.Read(int(fd), r.buf[:])
		switch {
		case errors.Is(r.err, syscall.EINTR):
			continue
		case errors.Is(r.err, syscall.EAGAIN):
			r.release()
			return false
		}
		return true
	}
}
