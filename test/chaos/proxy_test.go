package chaos

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// weather is what a proxy does to the bytes of both directions. The zero value lets them through.
type weather struct {
	delay time.Duration // of each piece
	stall time.Duration // of one piece in twenty: what the loss of a packet costs
	piece int           // how many bytes are written at once, of the first 64 of what is read
	rate  int           // bytes a second
	hole  bool          // what comes is kept, and nothing goes on
}

// proxy is a TCP proxy whose connections can be hurt. Its methods may be called from any goroutine.
type proxy struct {
	listener net.Listener
	all      sync.WaitGroup

	mu      sync.Mutex
	target  string
	away    bool // new connections are reset
	weather weather
	changed chan struct{} // closed when weather changes
	pairs   map[*pair]struct{}
}

// pair is a connection through a proxy.
type pair struct {
	client, server *net.TCPConn
	closed         chan struct{}
	once           sync.Once
}

// startProxy starts a proxy for the length of a test.
func startProxy(t *testing.T) *proxy {
	t.Helper()
	port, err := stack.FreePort()
	stack.Check(t, err)
	p := &proxy{pairs: map[*pair]struct{}{}, changed: make(chan struct{})}
	p.listener, err = net.Listen("tcp", stack.Local(port))
	stack.Check(t, err)
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.reset()
		p.all.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// aim has new connections go to an address.
func (p *proxy) aim(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// set changes the weather.
func (p *proxy) set(w weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.weather = w
	close(p.changed)
	p.changed = make(chan struct{})
}

// calm lets everything through again.
func (p *proxy) calm() { p.set(weather{}) }

// leave has new connections be reset, and ends those that there are; or has it no longer be so.
func (p *proxy) leave(away bool) {
	p.mu.Lock()
	p.away = away
	p.mu.Unlock()
	if away {
		p.reset()
	}
}

// reset ends all connections with RST.
func (p *proxy) reset() {
	for _, c := range p.connections() {
		c.end(true)
	}
}

// halfClose tells both sides of all connections that the other will send no more, and lets nothing more through but what comes back.
func (p *proxy) halfClose(server bool) {
	for _, c := range p.connections() {
		side := c.client
		if server {
			side = c.server
		}
		_ = side.CloseWrite() // it may have ended already
	}
}

func (p *proxy) connections() []*pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*pair, 0, len(p.pairs))
	for c := range p.pairs {
		out = append(out, c)
	}
	return out
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.all.Go(func() { p.serve(conn.(*net.TCPConn)) })
	}
}

func (p *proxy) serve(client *net.TCPConn) {
	p.mu.Lock()
	target, away := p.target, p.away
	p.mu.Unlock()
	c := &pair{client: client, closed: make(chan struct{})}
	if away {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", target)
	if err != nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	c.server = server.(*net.TCPConn)
	p.mu.Lock()
	p.pairs[c] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pump(c, c.client, c.server) })
	both.Go(func() { p.pump(c, c.server, c.client) })
	both.Wait()
	c.end(false)
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// pump copies one direction of a connection in the weather that there is.
func (p *proxy) pump(c *pair, from, to *net.TCPConn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		for rest := buf[:n]; len(rest) > 0; {
			w, ok := p.open(c)
			if !ok {
				return
			}
			size := len(rest)
			if w.piece > 0 && n-len(rest) < 64 {
				size = min(size, w.piece)
			}
			if !c.pause(w.cost(size)) {
				return
			}
			if _, err := to.Write(rest[:size]); err != nil {
				c.end(true)
				return
			}
			rest = rest[size:]
		}
		switch {
		case err == io.EOF: //nolint:errorlint // a net.Conn's EOF is bare
			_ = to.CloseWrite() // it may have ended already
			return
		case err != nil:
			c.end(true)
			return
		}
	}
}

// open waits until the weather lets something through, and says false when the connection has ended.
func (p *proxy) open(c *pair) (weather, bool) {
	for {
		p.mu.Lock()
		w, changed := p.weather, p.changed
		p.mu.Unlock()
		if !w.hole {
			return w, true
		}
		select {
		case <-changed:
		case <-c.closed:
			return w, false
		}
	}
}

// cost is how long a piece takes.
func (w weather) cost(size int) time.Duration {
	d := w.delay
	if w.stall > 0 && rand.IntN(20) == 0 {
		d += w.stall
	}
	if w.rate > 0 {
		d += time.Duration(size) * time.Second / time.Duration(w.rate)
	}
	return d
}

func (c *pair) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-c.closed:
		return false
	}
}

func (c *pair) end(reset bool) {
	c.once.Do(func() {
		close(c.closed)
		for _, conn := range []*net.TCPConn{c.client, c.server} {
			if reset {
				_ = conn.SetLinger(0)
			}
			_ = conn.Close()
		}
	})
}
