package broker

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Logins says how clients log in to the mesh. It does not change once there are clients.
type Logins struct {
	Mechanisms Mechanisms
	// Optional lets clients do without: they are authorizer.Anonymous then.
	Optional bool
	// Lifetime is after what time a client has to log in anew (KIP-368). Zero: as the mechanism says.
	Lifetime time.Duration
}

// Mechanisms are those by which clients may log in. Any goroutine may use them.
type Mechanisms interface {
	// Names lists those that a client may choose from, as it is told.
	Names(c *Client) []string
	// WhyNot says why a client may not choose one that is not among these.
	WhyNot(c *Client, mechanism string) string
	// Begin begins a login by one of these.
	Begin(c *Client, mechanism string) Exchange
}

// Exchange is one login on its way, until a step of it says that it is complete, or has failed.
type Exchange interface {
	// Step has a token of the client's looked at, and done told once what came of it, by any goroutine. onEnd is that of the client's Reply.
	Step(token []byte, onEnd func(call func()) (forget func()), done func(Stepped))
}

// Stepped is what came of a token.
type Stepped struct {
	// Answer is the token that the client is answered with.
	Answer []byte
	// Refused says, beside Answer, that the login has failed, though the client is to say that it has understood that.
	Refused *LoginFailure
	// Who is who the client has proved to be, if the login is complete.
	Who *Identity
	// Failure says why the login has failed, if it has.
	Failure *LoginFailure
	// Err says why nobody has looked at the token: the connection is closed. ErrGone: it is gone.
	Err error
}

// Identity is who a client has proved to be.
type Identity struct {
	Principal string
	// Expires is when what it proved that with is no longer good. Zero: never.
	Expires time.Time
}

// LoginFailure is why a login has failed.
type LoginFailure struct {
	// Message is what the client is told, and Again what it is told if it was logged in already; empty: the same.
	Message, Again string
	// Reason is one of few words, for metrics, and Said what logs say: nothing that helps to guess.
	Reason, Said string
	// Delay is for how long the client has to wait for its answer.
	Delay time.Duration
	// Counted says that it was told before, as Stepped.Refused.
	Counted bool
}

// told is what a client is told.
func (f *LoginFailure) told(again bool) string {
	if again && f.Again != "" {
		return f.Again
	}
	return f.Message
}

// loginState is how far a client's login has come.
type loginState uint8

const (
	// loginOpen: a handshake has to come, or the question what is served.
	loginOpen loginState = iota
	// loginTold: the client knows what is served. A handshake has to come.
	loginTold
	// loginTokens: a mechanism is chosen. Tokens have to come, each in a SaslAuthenticate.
	loginTokens
	// loginFrames: a mechanism is chosen. Tokens have to come, each of them a frame.
	loginFrames
	// loginDone: the client has logged in, or goes without.
	loginDone
	// loginBarred: the client wants to log in anew by another mechanism. Whatever comes next ends the connection.
	loginBarred
	// loginOver: the login has failed.
	loginOver
)

// minRenewal is how long after a client has begun to log in anew it may do so again.
const minRenewal = time.Second

// login is the login of one client. Who serves the client's requests has it, and while a token is looked at, who does that.
type login struct {
	*Logins

	state     loginState
	mechanism string // that was chosen
	exchange  Exchange
	expires   time.Time // zero: never
	renewed   time.Time // when the client has last begun to log in anew; zero: it has not
}

// confined says that nothing is taken from the client but what a login needs.
func (l *login) confined() bool {
	switch l.state {
	case loginOpen, loginTold:
		return !l.Optional
	case loginTokens, loginFrames, loginBarred, loginOver:
		return true
	case loginDone:
	}
	return false
}

// admit says whether a request may be served now. If not, the connection is to be closed.
func (l *login) admit(c *Call) error {
	key := c.Header.Key
	switch l.state {
	case loginOpen, loginTold:
		switch {
		case key == wire.KeySaslHandshake, key == wire.KeyApiVersions && l.state == loginOpen:
			return nil
		case key == wire.KeySaslAuthenticate:
			return outOfOrder("a token came before a mechanism was chosen")
		case l.Optional:
			l.state = loginDone
			return nil
		case key == wire.KeyApiVersions:
			return outOfOrder("what is served was asked for twice before the login")
		}
		return &wire.Violation{Reason: wire.ReasonLoginRequired, Detail: key.String() + " was asked for before a login"}
	case loginTokens, loginFrames:
		if key != wire.KeySaslAuthenticate {
			return outOfOrder(key.String() + " was asked for during a login")
		}
	case loginDone:
		if key != wire.KeySaslHandshake && l.hasExpired(c.Received) {
			return &wire.Violation{Reason: wire.ReasonLoginExpired, Detail: key.String() + " was asked for after the login had expired"}
		}
	case loginBarred, loginOver:
		return outOfOrder(key.String() + " was asked for after a login that had failed")
	}
	return nil
}

// refuse says that a request is not admitted, and why. During a login, clients are told so too, as far as that is asked for which is
// asked before a login.
func (l *login) refuse(c *Call, why error) error {
	if l.state != loginTokens {
		return why
	}
	var response kmsg.Response
	switch c.Header.Key {
	case wire.KeySaslHandshake:
		response = &kmsg.SASLHandshakeResponse{ErrorCode: int16(wire.IllegalSASLState)}
	case wire.KeyApiVersions:
		response = &kmsg.ApiVersionsResponse{ErrorCode: int16(wire.IllegalSASLState)}
	default:
		return why
	}
	if c.Body != nil { // else it is a version that is none
		response.SetVersion(c.Header.Version)
	}
	l.state = loginOver
	c.Answer(Answer{Frame: wire.AppendResponse(nil, c.Header, response), Violation: why})
	return nil
}

func outOfOrder(detail string) error {
	return &wire.Violation{Reason: wire.ReasonLoginOrder, Detail: detail}
}

// hasExpired says whether what the client has proved itself with is no longer good.
func (l *login) hasExpired(now time.Time) bool { return !l.expires.IsZero() && now.After(l.expires) }

// told takes note that the client knows what is served.
func (l *login) told() {
	if l.state == loginOpen {
		l.state = loginTold
	}
}

// mayRenew says whether a client that has logged in may do so anew now.
func (l *login) mayRenew(now time.Time) bool {
	return !l.expires.IsZero() && (l.renewed.IsZero() || now.Sub(l.renewed) >= minRenewal)
}

// choose takes note of the mechanism of a client, which may choose it, and begins a login.
func (l *login) choose(c *Call, mechanism string) {
	renews := l.state == loginDone
	if renews {
		l.renewed = c.Received
	}
	switch {
	case renews && mechanism != l.mechanism:
		l.state = loginBarred
		return
	case c.Header.Version == 0:
		l.state = loginFrames
	default:
		l.state = loginTokens
	}
	l.mechanism, l.exchange = mechanism, l.Mechanisms.Begin(c.Client, mechanism)
}

// complete takes note of who a client has proved to be, or says why it cannot be. It returns for how long that is good, zero for ever.
func (l *login) complete(c *Client, who *Identity, now time.Time) (lifetime time.Duration, failed *LoginFailure) {
	l.exchange = nil
	if was := c.identity.Load(); was != nil && was.principal != who.Principal {
		return 0, &LoginFailure{Reason: failedPrincipal, Said: "the client wants to go on as somebody else", Message: "Cannot change principals during re-authentication from User." + was.principal +
			": User." + who.Principal}
	}
	c.BecomePrincipal(who.Principal, l.mechanism)
	l.state, l.expires = loginDone, time.Time{}
	lifetime = l.Lifetime
	if !who.Expires.IsZero() {
		if left := max(who.Expires.Sub(now), time.Millisecond); lifetime == 0 || left < lifetime {
			lifetime = left
		}
	}
	if lifetime > 0 {
		l.expires = now.Add(lifetime)
	}
	return lifetime, nil
}

// Reasons of failures that are found here, and not by a mechanism.
const (
	failedMechanism = stats.NoMechanism
	failedPrincipal = "principal"
)

// LoginFailures are the reasons of failures of logins by a mechanism that are found here.
func LoginFailures() []string { return []string{failedPrincipal} }

// offers says whether a client may log in by a mechanism, and by which it may.
func (l *login) offers(c *Client, mechanism string) (names []string, ok bool) {
	names = l.Mechanisms.Names(c)
	return names, slices.Contains(names, mechanism)
}
