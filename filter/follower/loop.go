package follower

import (
	"context"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// Loop is a goroutine that begins and ends again and again. The zero value has none. Its methods may be called from any goroutine.
type Loop struct {
	mu     sync.Mutex
	end    context.CancelFunc // nil: there is none
	closed bool
	work   sync.WaitGroup
}

// Begin has run be run, unless it is, or never again is to be.
func (f *Loop) Begin(panics *guard.Panics, where string, run func(life context.Context)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end != nil || f.closed {
		return
	}
	life, end := context.WithCancel(context.Background())
	f.end = end
	f.work.Go(func() { panics.Guard(where, func() { run(life) }) })
}

// Rest ends what runs, and waits for that.
func (f *Loop) Rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end != nil {
		f.end()
		f.work.Wait()
		f.end = nil
	}
}

// Close is Rest for good.
func (f *Loop) Close() {
	f.shut()
	f.Rest()
}

func (f *Loop) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}
