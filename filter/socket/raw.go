package socket

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxVectors is how many parts the kernel takes at once.
const maxVectors = 1024

// raw writes to the socket below a net.Conn without waiting for it.
type raw struct {
	conn    syscall.RawConn       // nil: there is none
	attempt func(fd uintptr) bool // made once and not for each write
	parts   [][]byte
	n       int
}

// init finds the socket of conn, if it is one.
func (r *raw) init(conn net.Conn) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if c, err := sc.SyscallConn(); err == nil {
		r.conn, r.attempt = c, r.once
	}
}

// write writes what the socket takes at once.
func (r *raw) write(parts [][]byte) (n int) {
	if r.conn == nil || len(parts) == 0 {
		return 0
	}
	r.parts, r.n = parts, 0
	defer func() { r.parts = nil }()
	if r.conn.Write(r.attempt) != nil {
		return 0
	}
	return max(r.n, 0)
}

// once writes once. It always reports true: the runtime need not wait until there is room.
func (r *raw) once(fd uintptr) bool {
	for {
		var err error
		if r.n, err = unix.Writev(int(fd), r.parts[:min(len(r.parts), maxVectors)]); !errors.Is(err, unix.EINTR) {
			return true
		}
	}
}

// first is the first parts, of so many bytes or little more.
func first(parts [][]byte, size int) [][]byte {
	n := 0
	for i, p := range parts {
		if n += len(p); n >= size {
			return parts[:i+1]
		}
	}
	return parts
}

// Rest is what is left of parts when n bytes of it are written. It changes parts.
func Rest(parts [][]byte, n int) [][]byte {
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	if n > 0 {
		parts[0] = parts[0][n:]
	}
	return parts
}

// Size is how many bytes parts are.
func Size(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}
