package socket

import (
	"net"
	"sync"
	"sync/atomic"
)

// Plug is what TLS is made on, so that a Watcher can take the connection from below it later: from then on what has come is put in, and
// what is to be sent is taken out.
type Plug struct {
	net.Conn // until it is pulled

	pulled atomic.Bool
	in     []byte // has come and is not read yet; of the thread that reads alone

	mu  sync.Mutex
	out []byte // is to be sent
}

var _ net.Conn = (*Plug)(nil)

// NewPlug returns a plug that conn is in.
func NewPlug(conn net.Conn) *Plug { return &Plug{Conn: conn} }

// Read implements net.Conn. Without a connection it does not wait.
func (p *Plug) Read(b []byte) (int, error) {
	if !p.pulled.Load() {
		return p.Conn.Read(b)
	}
	if len(p.in) == 0 {
		return 0, errNothing
	}
	n := copy(b, p.in)
	p.in = p.in[n:]
	return n, nil
}

// Write implements net.Conn.
func (p *Plug) Write(b []byte) (int, error) {
	if !p.pulled.Load() {
		return p.Conn.Write(b)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = append(p.out, b...)
	return len(b), nil
}

// Close implements net.Conn. What has been taken out is closed by who has it.
func (p *Plug) Close() error {
	if p.pulled.Load() {
		return nil
	}
	return p.Conn.Close()
}

// pull takes the connection out.
func (p *Plug) pull() net.Conn {
	p.pulled.Store(true)
	return p.Conn
}

// take takes out what is to be sent, and leaves spent to be filled.
func (p *Plug) take(spent []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.out
	p.out = spent[:0]
	return out
}

// nothing says that nothing has come yet. It is temporary: TLS goes on after it where it was.
type nothing struct{}

var errNothing net.Error = nothing{}

func (nothing) Error() string { return "nothing has come yet" }

func (nothing) Timeout() bool { return true }

func (nothing) Temporary() bool { return true }
