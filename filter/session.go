package filter

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
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

	// For the host's calls alone.
	framer wire.Framer
	client broker.Client
	deaf   bool // after a violation: what else the client sends is dropped

	mu        sync.Mutex
	inflight  inflight
	pumping   bool // one goroutine writes, pauses and closes; the others leave it to that one
	overdrawn bool // the worker's budget is used up
	congested bool // the client does not read its answers
	full      bool // too much of this client is in flight
	paused    bool // the host has been told to pause
	ended     bool // the client sends no more
	closing   bool // the connection has been told to close
	gone      bool // the connection is no more
}

func newSession(f *Filter, w *worker, p Peer, c Conn) *Session {
	f.options.Stats.Connections.Add(1)
	f.options.Stats.ActiveConnections.Add(1)
	s := &Session{filter: f, worker: w, conn: c, peer: p, log: f.options.Log}
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
	for len(p) > 0 && !s.deaf {
		frame, rest, err := s.framer.Next(p)
		if err != nil {
			s.violate(err)
			return
		}
		p = rest
		if frame != nil {
			s.serve(frame)
		}
	}
}

// End says that the client has sent its last byte. It still gets its answers, then the connection is closed.
func (s *Session) End() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.pump()
}

// Congested says whether the host holds more unsent answers than it likes.
func (s *Session) Congested(on bool) {
	s.mu.Lock()
	s.congested = on
	s.mu.Unlock()
	s.pump()
}

// Closed says that the connection is gone. Requests in flight go on; their answers are dropped.
func (s *Session) Closed() {
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	s.worker.budget.forget(s)
	s.framer.Reset()
	s.filter.options.Stats.ActiveConnections.Add(-1)
}

// serve answers one request, now or later.
func (s *Session) serve(frame *wire.Frame) {
	h, body, err := wire.ParseHeader(frame.Bytes())
	if err != nil {
		frame.Release()
		s.violate(err)
		return
	}
	s.filter.metrics.requests[h.Key].Add(1)
	r := s.begin(len(frame.Bytes()))
	err = s.worker.broker.Serve(&s.client, h, body, func(a broker.Answer) {
		defer s.recover("answer")
		frame.Release()
		s.complete(r, a)
	})
	if err != nil {
		frame.Release()
		s.deaf = true
		s.complete(r, broker.Answer{Violation: fmt.Errorf("%s request, client id %q: %w", h.Key, h.ClientID, err)})
	}
}

// begin gives a request its place in the order of answers.
func (s *Session) begin(size int) *request {
	overdrawn := s.worker.budget.take(s, int64(size))
	s.mu.Lock()
	s.overdrawn = s.overdrawn || overdrawn
	r := s.inflight.push(size)
	s.mu.Unlock()
	s.pump()
	return r
}

// complete sets a request's answer, and sends what can be sent.
func (s *Session) complete(r *request, a broker.Answer) {
	s.mu.Lock()
	s.inflight.complete(r, a)
	s.mu.Unlock()
	s.pump()
	for _, other := range s.worker.budget.give(r.size) {
		other.mu.Lock()
		other.overdrawn = false
		other.mu.Unlock()
		other.pump()
	}
}

// violate ends the connection for what the client sent, behind the answers to what it asked before.
func (s *Session) violate(err error) {
	s.deaf = true
	s.complete(s.begin(0), broker.Answer{Violation: err})
}

// report counts and logs why a connection is closed, once.
func (s *Session) report(err error) {
	reason := wire.ReasonPanic
	if v, ok := errors.AsType[*wire.Violation](err); ok {
		reason = v.Reason
	}
	s.filter.metrics.violations[reason].Add(1)
	s.log.Warn("closing a client's connection", "client", s.peer.Remote, "software", s.client.Software(), "reason", err)
}

// recover turns a bug of ours into the end of one connection.
func (s *Session) recover(where string) {
	r := recover()
	if r == nil {
		return
	}
	s.filter.options.Stats.PanicsRecovered.Add(1)
	s.log.Error("panic recovered; please report it", "in", where, "client", s.peer.Remote, "panic", r,
		"stack", string(debug.Stack()))
	if s.mu.TryLock() { // whoever panicked may hold it
		s.closing = true
		s.mu.Unlock()
	}
	s.conn.Close()
}
