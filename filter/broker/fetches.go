package broker

import (
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Memory bounds what is kept for clients from one request to the next. Its methods may be called from any goroutine and never wait.
type Memory interface {
	// Reserve takes n bytes, unless there is no room for them, and Return gives them back.
	Reserve(n int) bool
	Return(n int)
}

// KeepIn says where there is room for what is kept for clients. It is for before the first request; without it nothing is kept.
func (b *Broker) KeepIn(m Memory) { b.memory = m }

// fetches keeps the Fetch requests of a client in order, one after another, as a broker does, and has its session. The zero value has none.
type fetches struct {
	session *fetchSession // nil: there is none; of the request that is served

	mu       sync.Mutex
	serving  bool
	waiting  []*fetchCall // the session bounds how many
	turns    int
	gone     bool   // the client is
	reserved int    // bytes, for the session
	memory   Memory // where they are
}

// begin has a request started when those before it are answered.
func (s *fetches) begin(f *fetchCall) {
	if s.admit(f) {
		f.start()
	}
}

// admit reports whether a request may start now. If not, it waits.
func (s *fetches) admit(f *fetchCall) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving {
		s.waiting = append(s.waiting, f)
		return false
	}
	s.serving = true
	return true
}

// end says that one is answered.
func (s *fetches) end() {
	if next := s.next(); next != nil {
		defer answerAfterPanic(next)
		next.start()
	}
}

// next takes out the request that may start now; nil: none waits.
func (s *fetches) next() (next *fetchCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving = len(s.waiting) > 0; s.serving {
		next, s.waiting = s.waiting[0], s.waiting[1:]
	}
	return next
}

// turn is which of n clusters comes first in the answer to the next request: each in turn, so that none starves.
func (s *fetches) turn(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns++
	return s.turns % max(1, n)
}

// enter is the session that a request goes on with, which is then as the request says; nil: none. Or it is refused with a code.
//
// A session is of one connection. Who comes with it on another one is told that there is none, and begins anew.
func (s *fetches) enter(version int16, r *wire.FetchRequest) (*fetchSession, wire.ErrorCode) {
	if r.SessionEpoch == wire.SessionInitial || r.SessionEpoch == wire.SessionFinal {
		if s.session != nil && (r.SessionEpoch == wire.SessionInitial || r.SessionID == s.session.id) {
			s.leave()
		}
		return nil, wire.None
	}
	goesOn := s.session
	switch {
	case goesOn == nil || goesOn.id != r.SessionID:
		return nil, wire.FetchSessionIDNotFound
	case goesOn.epoch != r.SessionEpoch:
		return nil, wire.InvalidFetchSessionEpoch
	case goesOn.byID != wire.FetchNamesByID(version):
		return nil, wire.FetchSessionTopicIDError
	}
	goesOn.update(r)
	if len(goesOn.spots) == 0 {
		s.leave()
		return nil, wire.None
	}
	if len(goesOn.spots) > wire.MaxControlElements || !s.reserve(s.memory, goesOn.memory) { // a full request is refused, or gets no session
		s.leave()
		return nil, wire.FetchSessionIDNotFound
	}
	goesOn.epoch = wire.NextSessionEpoch(goesOn.epoch)
	return goesOn, wire.None
}

// open begins a session with a full request that is answered so. It returns the session's id; 0: there is no room for it.
func (s *fetches) open(m Memory, version int16, r *wire.FetchRequest, told []wire.FetchedTopic) int32 {
	begun := newFetchSession(wire.FetchNamesByID(version))
	begun.begin(r, told)
	if m == nil || !s.reserve(m, begun.memory) {
		return 0
	}
	s.session = begun
	return begun.id
}

// unsaid is how much longer about a request would be without the session.
func (s *fetches) unsaid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reserved / sessionPartitionCost * saidOfPartition
}

// saidOfPartition is how many bytes about a full request has for a partition.
const saidOfPartition = 30

// leave ends the session.
func (s *fetches) leave() {
	s.session = nil
	s.giveBack(false)
}

// reserve has n bytes be reserved in all. Who serves the client's request does it, holding no lock: others are answered to make room.
func (s *fetches) reserve(m Memory, n int) bool {
	more, gone := s.lacks(n)
	if gone || more > 0 && !m.Reserve(more) {
		return false
	}
	if !s.keep(m, n) { // gone meanwhile, with what was reserved before
		more, gone = -max(0, more), true
	}
	if more < 0 {
		m.Return(-more)
	}
	return !gone
}

// lacks says how many bytes more are to be reserved for n in all, and whether the client is gone.
func (s *fetches) lacks(n int) (more int, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return n - s.reserved, s.gone
}

// keep takes note that n bytes are reserved. It reports false if the client is gone.
func (s *fetches) keep(m Memory, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	s.memory, s.reserved = m, n
	return true
}

// giveBack gives back what is reserved; gone: for good.
func (s *fetches) giveBack(gone bool) {
	if m, n := s.takeReserved(gone); n > 0 {
		m.Return(n)
	}
}

// takeReserved takes what is reserved, to be given back; gone: nothing is reserved any more.
//
//nolint:ireturn // there are several kinds
func (s *fetches) takeReserved(gone bool) (m Memory, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, n = s.memory, s.reserved
	s.reserved, s.gone = 0, s.gone || gone
	return m, n
}
