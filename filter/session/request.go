package session

import (
	"fmt"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Server is what answers requests: the facade.
type Server interface {
	// ParseHeader reads the header of a request. It fails if the request is not for what is served.
	ParseHeader(frame []byte) (h wire.Header, body []byte, err error)
	// API returns what a request whose header was parsed is for.
	API(key wire.APIKey) *broker.API
	// Serve has one request answered, before it returns or later and from any goroutine, unless it returns an error: then the
	// request was not one, and the connection is to be closed. Requests of one client are served one at a time.
	Serve(c *broker.Call) error
}

// request is one request that the client has not been answered yet. Its methods may be called from any goroutine.
type request struct {
	session *Session
	place   place
	version *stats.Version
	call    broker.Call // without a frame: it is released, or there never was one
}

var _ broker.Reply = (*request)(nil)

// Hold implements broker.Reply.
func (r *request) Hold(n int) bool {
	own, ok := r.session.grow(r, int64(n))
	return ok && r.session.worker.budget.take(r.session, int64(n), own)
}

// grow counts n bytes more for a request, if it is not answered yet. own is what the session's requests hold then.
func (s *Session) grow(r *request, n int64) (own int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.inflight.grow(&r.place, n) {
		return 0, false
	}
	s.slice.add(n)
	return s.inflight.unanswered(), true
}

// Shed implements broker.Reply.
func (r *request) Shed() {
	frame, freed := r.session.shed(r)
	if frame != nil {
		frame.Release()
	}
	r.session.giveBack(freed)
}

// shed takes the frame from a request, and says how much less it holds.
func (s *Session) shed(r *request) (frame *wire.Frame, freed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frame, freed = r.call.Frame, s.inflight.shed(&r.place)
	r.call.Frame, r.call.Body = nil, nil
	return frame, freed
}

// Answer implements broker.Reply.
func (r *request) Answer(a broker.Answer) {
	defer r.session.recover("answer")
	if a.Refusal.Code != wire.None {
		r.session.refused(r.call.Header.Key, a.Refusal)
	}
	r.session.complete(r, a)
}

// Barrier implements broker.Reply.
func (r *request) Barrier() {
	s := r.session
	s.locked(func() { s.inflight.raise(&r.place) })
}

// WhenNext implements broker.Order.
func (r *request) WhenNext(call func()) {
	if !r.session.beginWhenNext(r, call) {
		call()
	}
}

// beginWhenNext has call run when the request is the oldest that is not answered, or the client is gone. It reports false if that is so.
func (s *Session) beginWhenNext(r *request, call func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.phase.isGone() && s.inflight.beginWhenNext(&r.place, call)
}

// beginAll has done what waited for the client's earlier requests: it is gone, and nobody waits for those.
func (s *Session) beginAll() {
	var calls []func()
	s.locked(func() { calls = s.inflight.takeBegins() })
	for _, call := range calls {
		s.common.guard("next", call)
	}
}

// OnEnd implements broker.Reply.
func (r *request) OnEnd(call func()) (forget func()) { return r.session.OnEnd(call) }

// After implements broker.Reply.
func (r *request) After(d time.Duration, call func()) (stop func()) {
	timer := time.AfterFunc(d, func() {
		defer r.session.recover("timer")
		call()
	})
	return func() { timer.Stop() }
}

// AnswerAfter implements broker.Reply.
func (r *request) AnswerAfter(d time.Duration, a broker.Answer) {
	r.Shed()
	if !r.beginAnswerAfter(d, a) {
		r.Answer(a)
	}
}

// beginAnswerAfter has the request be answered when it is time, or the client is gone. It reports false if that is so.
func (r *request) beginAnswerAfter(d time.Duration, a broker.Answer) bool {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase.isGone() || d <= 0 {
		return false
	}
	var timer *time.Timer
	ended := func() {
		timer.Stop()
		r.Answer(a)
	}
	timer = time.AfterFunc(d, func() {
		defer s.recover("timer")
		s.locked(func() { s.ends.forget(&ended) })
		r.Answer(a)
	})
	s.ends.add(&ended)
	return true
}

// count counts what the request came to.
func (r *request) count(a *broker.Answer) {
	if r.version == nil { // it is no request, only the end of the connection
		return
	}
	if a.Violation != nil || a.Summary.Code != wire.None {
		r.version.Failures.Add(1)
	}
	if a.Refusal.Code != wire.None {
		r.version.Refusals.Add(1)
	}
}

// serve gives one request its place in the order of answers, and answers it, now or later.
func (s *Session) serve(frame *wire.Frame) {
	h, body, err := s.parseHeader(frame.Bytes())
	s.client.Identify(h.ClientID)
	if err != nil {
		size := len(frame.Bytes())
		frame.Release()
		s.violateWith(h, size, &unserved{err, h.Key})
		return
	}
	counted := s.common.apis[h.Key]
	r := &request{session: s, version: counted.Version(h.Version)}
	r.call = broker.Call{Client: &s.client, Header: h, Body: body, Frame: frame, Received: time.Now(), Reply: r}
	s.inflight.clock(&r.place, r.call.Received, counted.Time)
	counted.Requests.Add(1)
	r.version.Requests.Add(1)
	api := s.worker.server.API(h.Key)
	s.annotate(r, api.Name, len(frame.Bytes()))
	fits := s.begin(r, len(frame.Bytes()), api.Query)
	defer s.completeAfterPanic(r)
	if s.common.Quotas != nil {
		s.charge(r, len(frame.Bytes()))
	}
	s.pump()
	if !fits {
		s.discardInput()
		s.complete(r, broker.Answer{Violation: &wire.Violation{
			Reason: wire.ReasonMemoryLimit, Detail: "the requests of this worker's clients wait for too much memory's worth of answers",
		}})
		return
	}
	if api.IsLaborious(&r.call) {
		s.locked(func() { s.slice.deferRequest(r) }) // and what comes behind it is kept
		return
	}
	s.run(r)
}

// annotate has the access log told of a request, if anybody wants to know.
func (s *Session) annotate(r *request, api string, size int) {
	if n := s.common.notes.begin(api, &r.call, size); n != nil {
		r.call.Note = &n.Note
		s.inflight.annotate(&r.place, n)
	}
}

// begin gives a request its place in the order of answers. It reports false when there is no room for it any more.
func (s *Session) begin(r *request, size int, query bool) (fits bool) {
	held, own := s.push(r, size, query)
	return s.worker.budget.take(s, held, own)
}

// push is begin as far as the session's state goes. held is what the request holds, and own what the session's do together.
func (s *Session) push(r *request, size int, query bool) (held, own int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held = s.inflight.push(&r.place, size, query)
	if size > 0 {
		s.usage.add(r.call.Header.Key, size)
	}
	s.slice.add(requestWork)
	return held, s.inflight.unanswered()
}

// run has a request answered.
func (s *Session) run(r *request) {
	if err := s.worker.server.Serve(&r.call); err != nil {
		s.discardInput()
		s.complete(r, broker.Answer{Violation: fmt.Errorf("%s request: %w", r.call.Header.Key, err)})
	}
	if r.call.Header.Key == wire.KeyApiVersions {
		s.recognize()
	}
}

// completeAfterPanic gives back what a request holds that met a bug, and lets the panic go on. Its frame is for the garbage
// collector: clusters may read it yet.
func (s *Session) completeAfterPanic(r *request) {
	if reason := recover(); reason != nil {
		s.locked(func() {
			r.call.Frame = nil
			s.inflight.annotate(&r.place, nil) // who serves it may still write to the note
		})
		s.complete(r, broker.Answer{Summary: broker.Summary{Code: wire.UnknownServerError}})
		panic(reason)
	}
}

// complete sets what a request came to, and has sent what can be sent. Only the first call counts.
func (s *Session) complete(r *request, a broker.Answer) {
	if s.common.Quotas != nil {
		s.throttle(r, &a)
	}
	frame, freed, unsent, first := s.conclude(r, &a)
	if unsent != nil {
		unsent()
	}
	if !first {
		return
	}
	r.count(&a)
	if frame != nil {
		frame.Release()
	}
	s.worker.cork.Flush(&s.item)
	s.giveBack(freed)
}

// conclude is complete as far as the session's state goes. It returns the frame, which nobody needs any more, and how much less the request
// holds; the answer is empty afterwards if nobody gets it, and unsent releases it.
func (s *Session) conclude(r *request, a *broker.Answer) (frame *wire.Frame, freed int64, unsent func(), first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := *a
	if s.phase.isClosed() {
		unsent = a.Release
		*a = broker.Answer{}
	}
	if freed, first = s.inflight.complete(&r.place, *a); !first {
		return nil, 0, told.Release, false
	}
	if n := r.place.note(); n != nil {
		n.conclude(&told)
	}
	frame = r.call.Frame
	r.call.Frame, r.call.Body = nil, nil
	return frame, freed, unsent, true
}

// violate ends the connection, behind the answers to what the client asked before. Only the first reason counts. Any
// goroutine may call it.
func (s *Session) violate(err error) { s.violateWith(wire.Header{}, 0, err) }

// violateWith is violate for a request that is not served, with what is known of it.
func (s *Session) violateWith(h wire.Header, size int, err error) {
	if s.discardInput() {
		api := ""
		if reason := reasonOf(err); reason == wire.ReasonUnknownAPI || reason == wire.ReasonUnsupportedVersion {
			api = h.Key.String()
		}
		h.ClientID = nil // it points into a frame
		r := &request{session: s, call: broker.Call{Header: h, Received: time.Now()}}
		s.annotate(r, api, size)
		s.begin(r, 0, false)
		s.pump()
		s.complete(r, broker.Answer{Violation: err})
	}
}

// giveBack counts so many bytes less, and has those go on that waited for room.
func (s *Session) giveBack(n int64) {
	if n == 0 {
		return
	}
	for _, other := range s.worker.budget.give(n) {
		other.pumpForOthers()
	}
}
