package filter

import "time"

// watchIdleness has the session end when nothing has happened on its connection for a while, as a broker does: a client that
// vanished without a word would have its connection for good.
func (s *Session) watchIdleness() {
	if timeout := s.filter.config.Limits.ConnectionsMaxIdle; timeout > 0 {
		s.active = time.Now()
		s.idleTimer = time.AfterFunc(timeout, s.lookIdle)
	}
}

// lookIdle ends the session if it is idle, or looks again when it could be. It is what the timer calls.
func (s *Session) lookIdle() {
	defer s.recover("timer")
	if s.endIdle() {
		s.pump()
	}
}

// endIdle reports whether it has ended the session: in order, or at once if its client does not read.
func (s *Session) endIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || s.closing {
		return false
	}
	if s.busy() {
		s.active = time.Now()
	}
	if left := s.filter.config.Limits.ConnectionsMaxIdle - time.Since(s.active); left > 0 {
		s.idleTimer.Reset(left)
		return false
	}
	s.ended, s.abandoned = true, s.neverReads()
	return true
}

// busy reports whether something goes on that is not the client's to hasten: its answers are, if they wait for it to read. A
// request that does not arrive has a timeout of its own. s.mu is held.
func (s *Session) busy() bool {
	return s.inflight.requests > 0 || s.consuming || len(s.stash) > 0 && !s.neverReads()
}
