package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// mechanisms take tokens that say what is to come of them: "more" wants another, "wrong" is refused, "busy" is not looked at, and any other
// is who the client is, for an hour if it begins with an h.
type mechanisms struct{ begun []string }

func (*mechanisms) Names(*broker.Client) []string { return []string{"ONE", "TWO"} }

func (*mechanisms) WhyNot(_ *broker.Client, mechanism string) string { return mechanism + " is none" }

//nolint:ireturn // the facade asks for it
func (m *mechanisms) Begin(_ *broker.Client, mechanism string) broker.Exchange {
	m.begun = append(m.begun, mechanism)
	return m
}

func (*mechanisms) Step(token []byte, _ func(func()) func(), done func(broker.Stepped)) {
	switch said := string(token); said {
	case "more":
		done(broker.Stepped{Answer: []byte("go on")})
	case "wrong":
		done(broker.Stepped{Failure: &broker.LoginFailure{Message: "no", Again: "not again", Reason: "wrong", Said: "is wrong", Delay: time.Second}})
	case "busy":
		done(broker.Stepped{Err: errors.New("busy")})
	default:
		who := &broker.Identity{Principal: said}
		if said[0] == 'h' {
			who.Expires = time.Now().Add(time.Hour)
		}
		done(broker.Stepped{Answer: []byte("hello"), Who: who})
	}
}

// door is a facade that one client logs in to.
type door struct {
	t       *testing.T
	facade  *broker.Broker
	client  *broker.Client
	skipped time.Duration // how much later requests come
}

func newDoor(t *testing.T, l broker.Logins) *door {
	t.Helper()
	if l.Mechanisms == nil {
		l.Mechanisms = &mechanisms{}
	}
	d := &door{t: t, client: new(broker.Client), facade: broker.New(broker.Served(true), route.Tables{}, nil, wire.None, broker.Counts{})}
	d.client.LogIn(&l)
	return d
}

// ask has one request served, and says what came of it in a few words.
func (d *door) ask(version int16, request kmsg.Request) string {
	d.t.Helper()
	key := wire.APIKey(request.Key())
	frame := wiretest.Frame(key, version, 77, "test", request)
	h, body, err := d.facade.ParseHeader(frame[4:])
	if err != nil {
		d.t.Fatal(err)
	}
	return d.serve(h, body, func(a broker.Answer) string {
		if key == wire.KeyApiVersions { // a version that is none is answered in another
			return "served"
		}
		switch r := parse[kmsg.Response](d.t, key, version, a).(type) {
		case *kmsg.SASLHandshakeResponse:
			return fmt.Sprintf("%s %v", wire.ErrorCode(r.ErrorCode), r.SupportedMechanisms)
		case *kmsg.SASLAuthenticateResponse:
			said := wire.ErrorCode(r.ErrorCode).String() + " " + string(r.SASLAuthBytes)
			if r.ErrorMessage != nil {
				said += *r.ErrorMessage
			}
			if r.SessionLifetimeMillis != 0 {
				said += fmt.Sprintf(" %dm", (r.SessionLifetimeMillis+30_000)/60_000)
			}
			return said
		default:
			return "served"
		}
	})
}

// bare has a token served that is a frame.
func (d *door) bare(token string) string {
	d.t.Helper()
	if !d.client.SendsTokens() {
		d.t.Fatal("the client's next frame is a request")
	}
	return d.serve(broker.TokenHeader(), []byte(token), func(a broker.Answer) string { return fmt.Sprintf("%q", a.Frame) })
}

func (d *door) serve(h wire.Header, body []byte, read func(broker.Answer) string) string {
	d.t.Helper()
	r := &pending{}
	c := &broker.Call{Client: d.client, Header: h, Body: body, Reply: r, Received: time.Now().Add(d.skipped)}
	if err := d.facade.Serve(c); err != nil {
		return reason(err)
	}
	said := ""
	if len(r.timers) > 0 {
		said = "after " + r.timers[0].after.String() + " "
		r.timers[0].call()
	}
	if len(r.answers) != 1 {
		d.t.Fatalf("%d answers, want 1", len(r.answers))
	}
	a := r.answers[0]
	if a.Frame != nil {
		said += read(a)
	}
	if a.Violation != nil {
		said += ", " + reason(a.Violation)
	}
	return strings.TrimPrefix(said, ", ")
}

func reason(err error) string {
	if v, ok := errors.AsType[*wire.Violation](err); ok {
		return "closed: " + v.Error()
	}
	return "closed: " + err.Error()
}

func handshake(mechanism string) *kmsg.SASLHandshakeRequest {
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism = mechanism
	return r
}

func token(text string) *kmsg.SASLAuthenticateRequest {
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes = []byte(text)
	return r
}

func versionsAsked() *kmsg.ApiVersionsRequest { return kmsg.NewPtrApiVersionsRequest() }

// TestLogins has clients log in, in order and not.
func TestLogins(t *testing.T) {
	t.Parallel()
	const offered = "NONE [ONE TWO]"
	asks := func(version int16, r kmsg.Request) func(*door) string {
		return func(d *door) string { return d.ask(version, r) }
	}
	bare := func(text string) func(*door) string { return func(d *door) string { return d.bare(text) } }
	later := func(by time.Duration) func(*door) string {
		return func(d *door) string { d.skipped += by; return "" }
	}
	meta := asks(9, kmsg.NewPtrMetadataRequest())
	for name, tt := range map[string]struct {
		logins broker.Logins
		steps  []func(*door) string
		want   []string
		who    string
	}{
		"in order": {
			steps: []func(*door) string{asks(3, softwareNamed()), asks(1, handshake("ONE")), asks(2, token("more")), asks(2, token("ann")), meta, asks(3, softwareNamed())},
			want:  []string{"served", offered, "NONE go on", "NONE hello", "served", "served"}, who: "ann",
		},
		"without asking what is served": {
			steps: []func(*door) string{asks(1, handshake("TWO")), asks(0, token("bob")), meta},
			want:  []string{offered, "NONE hello", "served"}, who: "bob",
		},
		"tokens that are frames": {
			steps: []func(*door) string{asks(0, handshake("ONE")), bare("more"), bare("ann"), meta},
			want:  []string{offered, "\"\\x00\\x00\\x00\\x05go on\"", "\"\\x00\\x00\\x00\\x05hello\"", "served"}, who: "ann",
		},
		"no login": {
			steps: []func(*door) string{asks(0, versionsAsked()), meta},
			want:  []string{"served", "closed: login_required: Metadata was asked for before a login"}, who: authorizer.Anonymous,
		},
		"no login, and none needed": {
			logins: broker.Logins{Optional: true},
			steps:  []func(*door) string{asks(0, versionsAsked()), asks(0, versionsAsked()), meta, asks(1, handshake("ONE")), asks(1, token("ann"))},
			want: []string{
				"served", "served", "served", "ILLEGAL_SASL_STATE []",
				"ILLEGAL_SASL_STATE SaslAuthenticate request received after successful authentication",
			},
			who: authorizer.Anonymous,
		},
		"a login, and none needed": {
			logins: broker.Logins{Optional: true},
			steps:  []func(*door) string{asks(0, versionsAsked()), asks(1, handshake("ONE")), asks(1, token("ann")), meta},
			want:   []string{"served", offered, "NONE hello", "served"}, who: "ann",
		},
		"what is served, twice": {
			steps: []func(*door) string{asks(0, versionsAsked()), asks(0, versionsAsked())},
			want:  []string{"served", "closed: login_order: what is served was asked for twice before the login"}, who: authorizer.Anonymous,
		},
		"what is served, in a version that is none, and again": {
			steps: []func(*door) string{asks(9, versionsAsked()), asks(0, versionsAsked()), asks(1, handshake("ONE"))},
			want:  []string{"served", "served", offered}, who: authorizer.Anonymous,
		},
		"a token first": {
			steps: []func(*door) string{asks(1, token("ann"))},
			want:  []string{"closed: login_order: a token came before a mechanism was chosen"}, who: authorizer.Anonymous,
		},
		"something else in between": {
			steps: []func(*door) string{asks(1, handshake("ONE")), meta},
			want:  []string{offered, "closed: login_order: Metadata was asked for during a login"}, who: authorizer.Anonymous,
		},
		"a handshake, twice": {
			steps: []func(*door) string{asks(1, handshake("ONE")), asks(0, handshake("ONE"))},
			want: []string{
				offered, "ILLEGAL_SASL_STATE [], closed: login_order: SaslHandshake was asked for during a login",
			},
			who: authorizer.Anonymous,
		},
		"what is served, during a login": {
			steps: []func(*door) string{asks(1, handshake("ONE")), asks(3, softwareNamed()), meta},
			want: []string{
				offered, "served, closed: login_order: ApiVersions was asked for during a login",
				"closed: login_order: Metadata was asked for after a login that had failed",
			},
			who: authorizer.Anonymous,
		},
		"anew by a mechanism that is none": {
			logins: broker.Logins{Lifetime: time.Hour},
			steps:  []func(*door) string{asks(1, handshake("ONE")), asks(1, token("ann")), asks(1, handshake("SIX"))},
			want:   []string{offered, "NONE hello 60m", "closed: login_failed: SIX is none"}, who: "ann",
		},
		"another mechanism": {
			steps: []func(*door) string{asks(1, handshake("SIX")), meta},
			want: []string{
				"UNSUPPORTED_SASL_MECHANISM [ONE TWO], closed: login_failed: SIX is none",
				"closed: login_order: Metadata was asked for after a login that had failed",
			},
			who: authorizer.Anonymous,
		},
		"a wrong token": {
			steps: []func(*door) string{asks(1, handshake("ONE")), asks(1, token("wrong"))},
			want:  []string{offered, "after 1s SASL_AUTHENTICATION_FAILED no, closed: login_failed: ONE: is wrong"}, who: authorizer.Anonymous,
		},
		"a wrong token that is a frame": {
			steps: []func(*door) string{asks(0, handshake("ONE")), bare("wrong")},
			want:  []string{offered, "after 1s , closed: login_failed: ONE: is wrong"}, who: authorizer.Anonymous,
		},
		"nobody has time": {
			steps: []func(*door) string{asks(0, handshake("ONE")), bare("busy")},
			want:  []string{offered, "closed: busy"}, who: authorizer.Anonymous,
		},
		"twice, for ever": {
			steps: []func(*door) string{asks(1, handshake("ONE")), asks(1, token("ann")), asks(1, handshake("ONE")), meta},
			want:  []string{offered, "NONE hello", "ILLEGAL_SASL_STATE []", "served"}, who: "ann",
		},
		"anew": {
			logins: broker.Logins{Lifetime: time.Hour},
			steps: []func(*door) string{
				asks(1, handshake("ONE")), asks(1, token("ann")), later(59 * time.Minute), meta,
				asks(1, handshake("ONE")), asks(1, token("more")), asks(2, token("ann")), asks(1, handshake("ONE")), meta,
			},
			want: []string{offered, "NONE hello 60m", "", "served", offered, "NONE go on", "NONE hello 60m", "ILLEGAL_SASL_STATE []", "served"}, who: "ann",
		},
		"anew, when it is late": {
			logins: broker.Logins{Lifetime: time.Hour},
			steps:  []func(*door) string{asks(1, handshake("ONE")), asks(1, token("ann")), later(61 * time.Minute), asks(1, handshake("ONE")), asks(0, token("ann"))},
			want:   []string{offered, "NONE hello 60m", "", offered, "NONE hello"}, who: "ann",
		},
		"not in time": {
			logins: broker.Logins{Lifetime: time.Hour},
			steps:  []func(*door) string{asks(1, handshake("ONE")), asks(0, token("ann")), later(61 * time.Minute), meta},
			want:   []string{offered, "NONE hello", "", "closed: login_expired: Metadata was asked for after the login had expired"}, who: "ann",
		},
		"what is proved with expires first": {
			logins: broker.Logins{Lifetime: 2 * time.Hour},
			steps:  []func(*door) string{asks(1, handshake("ONE")), asks(1, token("hal")), later(61 * time.Minute), meta},
			want:   []string{offered, "NONE hello 60m", "", "closed: login_expired: Metadata was asked for after the login had expired"}, who: "hal",
		},
		"what is proved with expires": {
			steps: []func(*door) string{asks(1, handshake("ONE")), asks(1, token("hal")), asks(1, handshake("ONE")), asks(1, token("hal"))},
			want:  []string{offered, "NONE hello 60m", offered, "NONE hello 60m"}, who: "hal",
		},
		"anew as somebody else": {
			logins: broker.Logins{Lifetime: time.Hour},
			steps:  []func(*door) string{asks(1, handshake("ONE")), asks(1, token("ann")), asks(1, handshake("ONE")), asks(1, token("bob"))},
			want: []string{
				offered, "NONE hello 60m", offered,
				"SASL_AUTHENTICATION_FAILED Cannot change principals during re-authentication from User.ann: User.bob, " +
					"closed: login_failed: ONE: the client wants to go on as somebody else",
			},
			who: "ann",
		},
		"anew, wrong": {
			logins: broker.Logins{Lifetime: time.Hour},
			steps:  []func(*door) string{asks(1, handshake("ONE")), asks(1, token("ann")), asks(1, handshake("ONE")), asks(1, token("wrong"))},
			want: []string{
				offered, "NONE hello 60m", offered, "after 1s SASL_AUTHENTICATION_FAILED not again, closed: login_failed: ONE: is wrong",
			},
			who: "ann",
		},
		"anew by another mechanism": {
			logins: broker.Logins{Lifetime: time.Hour},
			steps:  []func(*door) string{asks(1, handshake("ONE")), asks(1, token("ann")), asks(1, handshake("TWO")), asks(1, token("ann"))},
			want: []string{
				offered, "NONE hello 60m", offered, "closed: login_order: SaslAuthenticate was asked for after a login that had failed",
			},
			who: "ann",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, tt.logins)
			var got []string
			for _, step := range tt.steps {
				got = append(got, step(d))
			}
			if diff := cmp.Diff(tt.want, trimmed(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := d.client.Principal(); got != tt.who {
				t.Errorf("the client is %q, want %q", got, tt.who)
			}
		})
	}
}

// softwareNamed is an ApiVersions that says what software asks.
func softwareNamed() *kmsg.ApiVersionsRequest {
	r := kmsg.NewPtrApiVersionsRequest()
	r.ClientSoftwareName, r.ClientSoftwareVersion = "test", "1.0"
	return r
}

func trimmed(list []string) []string {
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// Where clients do not log in, neither API of logins is served; where they do, all others are too.
func TestServed(t *testing.T) {
	t.Parallel()
	keys := func(logins bool) (list []wire.APIKey) {
		for _, api := range broker.Served(logins) {
			list = append(list, api.Key)
		}
		return list
	}
	without, with := keys(false), keys(true)
	for _, key := range []wire.APIKey{wire.KeySaslHandshake, wire.KeySaslAuthenticate} {
		if slices.Contains(without, key) || !slices.Contains(with, key) {
			t.Errorf("%s: served without logins %t, with %t", key, slices.Contains(without, key), slices.Contains(with, key))
		}
	}
	if len(with) != len(without)+2 {
		t.Errorf("%d APIs with logins, %d without", len(with), len(without))
	}
}

// A client is confined, so that its frames are short, as long as nothing but a login is taken from it.
func TestConfined(t *testing.T) {
	t.Parallel()
	for _, optional := range []bool{false, true} {
		d := newDoor(t, broker.Logins{Optional: optional, Lifetime: time.Hour})
		check := func(what string, want bool) {
			t.Helper()
			if got := d.client.Confined(); got != want {
				t.Errorf("optional %t: confined %t %s, want %t", optional, got, what, want)
			}
		}
		check("at first", !optional)
		d.ask(0, versionsAsked())
		check("when it knows what is served", !optional)
		d.ask(1, handshake("ONE"))
		check("during a login", true)
		d.ask(1, token("ann"))
		check("after it", false)
		d.ask(1, handshake("ONE"))
		check("during another", true)
	}
}
