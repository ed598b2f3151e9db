package matrix

import (
	"net"
	"sync"
)

// armedBytes is how much an armed breaker lets through before it breaks: a request for metadata is smaller, a batch larger.
const armedBytes = 1500

// breaker forwards connections. When it is armed it forwards a batch and then closes all connections at once, so that
// nobody knows whether the batch was stored.
type breaker struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	left  int // bytes until it breaks; 0 if it is not armed
	broke bool
}

func newBreaker(target string) (*breaker, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &breaker{listener: l, target: target, conns: map[net.Conn]bool{}}
	b.wg.Go(b.accept)
	return b, nil
}

func (b *breaker) addr() string { return b.listener.Addr().String() }

// arm has it break once.
func (b *breaker) arm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.broke = armedBytes, false
}

// disarm tells whether it broke since it was armed.
func (b *breaker) disarm() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = 0
	return b.broke
}

func (b *breaker) close() {
	_ = b.listener.Close() // ends accept
	b.mu.Lock()
	b.closeAll()
	b.mu.Unlock()
	b.wg.Wait()
}

func (b *breaker) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", b.target)
		if err != nil {
			_ = client.Close() // the client sees it
			continue
		}
		b.mu.Lock()
		b.conns[client], b.conns[server] = true, true
		b.mu.Unlock()
		b.wg.Go(func() { b.forward(server, client, b.spend) })
		b.wg.Go(func() { b.forward(client, server, func(int) {}) })
	}
}

func (b *breaker) forward(to, from net.Conn, after func(int)) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
			after(n)
		}
		if err != nil {
			break
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, from)
	delete(b.conns, to)
	_, _ = from.Close(), to.Close() // one that ends one way has ended
}

// spend counts what went to the broker, and breaks when it was enough.
func (b *breaker) spend(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		return
	}
	if b.left = max(b.left-n, 0); b.left == 0 {
		b.broke = true
		b.closeAll()
	}
}

// closeAll is called with mu held.
func (b *breaker) closeAll() {
	for conn := range b.conns {
		_ = conn.Close() // what was written still goes to the broker
	}
}
