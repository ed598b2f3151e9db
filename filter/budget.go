package filter

import "sync"

const (
	// maxConnectionBytes and maxConnectionRequests are what one client may have in flight before its reads pause.
	maxConnectionBytes    = 16 << 20
	maxConnectionRequests = 1024
	// maxWorkerBytes is what all clients of a worker may have in flight together. Reads go on below half of a bound.
	maxWorkerBytes = 256 << 20
)

// budget bounds the bytes that the sessions of one worker hold for requests in flight. The zero budget is ready.
type budget struct {
	mu     sync.Mutex
	held   int64
	paused map[*Session]bool
}

// take counts n bytes more and reports whether s has to pause; s is told when it may go on.
func (b *budget) take(s *Session, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += n
	if b.held <= maxWorkerBytes {
		return false
	}
	if b.paused == nil {
		b.paused = map[*Session]bool{}
	}
	b.paused[s] = true
	return true
}

// give counts n bytes less and returns the sessions that may go on.
func (b *budget) give(n int64) []*Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	if len(b.paused) == 0 || b.held > maxWorkerBytes/2 {
		return nil
	}
	sessions := make([]*Session, 0, len(b.paused))
	for s := range b.paused {
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
