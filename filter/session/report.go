package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/notices"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// unserved is the violation of asking for an API, or a version of it, that is not served.
type unserved struct {
	error

	api wire.APIKey
}

// Unwrap gives the violation.
func (u *unserved) Unwrap() error { return u.error }

// kind is what the client is that asks for it. Producers: it is no other client, or no request.
func (u *unserved) kind() wire.Kind {
	switch reasonOf(u.error) {
	case wire.ReasonUnknownAPI, wire.ReasonUnsupportedVersion:
		return u.api.Kind()
	default:
		return wire.Producers
	}
}

// who is the client, for a notice.
func (s *Session) who() notices.Client {
	return notices.Client{Address: s.peer.Remote, ID: s.client.ID(), Software: s.client.Software()}
}

// refused counts and tells that a request was refused.
func (s *Session) refused(api wire.APIKey, r broker.Refusal) {
	if r.Kind != wire.Producers {
		s.common.refused[r.Kind].Add(1)
	}
	s.common.notices.Refused(s.who(), api, r)
}

// report counts and tells why a connection is closed, once.
func (s *Session) report(err error) {
	reason := reasonOf(err)
	s.common.violations[reason].Add(1)
	kind, api := wire.Producers, wire.KeyProduce
	if u, ok := errors.AsType[*unserved](err); ok {
		kind, api = u.kind(), u.api
	}
	if kind != wire.Producers {
		s.common.refused[kind].Add(1)
	}
	s.common.notices.Closing(s.who(), reason, err.Error(), kind, api)
}

// reasonOf is the reason of a violation. Any other error is a bug.
func reasonOf(err error) wire.Reason {
	if v, ok := errors.AsType[*wire.Violation](err); ok {
		return v.Reason
	}
	return wire.ReasonPanic
}

// recognize counts the client among those of the software that it has named.
func (s *Session) recognize() {
	if name := s.client.Software(); name != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.phase.isGone() {
			s.usage.software.settle(s.common.softwareOf(name))
		}
	}
}

// Why sessions end, beside the reasons of violations.
const (
	leftByItself = "left"
	wasIdle      = "idle"
	hungUp       = "hung_up" // Envoy, or whoever ends the process, has had it end
)

// sayOpened says that a client has connected, to those who want to know everything.
func (s *Session) sayOpened() {
	if log := s.common.Log; log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("a client has connected", "client", s.peer.Remote)
	}
}

// sayClosed tells of the end of a connection.
func (s *Session) sayClosed() {
	why, onlyVersions, requests, bytes := s.cameTo()
	if why == "" {
		why = leftByItself
		if onlyVersions {
			s.common.notices.Left(s.who())
		}
	}
	if log := s.common.Log; log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("a client is gone", "reason", why, "for", time.Since(s.usage.began).Round(time.Millisecond), "requests", requests, "bytes", bytes,
			"client", s.peer.Remote, "client_id", s.client.ID(), "software", s.client.Software())
	}
}

// cameTo is what the connection has come to: why it ends, and what its client has asked for.
func (s *Session) cameTo() (why string, onlyVersions bool, requests, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why, s.usage.onlyVersions(), s.usage.requests, s.usage.bytes
}

// softwareOf is what clients of a software are counted in.
func (c *Common) softwareOf(name string) *stats.Client { return c.software[software.Label(name)] }
