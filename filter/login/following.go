package login

import (
	"context"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// following is a goroutine that begins and ends again and again. The zero value has none. Its methods may be called from any goroutine.
type following struct {
	mu     sync.Mutex
	end    context.CancelFunc // nil: there is none
	closed bool
	work   sync.WaitGroup
}

// begin has run be run, unless it is, or never again is to be.
func (f *following) begin(panics *guard.Panics, where string, run func(life context.Context)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end != nil || f.closed {
		return
	}
	life, end := context.WithCancel(context.Background())
	f.end = end
	f.work.Go(func() { panics.Guard(where, func() { run(life) }) })
}

// rest ends what runs, and waits for that.
func (f *following) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end != nil {
		f.end()
		f.work.Wait()
		f.end = nil
	}
}

// close is rest for good.
func (f *following) close() {
	f.shut()
	f.rest()
}

func (f *following) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}
