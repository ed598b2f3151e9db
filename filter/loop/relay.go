package loop

import (
	"net"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
)

// relay is a connection that the kernel does not tell of: goroutines read and write it, and the loop is told of it in iterations.
type relay struct {
	socket.Socket

	loop   *Loop
	events socket.Events
	done   chan struct{} // holds 1: what was read has been taken
	gone   chan struct{} // closed by Close
	once   sync.Once

	running sync.Mutex // held during events
	closed  bool
}

var (
	_ socket.Socket = (*relay)(nil)
	_ socket.Events = (*relay)(nil)
)

func (l *Loop) relay(conn net.Conn, closes func(), e socket.Events) *relay {
	r := &relay{loop: l, events: e, done: make(chan struct{}, 1), gone: make(chan struct{})}
	r.Socket = socket.Goroutines{Guard: l.guardNamed}.Watch(conn, closes, r)
	return r
}

// Readable implements socket.Events. The goroutine that reads waits until what it has read is taken.
func (r *relay) Readable(from socket.Reader) {
	r.loop.Post(func() {
		defer r.taken()
		r.call(func() { r.events.Readable(from) })
	})
	select {
	case <-r.done:
	case <-r.gone:
	}
}

// Written implements socket.Events.
func (r *relay) Written() { r.loop.Post(func() { r.call(r.events.Written) }) }

// Over implements socket.Events.
func (r *relay) Over(err error) { r.loop.Post(func() { r.call(func() { r.events.Over(err) }) }) }

// Close implements socket.Socket.
func (r *relay) Close() {
	r.running.Lock()
	r.closed = true
	r.running.Unlock()
	r.once.Do(func() { close(r.gone) })
	r.Socket.Close()
}

// taken says that what was read has been taken. After Close nobody waits for it any more.
func (r *relay) taken() {
	select {
	case r.done <- struct{}{}:
	default:
	}
}

func (r *relay) call(event func()) {
	r.running.Lock()
	defer r.running.Unlock()
	if !r.closed {
		event()
	}
}
