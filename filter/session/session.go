package session

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Session is one client's connection without its I/O: bytes are pushed in, and answers leave through the Conn in the
// order of the requests.
//
// Data, DataMore, Fill, End and Closed are for the host, one call at a time; Congested may be called beside them. Everything else happens on whichever
// goroutine completes a request. A Worker makes it.
type Session struct {
	common *Common
	worker *Worker
	conn   Conn
	peer   Peer

	client broker.Client
	found  quota.Found // of whoever takes requests alone

	allowance atomic.Pointer[quota.Allowance] // of who the client was at its last request; nil: it has no limits

	corked bool      // the session holds the worker's cork, until the host has handed over all that it has read; of the host alone
	item   cork.Item // flushing it sends the answers that can be sent
	input  input

	// What the worker's rooms for memory know of the session. Whoever has them change it pumps afterwards.
	debit   debit
	arrival arrival
	backlog backlog

	mu         sync.Mutex // guards what follows; the worker's unread is the only room that is entered with it held
	phase      phase
	intake     intake
	output     output
	inflight   inflight
	kept       kept
	slice      slice
	muting     muting
	outgoing   outgoing    // of the goroutine that pumps alone
	pumping    bool        // one goroutine writes, pauses and closes; the others leave it to that one
	owed       actions     // what was decided, and is still to be done by that one
	paused     bool        // the host has been told to pause
	active     time.Time   // when the client last sent something, or was answered
	idleTimer  *time.Timer // looks after that; nil: nobody does
	loginTimer *time.Timer // ends it unless its client logs in; nil: it need not
	ends       ends
	usage      usage
	why        string // it ends; empty: its client leaves by itself
	tally      *tally // nil: nobody wants to know
}

// Data takes what the client sent, in pieces of any size. It does not keep p.
func (s *Session) Data(p []byte) {
	defer s.recover("data")
	defer s.pump()
	defer s.uncork()
	s.DataMore(p)
}

// DataMore is Data with more to follow at once, the last of it by Data.
func (s *Session) DataMore(p []byte) {
	defer s.recover("data")
	if !s.corked {
		s.corked = true
		s.worker.cork.Hold()
	}
	switch {
	case s.admit(p):
		s.take(p, false)
	case s.dropOverflow():
		s.violate(&wire.Violation{
			Reason: wire.ReasonMemoryLimit,
			Detail: "more has come than is kept while the client's other requests wait, and its host cannot pause it",
		})
	}
}

// Fill has read, which must not wait, take what comes next of a large request straight to where it belongs. It reports false if
// that is not possible now, without a call of read: the bytes are for Data then, as is the last one of every request. It is for
// hosts that read themselves.
func (s *Session) Fill(read func(p []byte) (n int)) bool {
	defer s.recover("fill")
	return s.takesFill() && s.input.fill(read)
}

// End says that nothing more is taken from the client: it has sent its last byte, or the host ends the connection. It still gets its
// answers, then the connection is closed.
func (s *Session) End() {
	defer s.recover("end")
	s.locked(func() { s.phase.becomeEnded() })
	s.client.End()
	s.pump()
}

// HungUp says that the host is about to end the connection, or has ended it, and not its client. It is for before End or Closed.
func (s *Session) HungUp() {
	defer s.recover("hung up")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == phaseOpen && s.why == "" {
		s.why = hungUp
	}
}

// Congested says whether the host holds more unsent answers than it likes.
func (s *Session) Congested(on bool) {
	defer s.recover("congested")
	s.becomeCongested(on)
	s.pump()
}

// Closed says that the connection is gone. Requests in flight go on; their answers are dropped.
func (s *Session) Closed() {
	defer s.recover("closed")
	defer s.runEnds()
	defer s.common.Stats.ActiveConnections.Add(-1)
	s.becomeGone()
	s.uncork()
	s.worker.roster.remove(s)
	s.sayClosed()
	s.client.Release()
	s.beginAll()
	s.worker.budget.forget(s)
	s.worker.unread.forget(s)
	s.discardInput()
}

// takesFill takes note that the client has sent something, and reports whether requests may be taken from that directly.
func (s *Session) takesFill() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = time.Now()
	return s.takesDirectly()
}

// becomeCongested takes note of whether the host holds more unsent answers than it likes.
func (s *Session) becomeCongested(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.output.becomeFull()
		return
	}
	s.output.becomeFlowing()
	s.active = time.Now()
	s.worker.unread.forget(s)
}

// becomeGone says that the connection is no more: nothing is taken from it, and no timer looks after it.
func (s *Session) becomeGone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase.becomeGone()
	s.usage.software.end()
	s.kept.drop()
	if s.idleTimer != nil {
		s.idleTimer.Stop()
	}
	if s.loginTimer != nil {
		s.loginTimer.Stop()
	}
	s.muting.stop()
}

// uncork sends what has waited for the host to hand over all that it has read.
func (s *Session) uncork() {
	if s.corked {
		s.corked = false
		s.worker.cork.Release()
	}
}

// dropOverflow drops what is kept, for good, if the client has sent more than can be kept while nothing may be taken from it: its
// host cannot pause it. It reports whether it has just done so.
func (s *Session) dropOverflow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.dropOverflow()
}

// locked runs f with the mutex held, which a bug in f does not leave locked.
func (s *Session) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// recover turns a bug of ours into the end of one connection.
func (s *Session) recover(where string) {
	reason := recover()
	if reason == nil {
		return
	}
	s.common.Panicked(reason, where, "client", s.peer.Remote)
	s.common.guard(where, s.clearAfterPanic) // which may meet the bug again
	s.common.guard(where, s.conn.Close)      // which may be what has the bug
}

// clearAfterPanic has nothing more be taken or answered, and gives back what the answers held that nobody gets.
func (s *Session) clearAfterPanic() {
	s.input.refuse()
	freed, unsent := s.dropAfterPanic()
	s.giveBack(freed)
	unsent.run()
}

// dropAfterPanic has nothing more be answered. Whoever met the bug has given the mutex back.
func (s *Session) dropAfterPanic() (freed int64, unsent releases) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.phase.isClosed() {
		s.common.violations[wire.ReasonPanic].Add(1)
	}
	s.phase.becomeClosing()
	s.why = wire.ReasonPanic.String()
	return s.inflight.drop()
}
