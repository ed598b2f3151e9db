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
	s.mu.Lock()
	waits := s.serving
	if s.serving = true; waits {
		s.waiting = append(s.waiting, f)
	}
	s.mu.Unlock()
	if !waits {
		f.start()
	}
}

// end says that one is answered.
func (s *fetches) end() {
	s.mu.Lock()
	var next *fetchCall
	if s.serving = len(s.waiting) > 0; s.serving {
		next, s.waiting = s.waiting[0], s.waiting[1:]
	}
	s.mu.Unlock()
	if next != nil {
		defer answerAfterPanic(next)
		next.start()
	}
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
	s.mu.Lock()
	more, gone := n-s.reserved, s.gone
	s.mu.Unlock()
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
	s.mu.Lock()
	m, n := s.memory, s.reserved
	s.reserved, s.gone = 0, s.gone || gone
	s.mu.Unlock()
	if n > 0 {
		m.Return(n)
	}
}
