package matrix

import (
	"io"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// armedBytes is how much an armed breaker lets through before it breaks: a request for metadata is smaller, a batch larger.
const armedBytes = 1500

// breaker is a relay. When it is armed it passes a batch on and then closes all connections at once, so that nobody knows whether the
// batch was stored.
type breaker struct {
	*stack.Relay

	mu    sync.Mutex
	left  int // bytes until it breaks; 0 if it is not armed
	broke bool
}

func newBreaker(target string) (*breaker, error) {
	b := &breaker{}
	var err error
	b.Relay, err = stack.StartRelay(func(server, client io.Writer) (io.Writer, io.Writer) { return &fuse{b, server}, client })
	if err == nil {
		b.Aim(target)
	}
	return b, err
}

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

// spend counts what went to the broker, and reports whether it was enough.
func (b *breaker) spend(n int) (breaks bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		return false
	}
	b.left = max(b.left-n, 0)
	b.broke = b.left == 0
	return b.broke
}

// fuse is the way of one connection to the broker.
type fuse struct {
	breaker *breaker
	server  io.Writer
}

func (f *fuse) Write(p []byte) (int, error) {
	n, err := f.server.Write(p)
	if err == nil && f.breaker.spend(n) {
		f.breaker.Hangup()
	}
	return n, err
}
