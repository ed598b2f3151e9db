package filter

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// maxAnswerBytes is how much may wait in one session for answers that come before it.
	maxAnswerBytes = 1 << 20
	// maxQueries is how many requests other than Produce may wait for their answers, which may be large: Metadata of all
	// topics is asked for in 30 bytes. A broker works on one request of a connection at a time.
	maxQueries = 8
	// maxStash is how much is kept of what a client sent before its reads pause. Usually nothing is.
	maxStash = 64 << 10
	// maxKept is how much is kept at most. A host that can pause hands over what it has read already, 1 MiB or so.
	maxKept = 4 << 20
)

// pump does to the connection whatever is due, and then takes further requests from what was kept of the client's bytes, if
// there is any and it may.
func (s *Session) pump() {
	for p := s.flush(); p != nil; p = s.flush() {
		s.worker.cork.Hold()
		s.consume(p, true)
		s.worker.cork.Release()
	}
}

// flush does to the connection whatever is due: writes answers, pauses or resumes reading, closes. One goroutine at a time
// does it, without holding the mutex while it calls the host, and goes on until nothing is due; so order is kept, nobody
// waits, and a host may call back. It returns what its caller has to consume, nil if nothing.
func (s *Session) flush() []byte {
	todo, p, more := s.step(nil, false)
	for more {
		s.giveBack(todo.freed)
		sated := todo.do(s)
		todo, p, more = s.step(&todo, sated)
	}
	return p
}

// step takes note of what has been done, nil to begin with, and says what is due next. If there is more, the caller does that, and
// another step; else it consumes p.
func (s *Session) step(done *deed, sated bool) (todo deed, p []byte, more bool) {
	var evict []*Session
	defer func() {
		for _, other := range evict {
			other.abandon(errUnread)
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case done == nil && s.pumping: // somebody else does it
		return deed{}, nil, false
	case done == nil:
		s.pumping = true
	default:
		s.sated = s.sated || sated && !s.relieved
		if !s.gone && done.out != nil && s.neverReads() {
			evict = s.worker.unread.hold(s, len(done.out))
		}
	}
	if todo = s.due(); todo.nothing() {
		s.pumping = false
		return deed{}, s.readmit(), false
	}
	s.relieved = false
	return todo, nil, true
}

var errUnread = &wire.Violation{
	Reason: wire.ReasonMemoryLimit,
	Detail: "the answers that the clients of this worker do not read hold too much memory, and this client has not read for longest",
}

// abandon ends the session at once, because its client does not read.
func (s *Session) abandon(why error) {
	s.mu.Lock()
	if !s.abandoned {
		s.abandoned, s.verdict = true, why
	}
	s.mu.Unlock()
	s.pump()
}

// neverReads reports whether the client has been answered more than it reads. s.mu is held.
func (s *Session) neverReads() bool { return s.congested || s.sated }

// deed is what is due to a connection.
type deed struct {
	out            []byte
	freed          int64 // by the answers in out, and those that nobody waits for
	violation      error
	close, abort   bool
	pause, unpause bool
}

func (d *deed) nothing() bool {
	return d.out == nil && d.freed == 0 && d.violation == nil && !d.close && !d.abort && !d.pause && !d.unpause
}

// due takes what is to be done out of the session's state. s.mu is held.
func (s *Session) due() deed {
	var d deed
	for {
		a, ok := s.inflight.pop()
		if !ok {
			break
		}
		d.freed += int64(len(a.Frame))
		switch {
		case s.closing: // nothing may follow
		case a.Violation != nil:
			d.violation, d.close, s.closing = a.Violation, true, true
		case s.gone || a.Frame == nil:
		case d.out == nil:
			d.out = a.Frame
		default:
			d.out = append(d.out, a.Frame...)
		}
	}
	if s.ended && !s.closing && s.inflight.requests == 0 && len(s.stash) == 0 && !s.consuming {
		d.close, s.closing = true, true
	}
	if s.abandoned && !s.aborted {
		if !s.closing {
			d.violation = s.verdict
		}
		d.abort, s.aborted, s.closing = true, true, true
	}
	if d.out != nil {
		s.active = time.Now()
	}
	s.full = s.overBound()
	pause := !s.gone && (s.blocked() || s.starving.Load() || s.kept > maxStash)
	if pause != s.paused {
		s.paused, d.pause, d.unpause = pause, pause, !pause
	}
	return d
}

// blocked reports whether no further request may be taken from the client. One that has begun to arrive may go on, so
// that a session that starves is not blocked. s.mu is held.
func (s *Session) blocked() bool {
	return s.overBound() || s.neverReads() || s.overdrawn.Load()
}

// stops reports whether whoever consumes has to stop for now.
func (s *Session) stops() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked() || s.isDone()
}

// overBound reports whether the client has too much in flight: more than its bound, or, once over it, half of it.
func (s *Session) overBound() bool {
	bytes, requests := s.filter.config.Limits.MaxConnectionBytes, s.filter.config.Limits.MaxConnectionRequests
	answers, queries := int64(maxAnswerBytes), maxQueries
	if s.full {
		bytes, answers, requests, queries = bytes/2, answers/2, requests/2, queries/2
	}
	q := &s.inflight
	return q.bytes > bytes || q.answers > answers || q.requests > requests || q.queries > queries
}

// do does it, and reports whether the client has enough.
func (d *deed) do(s *Session) (sated bool) {
	if d.out != nil {
		sated = s.conn.Write(d.out)
	}
	if d.violation != nil {
		s.report(d.violation)
	}
	if d.unpause {
		s.resume()
	}
	if d.pause || d.unpause {
		s.conn.PauseReads(d.pause)
	}
	if d.close {
		s.conn.Close()
	}
	if d.abort {
		s.conn.Abort()
	}
	return sated
}
