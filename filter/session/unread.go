package session

import (
	"container/list"
	"sync"
)

// leastUnread is what a client that does not read holds at least: hosts say so once so much is unsent.
const leastUnread = 1 << 20

// unread bounds the answers that the clients of one worker do not read, as far as hosts tell of them. Any goroutine may use it.
//
// Only the client can drain them, so nobody is paused here for another's sake: over the limit, whoever has not read for longest
// has to go.
type unread struct {
	limit int64

	mu    sync.Mutex
	held  int64
	queue list.List // of *Session, the one that has not read for longest at the front
}

// backlog is what one session's client does not read. It is guarded by the mutex of its worker's unread.
type backlog struct {
	element *list.Element // in the queue while the client does not read
	held    int64
}

// init sets the bound: half of what may be in flight.
func (u *unread) init(l Limits) { u.limit = l.MaxWorkerBytes / 2 }

// hold says that n bytes more were written for the client of s, which does not read. It returns those that have to go.
func (u *unread) hold(s *Session, n int) (evict []*Session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	more := int64(n)
	if s.backlog.element == nil {
		s.backlog.element = u.queue.PushBack(s)
		more = max(more, leastUnread)
	}
	s.backlog.held += more
	u.held += more
	for u.held > u.limit {
		oldest := u.queue.Front().Value.(*Session) //nolint:forcetypeassert // the queue holds nothing else
		u.remove(oldest)
		evict = append(evict, oldest)
	}
	return evict
}

// forget says that the client of s reads, or is gone.
func (u *unread) forget(s *Session) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.remove(s)
}

// remove takes s out of the queue. u.mu is held.
func (u *unread) remove(s *Session) {
	if s.backlog.element == nil {
		return
	}
	u.queue.Remove(s.backlog.element)
	u.held -= s.backlog.held
	s.backlog = backlog{}
}
