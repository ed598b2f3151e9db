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
	s.mu.Lock()
	gone := s.phase.isGone()
	if !gone {
		s.ends.add(&call)
	}
	s.mu.Unlock()
	if gone {
		s.common.guard("end", call)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ends.forget(&call)
	}
}

// runEnds runs what is to be done when the connection is gone. A bug in one call does not keep the others from being made.
func (s *Session) runEnds() {
	s.mu.Lock()
	calls := s.ends.take()
	s.mu.Unlock()
	for _, call := range calls {
		s.common.guard("end", *call)
	}
}
