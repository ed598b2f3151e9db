package filter

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Session is one client's connection without its I/O: bytes are pushed in, and answers leave through the Conn in the
// order of the requests.
//
// Data, End, Congested and Closed are for the host, one call at a time. Everything else happens on whichever goroutine
// completes a request.
type Session struct {
	filter *Filter
	worker *worker
	conn   Conn
	peer   Peer
	log    *slog.Logger

	corked  bool      // the session holds the worker's cork, until the host has handed over all that it has read
	item    cork.Item // flushing it sends the answers that can be sent
	client  broker.Client
	in      input
	arrival arrival
	backlog backlog

	// Reading is paused for the worker's sake. Only the worker's budget and its arrivals change it, under their mutexes;
	// whoever has them do so pumps afterwards.
	overdrawn atomic.Bool // the budget for requests in flight is used up
	starving  atomic.Bool // that for requests that are still arriving is

	mu        sync.Mutex
	inflight  inflight
	pumping   bool        // one goroutine writes, pauses and closes; the others leave it to that one
	congested bool        // the client does not read its answers
	sated     bool        // the same, as a Write told
	relieved  bool        // it was told while a Write was under way that this is over
	full      bool        // too much of this client is in flight
	paused    bool        // the host has been told to pause
	ended     bool        // the client sends no more
	abandoned bool        // the client does not read, and has to go at once
	verdict   error       // what for; nil: it is idle
	aborted   bool        // the connection has been told to go at once
	closing   bool        // the connection has been told to close
	active    time.Time   // when the client last sent something, or was answered
	idleTimer *time.Timer // looks after that; nil: nobody does
	gone      bool        // the connection is no more
	consuming bool        // one goroutine takes requests out of what the client sent; the others leave it to that one
	stash     []byte      // what has come and may not be consumed yet
	kept      int         // its length, and that of what is taken out of it just now
	work      int64       // done since the slice began
	waiting   bool        // for its turn: nothing is consumed until then
	labor     *request    // what the turn begins with; nil: with what was kept
	overrun   bool        // more came than can be kept
}

func newSession(f *Filter, w *worker, p Peer, c Conn) *Session {
	f.options.Stats.Connections.Add(1)
	f.options.Stats.ActiveConnections.Add(1)
	s := &Session{filter: f, worker: w, conn: c, peer: p, log: f.options.Log}
	s.item.Flush = s.flushAnswers
	s.in.framer.MaxBytes = f.config.Limits.MaxRequestBytes
	s.watchIdleness()
	s.client.Host, s.client.Port = advertised(f.config.AdvertisedHost, f.config.AdvertisedPort, p)
	return s
}

// advertised is the address a client is told to find its broker at: the configured one, else the one it dialled, by
// the name it used if TLS told us.
func advertised(host string, port int32, p Peer) (string, int32) {
	switch {
	case host != "":
		return host, port
	case p.ServerName != "":
		return p.ServerName, p.LocalPort
	default:
		return p.LocalHost, p.LocalPort
	}
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
		s.consume(p, false)
	case s.overruns():
		s.violate(&wire.Violation{
			Reason: wire.ReasonMemoryLimit,
			Detail: "more has come than is kept while the client's other requests wait, and its host cannot pause it",
		})
	}
}

// End says that the client has sent its last byte. It still gets its answers, then the connection is closed.
func (s *Session) End() {
	defer s.recover("end")
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.pump()
}

// Congested says whether the host holds more unsent answers than it likes.
func (s *Session) Congested(on bool) {
	defer s.recover("congested")
	s.mu.Lock()
	s.congested = on
	if !on {
		s.sated, s.relieved = false, true
		s.active = time.Now()
		s.worker.unread.forget(s)
	}
	s.mu.Unlock()
	s.pump()
}

// Closed says that the connection is gone. Requests in flight go on; their answers are dropped.
func (s *Session) Closed() {
	defer s.recover("closed")
	defer s.filter.leave()
	defer s.filter.options.Stats.ActiveConnections.Add(-1)
	s.mu.Lock()
	s.gone, s.stash = true, nil
	if s.idleTimer != nil {
		s.idleTimer.Stop()
	}
	s.mu.Unlock()
	s.uncork()
	s.client.Gone()
	s.worker.budget.forget(s)
	s.worker.unread.forget(s)
	s.silence()
}

// uncork sends what has waited for the host to hand over all that it has read.
func (s *Session) uncork() {
	if s.corked {
		s.corked = false
		s.worker.cork.Release()
	}
}

// flushAnswers is pump for whoever is not the session's host: the cork, or another session. A panic is not theirs.
func (s *Session) flushAnswers() {
	defer s.recover("answer")
	s.pump()
}

// violate ends the connection, behind the answers to what the client asked before. Only the first reason counts. Any
// goroutine may call it.
func (s *Session) violate(err error) {
	if s.silence() {
		r := &request{session: s}
		s.begin(r)
		s.pump()
		s.complete(r, broker.Answer{Violation: err})
	}
}

// recover turns a bug of ours into the end of one connection.
func (s *Session) recover(where string) {
	reason := recover()
	if reason == nil {
		return
	}
	s.filter.caught(reason, where, "client", s.peer.Remote)
	if s.in.mu.TryLock() { // whoever panicked may hold it
		s.in.deaf = true
		s.in.mu.Unlock()
	}
	if s.mu.TryLock() {
		if !s.closing {
			s.filter.metrics.violations[wire.ReasonPanic].Add(1)
		}
		s.closing = true
		freed := s.inflight.drop()
		s.mu.Unlock()
		s.giveBack(freed)
	}
	defer s.filter.recover(where) // the connection may be what has the bug
	s.conn.Close()
}
