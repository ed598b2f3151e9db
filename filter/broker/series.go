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
	waiting []func(done func())
}

// add has do run when it is its turn: on this goroutine, or on the one that has ended what came before. do has done called once, now or
// later and from any goroutine.
func (s *series) add(do func(done func())) {
	s.mu.Lock()
	s.waiting = append(s.waiting, do)
	s.mu.Unlock()
	s.run()
}

// run begins what may begin.
func (s *series) run() {
	for do := s.next(); do != nil; do = s.next() {
		var met atomic.Int32 // the return of do, and its end
		do(func() {
			s.end()
			if met.Add(1) > 1 { // or the loop goes on
				s.run()
			}
		})
		met.Add(1)
	}
}

// next takes out what begins now, nil if nothing may.
func (s *series) next() (do func(done func())) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy >= max(s.width, 1) || len(s.waiting) == 0 {
		return nil
	}
	s.busy++
	do, s.waiting[0] = s.waiting[0], nil
	s.waiting = s.waiting[1:]
	return do
}

// end says that something is over.
func (s *series) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
}
