package broker

import (
	"bytes"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// saslAuthenticateAPI takes the tokens of a login, where clients log in; else it is not served.
//
// Nothing else is taken from the client until a token is answered. A login that fails is answered, later the more often that happens, and
// then the connection is closed; its message is Kafka's. From version 1 on the client is told after what time it has to log in anew; one
// that has not until then is disconnected when it asks for something else, whatever its version. Tokens that are frames (after SaslHandshake
// 0) are served as if they had version -1. KIP-152, KIP-368.
func saslAuthenticateAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeSaslAuthenticate, Min: 0, Max: 2}, Decided: 2, Login: true,
		Short: "where clients log in", Laborious: func(*Call) bool { return false }, Serve: (*Broker).saslAuthenticate,
	}
}

// bareToken is the version of a token that is a frame.
const bareToken = -1

// TokenHeader is the header of what has none: a token of a client that SendsTokens.
func TokenHeader() wire.Header { return wire.Header{Key: wire.KeySaslAuthenticate, Version: bareToken} }

// ErrGone says that nobody waits for a token any more.
var ErrGone = errors.New("the client is gone")

func (b *Broker) saslAuthenticate(c *Call) error {
	var token []byte // of its own: it may be looked at when the frame is gone
	if c.Header.Version == bareToken {
		token = bytes.Clone(c.Body)
	} else {
		request, err := decode[*kmsg.SASLAuthenticateRequest](b, c)
		if err != nil {
			return err
		}
		token = request.SASLAuthBytes
	}
	l := c.Client.login
	if l == nil || l.state == loginDone {
		const why = "SaslAuthenticate request received after successful authentication"
		c.Answer(Answer{
			Frame:   tokenAnswer(c.Header, nil, 0, wire.IllegalSASLState, why),
			Refusal: Refusal{Code: wire.IllegalSASLState, Reason: "the client is logged in"},
		})
		return nil
	}
	c.Barrier()
	c.Shed() // later than that: others may go on then
	if err := hold(c, len(token)); err != nil {
		return err
	}
	l.exchange.Step(token, c.OnEnd, func(s Stepped) { b.stepped(c, s) })
	return nil
}

// stepped answers a token that has been looked at.
func (b *Broker) stepped(c *Call, s Stepped) {
	defer answerAfterPanic(c)
	l := c.Client.login
	failure, renewed := s.Failure, c.Client.identity.Load() != nil
	var lifetime time.Duration
	if s.Who != nil {
		if lifetime, failure = l.complete(c.Client, s.Who, time.Now()); failure == nil {
			b.counts.login(l.mechanism, renewed)
		}
	}
	switch {
	case errors.Is(s.Err, ErrGone):
		c.Answer(Answer{})
	case s.Err != nil:
		l.state = loginOver
		c.Answer(Answer{Violation: s.Err})
	case failure != nil:
		l.state = loginOver
		var frame []byte
		if c.Header.Version != bareToken { // else nothing could say it
			frame = tokenAnswer(c.Header, nil, 0, wire.SASLAuthenticationFailed, failure.told(renewed))
		}
		b.endLogin(c, frame, l.mechanism, failure)
	default:
		answer := Answer{Frame: tokenAnswer(c.Header, s.Answer, lifetime, wire.None, "")}
		if s.Refused == nil {
			c.Answer(answer)
			return
		}
		b.counts.loginFailed(l.mechanism, s.Refused.Reason)
		c.AnswerAfter(s.Refused.Delay, answer)
	}
}

// endLogin answers with frame a login that has failed, when it is time, and has the connection closed.
func (b *Broker) endLogin(c *Call, frame []byte, mechanism string, f *LoginFailure) {
	if !f.Counted {
		b.counts.loginFailed(mechanism, f.Reason)
	}
	said := f.Said
	if mechanism != "" {
		said = mechanism + ": " + said
	}
	answer := Answer{Frame: frame, Violation: &wire.Violation{Reason: wire.ReasonLoginFailed, Detail: said}}
	if f.Delay == 0 {
		c.Answer(answer)
		return
	}
	c.Barrier()
	c.AnswerAfter(f.Delay, answer)
}

// tokenAnswer is the whole frame of an answer to a token.
func tokenAnswer(h wire.Header, token []byte, lifetime time.Duration, code wire.ErrorCode, message string) []byte {
	if h.Version == bareToken {
		return wire.AppendToken(nil, token)
	}
	response := kmsg.NewPtrSASLAuthenticateResponse()
	response.SetVersion(h.Version)
	response.ErrorCode, response.SASLAuthBytes, response.SessionLifetimeMillis = int16(code), token, lifetime.Milliseconds()
	if token == nil {
		response.SASLAuthBytes = []byte{}
	}
	if message != "" {
		response.ErrorMessage = &message
	}
	return wire.AppendResponse(nil, h, response)
}
