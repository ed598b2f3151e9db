package session

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// muting is until when nothing is taken from a client, because it has done more than its quota lets it. The session's mutex guards it.
type muting struct {
	on    bool
	until time.Time   // while it is on
	timer *time.Timer // nil: there was none yet
}

// extend has the client be muted until a time at least, and the timer call unmute. It returns how much longer it is muted now than before.
func (m *muting) extend(now, until time.Time, unmute func()) (more time.Duration) {
	if !m.on {
		m.on, m.until = true, now
		if m.timer == nil {
			m.timer = time.AfterFunc(until.Sub(now), unmute)
		} else {
			m.timer.Reset(until.Sub(now))
		}
	}
	if more = until.Sub(m.until); more <= 0 {
		return 0
	}
	m.until = until
	return more
}

// muted reports whether nothing may be taken.
func (m *muting) muted() bool { return m.on }

// left is for how long the client is still muted.
func (m *muting) left(now time.Time) time.Duration {
	if !m.on {
		return 0
	}
	return max(0, m.until.Sub(now))
}

// endIfOver ends it if its time is over, and reports whether it is; else the timer fires again. It has fired.
func (m *muting) endIfOver(now time.Time) bool {
	if left := m.until.Sub(now); left > 0 {
		m.timer.Reset(left)
		return false
	}
	m.on = false
	return true
}

// stop has the timer not fire any more: the client is gone.
func (m *muting) stop() {
	if m.timer != nil {
		m.timer.Stop()
	}
}

// charge charges a request that has just come to what its client's principal may do. What is over that is taken all the same, and then the
// client is muted. Who has yet to log in is nobody whom rules could be about.
func (s *Session) charge(r *request, size int) {
	key, now := r.call.Header.Key, r.call.Received
	if key == wire.KeySaslHandshake || key == wire.KeySaslAuthenticate || s.client.MustLogIn() {
		return
	}
	a := s.common.Quotas.Of(&s.found, s.client.Principal(), s.client.ID(), now)
	if s.allowance.Swap(a) != a {
		s.client.FetchAtMost(a.MostFetched())
	}
	if a == nil {
		return
	}
	wait := a.Charge(quota.Requests, 1, now)
	if key == wire.KeyProduce {
		wait = max(wait, a.Charge(quota.Produced, int64(size), now))
	}
	s.mute(r, a, wait, now)
}

// throttle charges the records that a request is answered with, and has the answer say for how long the client is muted.
func (s *Session) throttle(r *request, a *broker.Answer) {
	allowance := s.allowance.Load()
	if allowance == nil || len(a.Frame) == 0 {
		return
	}
	now := time.Now()
	if r.call.Header.Key == wire.KeyFetch && !s.isGone() {
		size := len(a.Frame)
		for _, p := range a.Parts {
			size += len(p)
		}
		s.mute(r, allowance, allowance.Charge(quota.Fetched, int64(size), now), now)
	}
	if left := s.mutedFor(r, now); left > 0 {
		wire.RaiseThrottle(r.call.Header, a.Frame, int32((left+time.Millisecond-1)/time.Millisecond))
	}
}

// mutedFor is for how long a request's client is still muted; zero if the request has nothing to do with that.
func (s *Session) mutedFor(r *request, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.inflight.isThrottled(&r.place) {
		return 0
	}
	return s.muting.left(now)
}

// mute has nothing be taken from the client for a while because of a request, beside what is taken already.
func (s *Session) mute(r *request, a *quota.Allowance, wait time.Duration, now time.Time) {
	if wait <= 0 {
		return
	}
	first, more := s.beginMuting(r, wait, now)
	counted := s.common.throttled[a.Rule()]
	if first {
		counted.Throttled.Add(1)
	}
	counted.ThrottleTime.Add(more.Milliseconds())
}

// beginMuting is mute as far as the session's state goes. It says whether the request was not throttled before, and how much longer the
// client is muted now.
func (s *Session) beginMuting(r *request, wait time.Duration, now time.Time) (first bool, more time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = s.inflight.throttle(&r.place, wait)
	if s.phase.isGone() {
		return first, 0
	}
	return first, s.muting.extend(now, now.Add(wait), s.unmute)
}

// unmute goes on with what the client has sent meanwhile, if its time is over. It is what the timer calls.
func (s *Session) unmute() {
	defer s.recover("timer")
	s.locked(func() {
		if now := time.Now(); !s.phase.isGone() && s.muting.endIfOver(now) {
			s.active = now
		}
	})
	s.pump()
}

// isGone reports whether the connection is no more, or being closed.
func (s *Session) isGone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase.isGone() || s.phase.isClosed()
}
