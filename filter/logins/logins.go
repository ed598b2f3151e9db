package logins

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Server begins logins. Any goroutine may use it.
type Server interface {
	// Names are the mechanisms, sorted. Nobody changes them.
	Names() []string
	// Begin begins a login by one of these.
	Begin(mechanism string) (login.Exchange, bool)
}

// Limiter says how long the answer to a failed login is to wait. Any goroutine may use it.
type Limiter interface {
	Failed(from netip.Addr, now time.Time) time.Duration
}

// Options is what Mechanisms are made from.
type Options struct {
	Server  Server
	Limiter Limiter
	// Bare offers clients that are not known to speak TLS what must not be overheard, too: passwords and tokens as they are.
	Bare bool
	// Panics stops those of the goroutines.
	Panics *guard.Panics
}

// Mechanisms are those by which clients may log in. New makes them; any goroutine may use them.
type Mechanisms struct {
	options Options
	covered []string // those that can be overheard
	bench   bench
}

var _ broker.Mechanisms = (*Mechanisms)(nil)

// New makes mechanisms.
func New(o Options) *Mechanisms {
	m := &Mechanisms{options: o}
	m.covered = slices.DeleteFunc(slices.Clone(o.Server.Names()), login.CanBeOverheard)
	m.bench.panics = o.Panics
	return m
}

// Close waits until no token is looked at. Nobody logs in any more.
func (m *Mechanisms) Close() { m.bench.close() }

// Names implements broker.Mechanisms.
func (m *Mechanisms) Names(c *broker.Client) []string {
	if c.Encrypted || m.options.Bare {
		return m.options.Server.Names()
	}
	return m.covered
}

// maxQuoted is how much of a name is quoted.
const maxQuoted = 64

// WhyNot implements broker.Mechanisms.
func (m *Mechanisms) WhyNot(c *broker.Client, mechanism string) string {
	if slices.Contains(m.options.Server.Names(), mechanism) {
		return mechanism + " is for connections with TLS, because it can be overheard, and this one is not known to have it: have the listener " +
			"speak TLS, or set authentication.sasl.allow_plain_without_tls"
	}
	offered := strings.Join(m.Names(c), ", ")
	if offered == "" {
		offered = "none without TLS"
	}
	return "the mechanism " + strconv.Quote(wire.Clip(mechanism, maxQuoted)) + " is not offered; offered: " + offered
}

// Begin implements broker.Mechanisms.
//
//nolint:ireturn // broker.Mechanisms asks for it
func (m *Mechanisms) Begin(c *broker.Client, mechanism string) broker.Exchange {
	under, ok := m.options.Server.Begin(mechanism)
	if !ok { // Names has it
		return broken{}
	}
	return &exchange{of: m, client: c, mechanism: mechanism, under: under}
}

// broken is the login by a mechanism that cannot be begun.
type broken struct{}

func (broken) Step(_ []byte, _ func(func()) func(), done func(broker.Stepped)) {
	done(broker.Stepped{Err: errors.New("the mechanism cannot be begun")})
}

// exchange is one login.
type exchange struct {
	of        *Mechanisms
	client    *broker.Client
	mechanism string
	under     login.Exchange
	refused   bool // and counted
}

// Step implements broker.Exchange.
func (e *exchange) Step(token []byte, onEnd func(call func()) (forget func()), done func(broker.Stepped)) {
	s := &step{exchange: e, token: token, done: done, from: login.Network(addressOf(e.client.Address))}
	if !e.under.Laborious(token) {
		s.take()
		return
	}
	e.of.bench.add(s, onEnd)
}

// come says what came of a token.
func (e *exchange) come(answer []byte, who *login.Identity, err error) (s broker.Stepped) {
	refused := e.under.Refused()
	failed, ok := errors.AsType[*login.Failure](err)
	switch {
	case ok:
		s.Failure = e.failure(failed)
	case err != nil:
		s.Err = &wire.Violation{Reason: wire.ReasonLoginFailed, Detail: e.mechanism + ": " + err.Error()}
	case who != nil:
		s.Answer, s.Who = answer, &broker.Identity{Principal: who.Principal, Expires: who.Expires}
	default:
		if s.Answer = answer; refused != nil && !e.refused {
			s.Refused = e.failure(refused)
		}
	}
	return s
}

// failure is what is told of one, which is counted once.
func (e *exchange) failure(f *login.Failure) *broker.LoginFailure {
	told := &broker.LoginFailure{Message: f.Message, Again: f.Again(), Reason: string(f.Reason), Said: said(f.Reason), Counted: e.refused}
	if !e.refused {
		e.refused = true
		told.Delay = e.of.options.Limiter.Failed(addressOf(e.client.Address), time.Now())
	}
	return told
}

// addressOf is the address of a client, zero if it is not known.
func addressOf(client string) netip.Addr {
	at, err := netip.ParseAddrPort(client)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

// said is what logs say of a reason. They do not tell whether there is a user of a name: that helps to guess.
func said(r login.Reason) string {
	switch r {
	case login.UnknownUser, login.WrongPassword:
		return "wrong user or password"
	case login.Malformed:
		return "what came is nothing of the mechanism's"
	case login.NonceTwice:
		return "the client sends its nonce twice, as librdkafka does before 2.6.1, which Kafka 4 refuses too: have it use a newer one, or PLAIN with TLS"
	case login.Unsupported:
		return "channel binding, delegation tokens and mandatory extensions are not supported"
	case login.OtherIdentity:
		return "the client wants to be somebody else than who it proves to be"
	case login.UnknownKey:
		return "the token is signed with none of the known keys"
	case login.Expired:
		return "the token is not valid now"
	case login.WrongClaims:
		return "the token is for others, by others, or does not say whose it is"
	case login.WrongScope:
		return "the token lacks a scope"
	default:
		return string(r)
	}
}

// Failures are the reasons for which logins fail, as metrics have them.
func Failures() []string {
	all := broker.LoginFailures()
	for _, r := range login.Reasons() {
		all = append(all, string(r))
	}
	return all
}
