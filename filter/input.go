package filter

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// paceParts says how fast a request has to arrive: in each PartialRequestTimeout one of so many parts of it.
const paceParts = 10

// input is what a session has read of its client's next request. The host fills it; a timer, or another session of the
// worker that needs the memory, may end it.
type input struct {
	counted int64 // what arrivals knows of; for consume alone

	mu     sync.Mutex
	framer wire.Framer
	deaf   bool        // what else the client sends is dropped
	timer  *time.Timer // looks after a request that is not whole; may outlive it by one timeout, nil if there is none
	since  time.Time   // when that request last got on
	at     int         // how many bytes of it had come then; 0: no part of a request has come
}

// admit reports whether the caller may consume p now. If not, p is kept: the client has too much in flight, or does not read
// its answers, and a piece of 64 KiB can hold thousands of small requests with large answers.
func (s *Session) admit(p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready() {
		s.consuming, s.work = true, 0
		return true
	}
	if !s.gone && !s.overrun {
		s.stash = append(s.stash, p...)
		s.kept += len(p)
	}
	return false
}

// overruns reports whether the client has sent more than can be kept while nothing may be consumed: its host cannot pause it.
// What else it sends is dropped.
func (s *Session) overruns() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overrun || s.kept <= maxKept {
		return false
	}
	s.overrun, s.stash = true, nil
	return true
}

// readmit returns what was kept if the caller may consume it now. s.mu is held.
func (s *Session) readmit() []byte {
	if len(s.stash) == 0 || s.gone || s.consuming || s.waiting || s.blocked() {
		return nil
	}
	p := s.stash
	s.stash, s.consuming = nil, true
	return p
}

// minFill is for how many bytes it is worth not to copy them once more.
const minFill = 64 << 10

// Fill has read, which must not wait, take what comes next of a large request straight to where it belongs. It reports false if
// that is not possible now, without a call of read: the bytes are for Data then, as is the last one of every request. It is for
// hosts that read themselves.
func (s *Session) Fill(read func(p []byte) (n int)) bool {
	defer s.recover("fill")
	s.mu.Lock()
	ready := s.ready()
	s.mu.Unlock()
	if !ready {
		return false
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	room := s.in.framer.Room()
	if s.in.deaf || len(room) < minFill {
		return false
	}
	if n := read(room); n > 0 {
		s.in.framer.Advance(n)
		s.watch()
	}
	return true
}

// ready reports whether what the client sends now may be taken, and nothing waits that came before. s.mu is held.
func (s *Session) ready() bool {
	s.active = time.Now()
	return !s.gone && !s.consuming && !s.waiting && len(s.stash) == 0 && !s.blocked()
}

// consume serves the requests in p until nothing more may be taken, or the session has had its slice: then it waits for its turn.
// The caller was admitted, and pumps afterwards: there may be more. own says that p has been kept before: what is left of it need not be copied.
func (s *Session) consume(p []byte, own bool) {
	defer s.recover("data")
	whole := false
	for len(p) > 0 {
		frame, rest, err := s.next(p)
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
	s.settle(whole)
	if s.keep(p, own) {
		s.worker.turns.add(s)
	}
}

// keep ends what consume began and keeps what is left of it. It reports whether the session is to wait for its turn.
func (s *Session) keep(p []byte, own bool) (waits bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) > 0 && !own {
		p = bytes.Clone(p)
	}
	if len(p) > 0 && !s.overrun {
		s.stash = append(p, s.stash...)
	}
	s.kept = len(s.stash)
	s.consuming = false
	s.waiting = s.labor != nil || len(s.stash) > 0 && s.isDone()
	return s.waiting
}

// next cuts the next request off p, if p ends one.
func (s *Session) next(p []byte) (frame *wire.Frame, rest []byte, err error) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.in.deaf {
		return nil, nil, nil
	}
	s.in.framer.Lean = s.worker.arrivals.short.Load()
	frame, rest, err = s.in.framer.Next(p)
	switch {
	case frame != nil:
		s.in.at = 0
	case err == nil:
		s.watch()
	}
	return frame, rest, err
}

// settle counts the memory of a request that is not whole. another says that it is not the one counted before.
func (s *Session) settle(another bool) {
	held := s.heldByRequest()
	if another && s.in.counted > 0 {
		s.in.counted = 0
		s.obey(s.worker.arrivals.hold(s, 0)) // it is no longer the oldest
	}
	if held != s.in.counted {
		s.in.counted = held
		s.obey(s.worker.arrivals.hold(s, held))
	}
}

// heldByRequest is the memory of the request that is not whole.
func (s *Session) heldByRequest() int64 {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	return int64(s.in.framer.Held())
}

// silence has the session take nothing more from its client and give back what it holds of a request that is not whole.
// It reports false if that was so already.
func (s *Session) silence() bool {
	listened := s.deafen()
	if listened {
		s.obey(s.worker.arrivals.forget(s))
	}
	return listened
}

// deafen drops what has come of a request that is not whole, and what else comes. It reports false if it was so already.
func (s *Session) deafen() (listened bool) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	listened = !s.in.deaf
	s.in.deaf, s.in.at = true, 0
	s.in.framer.Reset()
	if s.in.timer != nil {
		s.in.timer.Stop()
	}
	return listened
}

// obey does what arrivals wants done.
func (s *Session) obey(v verdict) {
	for _, other := range v.pump {
		other.flushAnswers()
	}
	if v.evict != nil {
		v.evict.violate(&wire.Violation{Reason: wire.ReasonMemoryLimit, Detail: "the requests that arrive at this worker " +
			"together hold too much memory, and of them this client's the most"})
	}
}

// watch takes note of how far the request that is arriving has come, and has its progress looked after. s.in.mu is held.
func (s *Session) watch() {
	in := &s.in
	have := in.framer.Buffered()
	if in.at > 0 && have-in.at < in.framer.Announced()/paceParts {
		return
	}
	in.at, in.since = have, time.Now()
	if in.timer == nil {
		in.timer = time.AfterFunc(s.filter.config.Limits.PartialRequestTimeout, s.hurry)
	}
}

// resume starts the client's time anew: while its reads were paused it could not get on.
func (s *Session) resume() {
	s.in.mu.Lock()
	s.in.since = time.Now()
	s.in.mu.Unlock()
}

// hurry ends the session if its client has not got on with its request in time. It is what the timer calls.
func (s *Session) hurry() {
	defer s.recover("timer")
	s.mu.Lock()
	paused := s.paused
	s.mu.Unlock()
	if late := s.lateness(paused); late != nil {
		s.violate(late)
		s.obey(verdict{pump: s.worker.arrivals.relent()})
	}
}

// lateness says what is wrong, or looks again later.
func (s *Session) lateness(paused bool) error {
	in, timeout := &s.in, s.filter.config.Limits.PartialRequestTimeout
	in.mu.Lock()
	defer in.mu.Unlock()
	in.timer = nil
	if in.at == 0 {
		return nil
	}
	if paused {
		in.since = time.Now()
	}
	if left := timeout - time.Since(in.since); left > 0 {
		in.timer = time.AfterFunc(left, s.hurry)
		return nil
	}
	have, want := in.framer.Buffered(), in.framer.Announced()
	return &wire.Violation{Reason: wire.ReasonSlowRequest, Detail: fmt.Sprintf(
		"%d bytes of a request of %d have come, %d of them in the last %s; at least a tenth was due", have, want, have-in.at, timeout)}
}
