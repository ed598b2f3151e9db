package session

import (
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
)

const (
	// sliceWork is how much work a session may do in one go. It is counted in bytes that requests hold beside their frames, and
	// took some milliseconds at most.
	sliceWork = 1 << 20
	// requestWork is what each request counts for: so 256 of the smallest are a slice.
	requestWork = 4 << 10
)

// slice is how much a session has done since it last had its turn. The session's mutex guards it.
type slice struct {
	work     int64
	deferred *request // what the next turn begins with; nil: with what was kept
}

// begin begins a new slice, and returns the request that it begins with, if one was deferred.
func (s *slice) begin() *request {
	r := s.deferred
	*s = slice{}
	return r
}

// add counts work.
func (s *slice) add(work int64) { s.work += work }

// deferRequest ends the slice with a request that is for the next one.
func (s *slice) deferRequest(r *request) { s.deferred = r }

// defers reports whether a request waits for the next slice.
func (s *slice) defers() bool { return s.deferred != nil }

// isOver reports whether the session should have others go on first.
func (s *slice) isOver() bool { return s.defers() || s.work > sliceWork }

// turns is where the sessions of a worker wait that have had their slice, or have something laborious to do. A goroutine of its
// own has one after another go on, for one request or slice each: so what one client asks for does not keep the thread of its
// host, which others wait for. It ends when nobody waits. Any goroutine may use it.
type turns struct {
	common *Common

	mu    sync.Mutex
	queue []*Session
	idle  chan struct{} // closed when the goroutine has ended; nil: it does not run
}

// init has the goroutine's bugs told to c.
func (t *turns) init(c *Common) { t.common = c }

// add has s wait for its turn.
func (t *turns) add(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, s)
	if t.idle == nil {
		t.idle = make(chan struct{})
		idle := t.idle
		go t.common.guard("turns", func() { t.run(idle) })
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
	if idle := t.running(); idle != nil {
		<-idle
	}
}

// running is closed when the goroutine has ended; nil: it does not run.
func (t *turns) running() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.idle
}

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
	r := s.slice.begin()
	s.intake.becomeFree()
	if r != nil {
		s.intake.becomeBusy()
	}
	return r
}

// runInTurn has a deferred request answered, unless nobody waits for that any more.
func (s *Session) runInTurn(r *request) {
	gone := false
	s.locked(func() { gone = s.phase.isGone() })
	if gone {
		s.complete(r, broker.Answer{})
	} else {
		defer s.completeAfterPanic(r)
		s.run(r)
	}
	s.locked(func() { s.intake.becomeFree() })
}
