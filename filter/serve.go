package filter

import (
	"fmt"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

var _ broker.Reply = (*request)(nil)

// serve gives one request its place in the order of answers, and answers it, now or later.
func (s *Session) serve(frame *wire.Frame) {
	h, body, err := wire.ParseHeader(frame.Bytes())
	s.client.Identify(h.ClientID)
	if err != nil {
		frame.Release()
		s.violate(err)
		return
	}
	s.filter.metrics.requests[h.Key].Add(1)
	r := &request{session: s, query: h.Key != wire.KeyProduce}
	r.call = broker.Call{Client: &s.client, Header: h, Body: body, Frame: frame, Received: time.Now(), Reply: r}
	fits := s.begin(r)
	defer s.settleAfterPanic(r)
	s.pump()
	if !fits {
		s.silence()
		s.complete(r, broker.Answer{Violation: &wire.Violation{
			Reason: wire.ReasonMemoryLimit, Detail: "the requests of this worker's clients wait for too much memory's worth of answers",
		}})
		return
	}
	if laborious(h, body) {
		s.putOff(r)
		return
	}
	s.run(r)
}

// begin gives a request its place in the order of answers. It reports false when there is no room for it any more.
func (s *Session) begin(r *request) (fits bool) {
	s.mu.Lock()
	s.inflight.push(r)
	s.work += requestWork
	held, own := r.held, s.inflight.bytes
	s.mu.Unlock()
	return s.worker.budget.take(s, held, own)
}

// run has a request answered.
func (s *Session) run(r *request) {
	if err := s.worker.broker.Serve(&r.call); err != nil {
		s.silence()
		s.complete(r, broker.Answer{Violation: fmt.Errorf("%s request: %w", r.call.Header.Key, err)})
	}
}

// settleAfterPanic gives back what a request holds that met a bug, and lets the panic go on. Its frame is for the garbage collector:
// clusters may read it yet.
func (s *Session) settleAfterPanic(r *request) {
	if reason := recover(); reason != nil {
		s.mu.Lock()
		r.call.Frame = nil
		s.mu.Unlock()
		s.complete(r, broker.Answer{})
		panic(reason)
	}
}

// Hold implements broker.Reply.
func (r *request) Hold(n int) bool {
	s := r.session
	s.mu.Lock()
	if r.done {
		s.mu.Unlock()
		return false
	}
	r.held += int64(n)
	s.inflight.bytes += int64(n)
	s.work += int64(n)
	own := s.inflight.bytes
	s.mu.Unlock()
	return s.worker.budget.take(s, int64(n), own)
}

// Answer implements broker.Reply.
func (r *request) Answer(a broker.Answer) {
	defer r.session.recover("answer")
	if a.Refusal.Code != wire.None {
		code := a.Refusal.Code.String()
		r.session.tell("refusing a client's request", code, r.call.Header.Key.String()+": "+code+": "+a.Refusal.Reason)
	}
	r.session.complete(r, a)
}

// complete sets what a request came to, and has sent what can be sent. Only the first call counts: there may be two after a panic.
func (s *Session) complete(r *request, a broker.Answer) {
	if a.Parts != nil {
		a.Frame, a.Parts = slices.Concat(append([][]byte{a.Frame}, a.Parts...)...), nil
	}
	s.mu.Lock()
	if r.done {
		s.mu.Unlock()
		return
	}
	if s.closing { // nobody gets it
		a = broker.Answer{}
	}
	frame := r.call.Frame
	r.call.Frame, r.call.Body = nil, nil
	freed := s.inflight.complete(r, a)
	s.mu.Unlock()
	if frame != nil {
		frame.Release()
	}
	s.worker.cork.Flush(&s.item)
	s.giveBack(freed)
}

// giveBack counts so many bytes less, and has those go on that waited for room.
func (s *Session) giveBack(n int64) {
	if n == 0 {
		return
	}
	for _, other := range s.worker.budget.give(n) {
		other.flushAnswers()
	}
}
