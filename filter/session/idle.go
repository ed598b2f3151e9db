package session

import "time"

// watchIdleness has the session end when nothing has happened on its connection for a while, as a broker does: a client that
// vanished without a word would have its connection for good.
func (s *Session) watchIdleness() {
	if timeout := s.common.Limits.ConnectionsMaxIdle; timeout > 0 {
		s.active = time.Now()
		s.idleTimer = time.AfterFunc(timeout, s.checkIdle)
	}
}

// checkIdle ends the session if it is idle, or looks again when it could be. It is what the timer calls.
func (s *Session) checkIdle() {
	defer s.recover("timer")
	if s.endIfIdle() {
		s.pump()
	}
}

// endIfIdle ends the session if it is idle, in order, or at once if its client does not read. It reports whether it has.
func (s *Session) endIfIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase.isGone() || s.phase.isClosed() {
		return false
	}
	if s.busy() {
		s.active = time.Now()
	}
	if left := s.common.Limits.ConnectionsMaxIdle - time.Since(s.active); left > 0 {
		s.idleTimer.Reset(left)
		return false
	}
	s.why = wasIdle
	if s.output.full() {
		s.abort(nil)
	} else {
		s.phase.becomeEnded()
	}
	return true
}

// busy reports whether something goes on that is not the client's to hasten: its answers are, if they wait for it to read. A
// request that does not arrive has a timeout of its own. s.mu is held.
func (s *Session) busy() bool {
	return !s.inflight.idle() || s.intake == intakeBusy || s.muting.muted() || !s.kept.empty() && !s.output.full()
}
