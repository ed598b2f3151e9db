package secure

import (
	"fmt"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// renewals are exchanges over the time that a login is good for.
func renewals() []loginExchange {
	right := plainToken("mesh", password)
	return []loginExchange{
		{name: "anew", renewed: true, do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(9, topics())
			e.ask(1, handshake("PLAIN")) // too soon
			e.ask(9, topics())
		}},
		{name: "anew, late", renewed: true, do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(1, token(right))
			e.outlive()
			e.ask(1, handshake("PLAIN"))
			e.ask(1, token(right))
			e.ask(9, topics())
		}},
		{name: "not anew", renewed: true, do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(1, token(right))
			e.outlive()
			e.ask(9, topics())
		}},
		{name: "not anew, by an old client", renewed: true, do: func(e *exchange) {
			e.ask(0, handshake("PLAIN"))
			e.bare(right)
			e.outlive()
			e.ask(9, topics())
		}},
		{name: "anew as somebody else", renewed: true, do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(plainToken("other", secondPassword)))
			e.ask(9, topics())
		}},
		{name: "anew, wrong", renewed: true, do: func(e *exchange) {
			e.ask(1, handshake("SCRAM-SHA-256"))
			e.scram(password)
			e.ask(1, handshake("SCRAM-SHA-256"))
			e.scram(wrongPassword)
		}},
		{name: "anew by another mechanism", renewed: true, do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(1, handshake("SCRAM-SHA-256"))
			e.scram(password)
			e.ask(9, topics())
		}},
		{name: "anew by a mechanism that is none", renewed: true, do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(1, handshake("NONE"))
			e.ask(9, topics())
		}},
		{name: "something else while logging in anew", renewed: true, do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(1, handshake("PLAIN"))
			e.ask(9, topics())
			e.ask(9, topics())
		}, mesh: []string{
			"SASLHandshake v1: NONE " + offered, `SASLAuthenticate v2: NONE "", good for a while true, a token false`,
			"SASLHandshake v1: NONE " + offered, "Metadata v9: closed",
		}},
	}
}

// outlive waits until the login is no longer good. Its server counts the time from before it said so, and says nothing at its end.
func (e *exchange) outlive() {
	e.t.Helper()
	stack.Wait(e.t, "the end of the login", func() error {
		if left := time.Until(e.ends); left >= 0 {
			return fmt.Errorf("it is good for %v", left)
		}
		return nil
	})
}
