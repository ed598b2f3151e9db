package session

import "slices"

// ends is what is to be done when the connection is gone. The session's mutex guards it.
type ends struct{ calls []*func() }

// add adds a call.
func (e *ends) add(call *func()) { e.calls = append(e.calls, call) }

// forget takes a call out, if it is there.
func (e *ends) forget(call *func()) {
	e.calls = slices.DeleteFunc(e.calls, func(c *func()) bool { return c == call })
}

// take takes all calls out.
func (e *ends) take() []*func() {
	calls := e.calls
	e.calls = nil
	return calls
}

// OnEnd has call run once, when the connection is gone: by the goroutine that says so, or at once if it is gone already. Whoever needs
// it no longer calls forget, which does not wait for a call that has begun. Any goroutine may use it.
func (s *Session) OnEnd(call func()) (forget func()) {
	if !s.beginOnEnd(&call) {
		s.common.guard("end", call)
	}
	return func() { s.locked(func() { s.ends.forget(&call) }) }
}

// beginOnEnd has call run when the connection is gone. It reports false if that is so.
func (s *Session) beginOnEnd(call *func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase.isGone() {
		return false
	}
	s.ends.add(call)
	return true
}

// runEnds runs what is to be done when the connection is gone. A bug in one call does not keep the others from being made.
func (s *Session) runEnds() {
	var calls []*func()
	s.locked(func() { calls = s.ends.take() })
	for _, call := range calls {
		s.common.guard("end", *call)
	}
}
