package broker

import (
	"sync"
	"sync/atomic"
)

// series has things done in their order, so many at a time. Any goroutine may use it.
type series struct {
	width int // how many at a time; zero: one

	mu      sync.Mutex
	busy    int
	waiting []turn
}

// turn is something that waits for its turn.
type turn struct {
	request Reply // that is answered if do meets a bug; nil: none
	do      func(done func())
}

// add has do run for a request when it is its turn: on this goroutine, or on the one that has ended what came before. do has done called
// once, now or later and from any goroutine. If it panics, the request is answered, and what comes behind goes on.
func (s *series) add(request Reply, do func(done func())) {
	s.queue(turn{request, do})
	s.run()
}

// queue puts something behind all that waits.
func (s *series) queue(t turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, t)
}

// run begins what may begin.
func (s *series) run() {
	for next := s.next(); next.do != nil; next = s.next() {
		s.begin(next)
	}
}

// begin begins what has its turn.
func (s *series) begin(t turn) {
	var met atomic.Int32 // the return of do, and its end
	end := sync.OnceFunc(s.end)
	returned := false
	defer func() {
		if !returned {
			end()
			s.run()
		}
	}()
	if t.request != nil {
		defer answerAfterPanic(t.request)
	}
	t.do(func() {
		end()
		if met.Add(1) > 1 { // or the loop goes on
			s.run()
		}
	})
	returned = true
	met.Add(1)
}

// next takes out what begins now; the zero turn if nothing may.
func (s *series) next() (next turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy >= max(s.width, 1) || len(s.waiting) == 0 {
		return turn{}
	}
	s.busy++
	next, s.waiting[0] = s.waiting[0], turn{}
	s.waiting = s.waiting[1:]
	return next
}

// end says that something is over.
func (s *series) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
}
