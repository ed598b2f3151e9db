package session

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// watchLogin has the client log in, where clients do, and the session end if it does not in time: as much as a request has that does
// not get on.
func (s *Session) watchLogin() {
	if s.common.Logins == nil {
		return
	}
	s.client.LogIn(s.common.Logins)
	if s.client.MustLogIn() {
		s.loginTimer = time.AfterFunc(s.common.Limits.PartialRequestTimeout, s.checkLogin)
	}
}

// checkLogin ends the session if its client has not logged in. It is what the timer calls.
func (s *Session) checkLogin() {
	defer s.recover("timer")
	if s.client.MustLogIn() {
		s.violate(&wire.Violation{
			Reason: wire.ReasonLoginTimeout, Detail: "no login in " + s.common.Limits.PartialRequestTimeout.String() + " since the client has connected",
		})
	}
}

// parseHeader reads the header of a request. A token of a login may have none.
func (s *Session) parseHeader(frame []byte) (h wire.Header, body []byte, err error) {
	if s.client.SendsTokens() {
		return broker.TokenHeader(), frame, nil
	}
	return s.worker.server.ParseHeader(frame)
}

// maxFrame is how long the client's next frame may be.
func (s *Session) maxFrame() int {
	if s.client.Confined() {
		return min(wire.MaxToken, s.common.Limits.MaxRequestBytes)
	}
	return s.common.Limits.MaxRequestBytes
}

// loggedInAs is who the client has proved to be; empty if it has not.
func (s *Session) loggedInAs() string {
	if s.client.Mechanism() == "" {
		return ""
	}
	return s.client.Principal()
}
