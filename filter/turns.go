package filter

import (
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// sliceWork is how much work a session may do in one go. It is counted in bytes that requests hold beside their frames, and
	// took some milliseconds at most.
	sliceWork = 1 << 20
	// requestWork is what each request counts for: so 256 of the smallest are a slice.
	requestWork = 4 << 10
	// largeQuery is the length from which a request other than Produce is laborious.
	largeQuery = 32 << 10
)

// laborious reports whether a request may take longer than the goroutine that brings it should be kept: one whose message sets
// are to be converted, or that names very much.
func laborious(h wire.Header, body []byte) bool {
	if h.Key == wire.KeyProduce {
		return h.Version < 3
	}
	return len(body) > largeQuery
}

// turns is where the sessions of a worker wait that have had their slice, or have something laborious to do. A goroutine of its
// own has one after another go on, for one request or slice each: so what one client asks for does not keep the thread of its
// host, which others wait for. It ends when nobody waits. Any goroutine may use it.
type turns struct {
	guard func(where string, call func()) // runs a function under recover

	mu    sync.Mutex
	queue []*Session
	idle  chan struct{} // closed when the goroutine has ended; nil: it does not run
}

// add has s wait for its turn.
func (t *turns) add(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, s)
	if t.idle == nil {
		t.idle = make(chan struct{})
		idle := t.idle
		go t.guard("turns", func() { t.run(idle) })
	}
}

func (t *turns) run(idle chan struct{}) {
	defer close(idle)
	for s := t.next(); s != nil; s = t.next() {
		s.takeTurn()
	}
}

// next takes out who has waited longest; nil: nobody does, and the goroutine ends.
func (t *turns) next() *Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		t.queue, t.idle = nil, nil
		return nil
	}
	s := t.queue[0]
	t.queue[0] = nil
	t.queue = t.queue[1:]
	return s
}

// wait waits until nobody waits for a turn.
func (t *turns) wait() {
	t.mu.Lock()
	idle := t.idle
	t.mu.Unlock()
	if idle != nil {
		<-idle
	}
}

// putOff keeps a laborious request for the session's turn. What comes behind it is kept too.
func (s *Session) putOff(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.labor = r
}

// isDone reports whether the session's slice is over. s.mu is held.
func (s *Session) isDone() bool { return s.labor != nil || s.work > sliceWork }

// takeTurn goes on where the session was put off: with its laborious request, or with a slice of what was kept. The worker's turns
// call it.
func (s *Session) takeTurn() {
	defer s.recover("turn")
	if r := s.beginTurn(); r != nil {
		s.runInTurn(r)
	}
	s.pump()
}

// beginTurn begins a new slice, and returns the request that the turn is for, if it is for one.
func (s *Session) beginTurn() *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.labor
	s.labor, s.waiting, s.work = nil, false, 0
	s.consuming = r != nil // nobody else consumes: the session was waiting
	return r
}

func (s *Session) runInTurn(r *request) {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	if gone {
		s.complete(r, broker.Answer{})
	} else {
		defer s.settleAfterPanic(r)
		s.run(r)
	}
	s.mu.Lock()
	s.consuming = false
	s.mu.Unlock()
}
