package admin

import (
	"net"
	"sync"
	"sync/atomic"
)

// limited is a listener with few connections: one more is closed at once.
type limited struct {
	net.Listener

	most int64
	open atomic.Int64
}

func limit(l net.Listener, most int64) *limited { return &limited{Listener: l, most: most} }

// Accept waits for a connection that there is room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			return &counted{Conn: conn, closed: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
		}
		l.open.Add(-1)
		_ = conn.Close() // nobody was promised anything
	}
}

// counted is a connection that is counted until it is closed.
type counted struct {
	net.Conn

	closed func()
}

// Close closes the connection.
func (c *counted) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
