package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// saslHandshakeAPI has a client choose the mechanism of its login, where clients log in; else it is not served.
//
// After version 0 tokens are frames without a header, after version 1 they come in SaslAuthenticate. A mechanism that the client may not
// choose is answered with UNSUPPORTED_SASL_MECHANISM and those that it may, and the connection is closed. A client that has logged in may
// do so anew if its login expires, once a second at most; else it is told ILLEGAL_SASL_STATE, as by a broker. KIP-43, KIP-152, KIP-368.
func saslHandshakeAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeSaslHandshake, Min: 0, Max: 1}, Decided: 1, Login: true,
		Short: "where clients log in", Serve: (*Broker).saslHandshake,
	}
}

func (b *Broker) saslHandshake(c *Call) error {
	request, err := decode[*kmsg.SASLHandshakeRequest](b, c)
	if err != nil {
		return err
	}
	response := kmsg.NewPtrSASLHandshakeResponse()
	response.SetVersion(c.Header.Version)
	l := c.Client.login
	if l == nil || l.state == loginDone && !l.mayRenew(c.Received) {
		response.ErrorCode = int16(wire.IllegalSASLState)
		c.Answer(Answer{Frame: wire.AppendResponse(nil, c.Header, response), Refusal: Refusal{Code: wire.IllegalSASLState, Reason: "the client is logged in"}})
		return nil
	}
	var offered bool
	if response.SupportedMechanisms, offered = l.offers(c.Client, request.Mechanism); !offered {
		response.ErrorCode = int16(wire.UnsupportedSASLMechanism)
		frame := wire.AppendResponse(nil, c.Header, response)
		if l.state == loginDone { // a broker does not say so then
			frame = nil
		}
		l.state = loginOver
		b.endLogin(c, frame, "", &LoginFailure{
			Reason: failedMechanism, Said: l.Mechanisms.WhyNot(c.Client, request.Mechanism),
		})
		return nil
	}
	l.choose(c, request.Mechanism)
	c.Answer(Answer{Frame: wire.AppendResponse(nil, c.Header, response)})
	return nil
}
