package filter

// pump does to the connection whatever is due: writes answers, pauses or resumes reading, closes. One goroutine at a
// time does it, without holding the mutex while it calls the host, and goes on until nothing is due; so order is kept,
// nobody waits, and a host may call back.
func (s *Session) pump() {
	s.mu.Lock()
	if s.pumping {
		s.mu.Unlock()
		return
	}
	s.pumping = true
	for {
		todo := s.due()
		if todo.nothing() {
			break
		}
		s.mu.Unlock()
		todo.do(s)
		s.mu.Lock()
	}
	s.pumping = false
	s.mu.Unlock()
}

// deed is what is due to a connection.
type deed struct {
	out            []byte
	violation      error
	close          bool
	pause, unpause bool
}

func (d *deed) nothing() bool {
	return d.out == nil && d.violation == nil && !d.close && !d.pause && !d.unpause
}

// due takes what is to be done out of the session's state. s.mu is held.
func (s *Session) due() deed {
	var d deed
	for !s.closing {
		a, ok := s.inflight.pop()
		if !ok {
			break
		}
		if a.Violation != nil {
			d.violation, d.close, s.closing = a.Violation, true, true
			break
		}
		switch {
		case s.gone || a.Frame == nil:
		case d.out == nil:
			d.out = a.Frame
		default:
			d.out = append(d.out, a.Frame...)
		}
	}
	if s.ended && !s.closing && len(s.inflight.requests) == 0 {
		d.close, s.closing = true, true
	}
	s.full = s.overBound()
	if pause := !s.gone && (s.full || s.overdrawn || s.congested); pause != s.paused {
		s.paused, d.pause, d.unpause = pause, pause, !pause
	}
	return d
}

// overBound reports whether the client has too much in flight: more than its bound, or, once over it, half of it.
func (s *Session) overBound() bool {
	bytes, requests := int64(maxConnectionBytes), maxConnectionRequests
	if s.full {
		bytes, requests = bytes/2, requests/2
	}
	return s.inflight.bytes > bytes || len(s.inflight.requests) > requests
}

func (d *deed) do(s *Session) {
	if d.out != nil {
		s.conn.Write(d.out)
	}
	if d.violation != nil {
		s.report(d.violation)
	}
	if d.pause || d.unpause {
		s.conn.PauseReads(d.pause)
	}
	if d.close {
		s.conn.Close()
	}
}
