package session

import (
	"errors"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// reportInterval and reportsEach bound what is logged of clients: of each reason so many lines in so long.
	reportInterval = time.Minute
	reportsEach    = 10
	// maxReported is how much is logged of what was wrong.
	maxReported = 1 << 10
)

// reports bounds how often the log tells of the same. Any goroutine may use it.
type reports struct {
	common *Common

	mu      sync.Mutex
	reasons map[string]*told
	closed  bool
}

// told is what was said of one reason since the interval began.
type told struct {
	lines, left int
	timer       *time.Timer
}

// init has the timers' bugs told to c.
func (r *reports) init(c *Common) { r.common = c }

// countLine counts a line and reports whether it may be logged. When the interval is over, summary tells how many were left out.
func (r *reports) countLine(reason string, summary func(left int)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	t := r.reasons[reason]
	if t == nil {
		if r.reasons == nil {
			r.reasons = map[string]*told{}
		}
		t = new(told)
		t.timer = time.AfterFunc(reportInterval, func() {
			r.common.guard("log", func() { r.end(reason, summary) })
		})
		r.reasons[reason] = t
	}
	if t.lines == reportsEach {
		t.left++
		return false
	}
	t.lines++
	return true
}

// end ends an interval.
func (r *reports) end(reason string, summary func(left int)) {
	if left := r.forget(reason); left > 0 {
		summary(left)
	}
}

// forget returns how many lines were left out, and begins anew.
func (r *reports) forget(reason string) (left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.reasons[reason]
	if t == nil || r.closed {
		return 0
	}
	delete(r.reasons, reason)
	return t.left
}

// close ends the logging for good.
func (r *reports) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, t := range r.reasons {
		t.timer.Stop()
	}
}

// report counts and logs why a connection is closed, once.
func (s *Session) report(err error) {
	reason := wire.ReasonPanic
	if v, ok := errors.AsType[*wire.Violation](err); ok {
		reason = v.Reason
	}
	s.common.violations[reason].Add(1)
	s.tell("closing a client's connection", reason.String(), err.Error())
}

// tell logs what happened to the client, unless enough was said of the like. kind is one of few.
func (s *Session) tell(message, kind, reason string) {
	log := s.common.Log
	summary := func(left int) {
		log.Warn(message+": more of the same", "kind", kind, "times", left, "in", reportInterval)
	}
	if !s.common.reports.countLine(kind, summary) {
		return
	}
	log.Warn(message, "client", s.peer.Remote, "client_id", s.client.ID(), "software", s.client.Software(),
		"reason", wire.Clip(reason, maxReported))
}
