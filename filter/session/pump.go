package session

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// pump does to the connection whatever is due, and then takes further requests from what was kept of the client's bytes, if
// there is any and it may.
func (s *Session) pump() {
	for p := s.act(); p != nil; p = s.act() {
		s.worker.cork.Hold()
		s.take(p, true)
		s.worker.cork.Release()
	}
}

// pumpForOthers is pump for whoever is not the session's host: the cork, or another session. A panic is not theirs.
func (s *Session) pumpForOthers() {
	defer s.recover("answer")
	s.pump()
}

// act does to the connection whatever is due: writes answers, pauses or resumes reading, closes. One goroutine at a time
// does it, without holding the mutex while it calls the host, and goes on until nothing is due; so order is kept, nobody
// waits, and a host may call back. It returns what its caller has to take requests from, nil if nothing.
func (s *Session) act() []byte {
	todo, p, more := s.beginActing()
	for more {
		s.giveBack(todo.freed)
		full := todo.do(s)
		todo, p, more = s.nextActions(todo, full)
	}
	return p
}

// beginActing says what is due, unless another goroutine acts already. If there is nothing more, p is to be taken.
func (s *Session) beginActing() (todo actions, p []byte, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pumping {
		return actions{}, nil, false
	}
	s.pumping = true
	return s.due()
}

// nextActions takes note of what has been done, and says what is due next. full is what the host said of what was written.
func (s *Session) nextActions(done actions, full bool) (todo actions, p []byte, more bool) {
	var evict []*Session
	defer func() {
		for _, other := range evict {
			other.evict()
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	if full {
		s.output.becomeFullSince(done.drained)
	}
	if done.written > 0 && s.output.full() && !s.phase.isGone() {
		evict = s.worker.unread.hold(s, done.written)
	}
	return s.due()
}

// evict ends the session at once, because its client does not read and others need the memory.
func (s *Session) evict() {
	s.locked(func() {
		s.abort(&wire.Violation{
			Reason: wire.ReasonMemoryLimit,
			Detail: "the answers that the clients of this worker do not read hold too much memory, and this client has not read for longest",
		})
	})
	s.pump()
}

// abort has the connection go at once. why is reported, unless the connection closes already; nil: there is nothing to report. s.mu
// is held.
func (s *Session) abort(why error) {
	closes := s.phase.isClosed()
	if s.phase.becomeAborted() {
		s.owed.abort = true
		if !closes {
			s.owed.violation = why
			if why != nil {
				s.why = reasonOf(why).String()
			}
		}
	}
}

// actions is what is due to a connection.
type actions struct {
	written   int   // bytes, which are in the session's outgoing
	drained   uint  // how often the client's output had been drained before
	freed     int64 // by the answers that are written, and those that nobody waits for
	released  releases
	begin     func() // what is to be called, since the request that it is for has become the oldest; nil: nothing
	told      departures
	violation error // to report
	close     bool
	abort     bool
	reads     readsChange
}

// readsChange is what is to be done about reading from the client.
type readsChange uint8

const (
	keepReads readsChange = iota
	pauseReads
	resumeReads
)

// none reports whether nothing is due.
func (a *actions) none() bool {
	return a.written == 0 && a.freed == 0 && len(a.released) == 0 && a.begin == nil && a.told.none() && a.violation == nil && !a.close && !a.abort && a.reads == keepReads
}

// due takes what is to be done out of the session's state. If there is nothing, whoever acts stops, and p is to be taken. s.mu is
// held.
func (s *Session) due() (todo actions, p []byte, more bool) {
	todo, s.owed = s.owed, actions{}
	todo.drained = s.output.drains()
	s.collectAnswers(&todo)
	if s.isDone() && s.phase.becomeClosing() {
		todo.close = true
	}
	todo.begin = s.inflight.takeBegin()
	s.inflight.remember()
	if pause := s.wantsPause(); pause != s.paused {
		s.paused, todo.reads = pause, resumeReads
		if pause {
			todo.reads = pauseReads
		}
	}
	if todo.none() {
		s.pumping = false
		return actions{}, s.admitKept(), false
	}
	return todo, nil, true
}

// collectAnswers takes out the answers whose turn it is. s.mu is held.
func (s *Session) collectAnswers(todo *actions) {
	var now time.Time
	for o, held, ok := s.inflight.pop(); ok; o, held, ok = s.inflight.pop() {
		todo.freed += held
		todo.released.add(&o)
		if now.IsZero() {
			now = time.Now()
		}
		if o.note != nil {
			todo.told.add(o.note, now, s.phase)
			s.tally.add(o.note)
		}
		switch {
		case s.phase.isClosed(): // nothing may follow
		case o.violation != nil:
			if !s.phase.isGone() { // a login that fails is answered
				s.outgoing.add(o.frame, o.parts)
				o.leave(now)
			}
			s.phase.becomeClosing()
			todo.violation, todo.close = o.violation, true
			s.why = reasonOf(o.violation).String()
		case !s.phase.isGone():
			s.outgoing.add(o.frame, o.parts)
			o.leave(now)
		}
	}
	if todo.written = s.outgoing.size(); todo.written > 0 {
		s.active = now
	}
}

// isDone reports whether all is answered of a client that sends no more. s.mu is held.
func (s *Session) isDone() bool {
	return s.phase == phaseEnded && s.inflight.idle() && s.kept.empty() && s.intake != intakeBusy
}

// wantsPause reports whether the host should not read from the client. s.mu is held.
func (s *Session) wantsPause() bool {
	return !s.phase.isGone() && (s.blocked() || s.arrival.lacksRoom() || s.kept.large())
}

// do does it, and reports whether the host has more unsent than it likes.
func (a *actions) do(s *Session) (outputFull bool) {
	if a.written > 0 {
		outputFull = s.outgoing.write(s.conn, a.released)
	} else {
		a.released.run()
	}
	a.told.tell(s)
	if a.violation != nil {
		s.report(a.violation)
	}
	switch a.reads {
	case keepReads:
	case pauseReads:
		s.common.Stats.ReadsPaused.Add(1)
		s.conn.PauseReads(true)
	case resumeReads:
		s.input.restartPace()
		s.conn.PauseReads(false)
	}
	if a.close {
		s.conn.Close()
	}
	if a.abort {
		s.conn.Abort()
	}
	if a.begin != nil {
		s.beginNext(a.begin)
	}
	return outputFull
}

// beginNext has a request go on that waited for those before it. A bug in that ends the connection, and the others go on.
func (s *Session) beginNext(call func()) {
	defer s.recover("next")
	call()
}
