package session

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// admit reports whether the caller may take requests from p now. If not, p is kept: the client has too much in flight, or does not
// read its answers, and a piece of 64 KiB can hold thousands of small requests with large answers.
func (s *Session) admit(p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = time.Now()
	if s.takesDirectly() && s.intake.becomeBusy() {
		s.slice.begin()
		return true
	}
	if !s.phase.isGone() {
		s.kept.add(p)
	}
	return false
}

// admitKept returns what was kept if the caller may take requests from it now. s.mu is held.
func (s *Session) admitKept() []byte {
	if s.kept.empty() || s.phase.isGone() || s.blocked() || !s.intake.becomeBusy() {
		return nil
	}
	return s.kept.lend()
}

// takesDirectly reports whether requests may be taken from what comes now: nothing forbids it, and nothing waits that came before.
// s.mu is held.
func (s *Session) takesDirectly() bool {
	return s.intake == intakeFree && !s.phase.isGone() && s.kept.empty() && !s.blocked()
}

// blocked reports whether no further request may be taken. One that has begun to arrive may go on, so that a session that lacks
// room for it is not blocked. s.mu is held.
func (s *Session) blocked() bool {
	return s.inflight.blocked() || s.output.full() || s.debit.overdrawn() || s.muting.muted()
}

// stops reports whether whoever takes requests has to stop for now.
func (s *Session) stops() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked() || s.slice.isOver()
}

// take takes the requests in p until nothing more may be taken, or the session has had its slice: then it waits for its turn. The
// caller was admitted, and pumps afterwards: there may be more. own says that p was kept before.
func (s *Session) take(p []byte, own bool) {
	defer s.recover("data")
	whole := false
	for len(p) > 0 {
		frame, rest, err := s.input.next(p, s.maxFrame(), s.worker.arrivals.isShort())
		p = rest
		if err != nil {
			s.violate(err)
		}
		if frame == nil {
			break
		}
		whole = true
		s.serve(frame)
		if len(p) > 0 && s.stops() {
			break
		}
	}
	s.countArrival(whole)
	if s.endTaking(p, own) {
		s.worker.turns.add(s)
	}
}

// endTaking ends what take began and keeps what is left of it. It reports whether the session is to wait for its turn.
func (s *Session) endTaking(p []byte, own bool) (waits bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.putBack(p, own)
	if s.slice.defers() || !s.kept.empty() && s.slice.isOver() {
		return s.intake.becomeWaiting()
	}
	s.intake.becomeFree()
	return false
}

// countArrival counts the memory of a request that is not whole. another says that it is not the one counted before.
func (s *Session) countArrival(another bool) {
	held := s.input.held()
	if another && s.arrival.recount(0) {
		s.apply(s.worker.arrivals.hold(s, 0)) // it is no longer the oldest
	}
	if s.arrival.recount(held) {
		s.apply(s.worker.arrivals.hold(s, held))
	}
}

// discardInput has the session take nothing more from its client and give back what it holds of a request that is not whole. It
// reports false if that was so already.
func (s *Session) discardInput() bool {
	first := s.input.discard()
	if first {
		s.apply(s.worker.arrivals.forget(s))
	}
	return first
}

// apply does what arrivals wants done.
func (s *Session) apply(d decision) {
	for _, other := range d.pump {
		other.pumpForOthers()
	}
	if d.evict != nil {
		d.evict.violate(&wire.Violation{Reason: wire.ReasonMemoryLimit, Detail: "the requests that arrive at this worker " +
			"together hold too much memory, and of them this client's the most"})
	}
}

// checkPace ends the session if its client has not got on with its request in time. It is what the timer calls.
func (s *Session) checkPace() {
	defer s.recover("timer")
	paused := false
	s.locked(func() { paused = s.paused })
	if late := s.input.reviewPace(paused, s.worker.arrivals.areWaitedFor()); late != nil {
		s.violate(late)
		s.apply(decision{pump: s.worker.arrivals.resumeAll()})
	}
}
