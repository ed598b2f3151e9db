package session

import (
	"sync"
	"sync/atomic"
)

// fairShare is the part of a worker's limit that any client may have in flight, or of a request that arrives, when the limit of those is
// reached: clients that send little need not suffer for those whose cluster has stalled, or who stop in the middle of a request.
const fairShare = 1024

// budget bounds the bytes that the sessions of one worker hold for requests in flight. Any goroutine may use it.
//
// Requests in flight are drained by the clusters, whatever the clients do: so whoever is paused here goes on in the end.
// Pausing comes one request late, so with many clients it is not enough: see take.
type budget struct {
	limit int64

	mu     sync.Mutex
	held   int64
	paused map[*Session]bool // those that are overdrawn
}

// debit is what the budget knows of one session.
type debit struct{ over atomic.Bool }

// overdrawn reports whether the session has to wait until there is room in the budget.
func (d *debit) overdrawn() bool { return d.over.Load() }

// init sets the bound.
func (b *budget) init(l Limits) { b.limit = l.MaxWorkerBytes }

// take counts n bytes more for s, which has own in flight now, these included. Over the limit it makes s overdrawn, unless own is
// within its fair share. It reports false when s has to go: over twice the limit whoever has more than its share, over three times
// anyone.
func (b *budget) take(s *Session, n, own int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += n
	modest := own <= b.limit/fairShare
	if b.held <= b.limit || modest && b.held <= 2*b.limit {
		return true
	}
	if b.paused == nil {
		b.paused = map[*Session]bool{}
	}
	b.paused[s] = true
	s.debit.over.Store(true)
	return b.held <= 2*b.limit || modest && b.held <= 3*b.limit
}

// give counts n bytes less. Below half of the limit nobody is overdrawn any more: it returns those that were, to be pumped.
func (b *budget) give(n int64) []*Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	if len(b.paused) == 0 || b.held > b.limit/2 {
		return nil
	}
	sessions := make([]*Session, 0, len(b.paused))
	for s := range b.paused {
		s.debit.over.Store(false)
		sessions = append(sessions, s)
	}
	clear(b.paused)
	return sessions
}

// forget drops a session that has ended.
func (b *budget) forget(s *Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.paused, s)
}
