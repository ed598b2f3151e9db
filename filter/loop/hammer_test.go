package loop_test

import (
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

// TestHammer has connections watched, written, paused and closed from many goroutines.
func TestHammer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func(t *testing.T) sockettest.Pair) {
		t.Helper()
		l := newLoop(t)
		var users sync.WaitGroup
		for range 8 {
			users.Go(func() {
				for range 25 {
					hammer(t, l, open(t))
				}
			})
		}
		users.Wait()
	})
}

func hammer(t *testing.T, l *loop.Loop, e sockettest.Pair) {
	t.Helper()
	u := &user{t: t, written: make(chan struct{}, 1000), over: make(chan error, 4), read: func(r socket.Reader) { r.Next() }}
	u.socket = l.Watch(e.Near, func() { _ = e.Near.Close() }, u)
	var others sync.WaitGroup
	others.Go(func() {
		for range rand.IntN(10) {
			_, _ = e.Far.Write(make([]byte, rand.IntN(100<<10)))
		}
		if rand.IntN(2) == 0 {
			_ = e.Far.Close()
		}
	})
	others.Go(func() { _, _ = io.Copy(io.Discard, e.Far) })
	others.Go(func() {
		for range rand.IntN(10) {
			u.socket.Pause(rand.IntN(2) == 0)
		}
		u.socket.Pause(false)
	})
	for over := false; !over && rand.IntN(5) > 0; {
		part := make([]byte, rand.IntN(300<<10))
		if n := u.socket.TryWrite([][]byte{part}); n < len(part) {
			u.socket.Send([][]byte{part[n:]})
			select {
			case <-u.written:
			case <-u.over: // of what is read, perhaps: what is sent may be on its way
				over = true
			}
		}
	}
	u.close()
	_ = e.Far.Close()
	others.Wait()
}
