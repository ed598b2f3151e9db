package logins_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/logins"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server has logins of one token, which says what is to come of it.
type server struct {
	mu      sync.Mutex
	now     int           // tokens that are looked at now
	most    int           // at one time
	open    chan struct{} // lets them go on; nil: they do
	key     chan struct{} // what "pending" waits for
	easy    bool          // tokens are no work
	work    time.Duration // of fake time, that a token takes
	stepped atomic.Int32
	begun   []string // tokens, in the order in which they are looked at
}

func (*server) Names() []string { return []string{login.OAuthBearer, login.Plain, login.ScramSHA256} }

//nolint:ireturn // logins asks for it
func (s *server) Begin(mechanism string) (login.Exchange, bool) {
	return &exchange{server: s, mechanism: mechanism}, mechanism != login.ScramSHA256
}

type exchange struct {
	*server

	mechanism string
	refused   *login.Failure
}

func (e *exchange) Refused() *login.Failure { return e.refused }

func (e *exchange) Laborious([]byte) bool { return !e.easy }

func (e *exchange) Step(token []byte) ([]byte, *login.Identity, error) {
	e.mu.Lock()
	e.now++
	e.most = max(e.most, e.now)
	e.begun = append(e.begun, string(token))
	open := e.open
	e.mu.Unlock()
	if open != nil {
		<-open
	}
	bubble.Advance(e.work)
	e.mu.Lock()
	e.now--
	e.mu.Unlock()
	e.stepped.Add(1)
	switch said := string(token); said {
	case "more":
		return []byte("go on"), nil, nil
	case "pending":
		select {
		case <-e.key:
			return nil, &login.Identity{Principal: "late"}, nil
		default:
			return nil, nil, &login.Pending{Done: e.key}
		}
	case "wrong":
		first := e.refused == nil
		e.refused = &login.Failure{Message: "no", Reason: login.WrongPassword, Mechanism: e.mechanism, Name: "ann"}
		if first && e.mechanism == login.OAuthBearer {
			return []byte("understood?"), nil, nil
		}
		return nil, nil, e.refused
	case "no keys":
		return nil, nil, login.ErrUnavailable
	case "bug":
		panic("bug")
	default:
		return []byte("hello"), &login.Identity{Principal: said}, nil
	}
}

// limiter delays by as many seconds as an address has failed.
type limiter struct {
	mu     sync.Mutex
	failed map[netip.Addr]int
}

func (l *limiter) Failed(from netip.Addr, _ time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed[from]++
	return time.Duration(l.failed[from]) * time.Second
}

func mechanisms(s *server, bare bool) *logins.Mechanisms {
	return logins.New(logins.Options{Server: s, Limiter: &limiter{failed: map[netip.Addr]int{}}, Bare: bare, Panics: new(guard.Panics)})
}

// client is one that logs in, and what came of that.
type client struct {
	mu    sync.Mutex
	ends  []func()
	came  []broker.Stepped
	exch  broker.Exchange
	whose *broker.Client
}

func connect(m *logins.Mechanisms, mechanism string) *client {
	return connectFrom(m, mechanism, "10.0.0.1:999")
}

func connectFrom(m *logins.Mechanisms, mechanism, address string) *client {
	c := &client{whose: &broker.Client{Address: address, Encrypted: true}}
	c.exch = m.Begin(c.whose, mechanism)
	return c
}

func (c *client) send(token string) {
	c.exch.Step([]byte(token), c.onEnd, func(s broker.Stepped) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.came = append(c.came, s)
	})
}

func (c *client) onEnd(call func()) (forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends = append(c.ends, call)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ends = nil
	}
}

// end ends the client's connection.
func (c *client) end() {
	c.mu.Lock()
	ends := c.ends
	c.mu.Unlock()
	for _, call := range ends {
		call()
	}
}

// told is how often the client has been told something.
func (c *client) told() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.came)
}

// what came of the client's token, once nothing moves any more.
func (c *client) what(t *testing.T) broker.Stepped {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.came) != 1 {
		t.Fatalf("told %d times, want once", len(c.came))
	}
	return c.came[0]
}

// What can be overheard is for clients with TLS, unless anybody may.
func TestNames(t *testing.T) {
	t.Parallel()
	all := []string{login.OAuthBearer, login.Plain, login.ScramSHA256}
	for _, tt := range []struct {
		encrypted, bare bool
		want            []string
		why             string
	}{
		{true, false, all, `the mechanism "SIX" is not offered; offered: OAUTHBEARER, PLAIN, SCRAM-SHA-256`},
		{false, true, all, `the mechanism "SIX" is not offered; offered: OAUTHBEARER, PLAIN, SCRAM-SHA-256`},
		{false, false, []string{login.ScramSHA256}, `the mechanism "SIX" is not offered; offered: SCRAM-SHA-256`},
	} {
		m := mechanisms(&server{}, tt.bare)
		c := &broker.Client{Encrypted: tt.encrypted}
		if got := m.Names(c); !slices.Equal(got, tt.want) {
			t.Errorf("encrypted %t, bare %t: %v, want %v", tt.encrypted, tt.bare, got, tt.want)
		}
		if got := m.WhyNot(c, "SIX"); got != tt.why {
			t.Errorf("why not: %s, want %s", got, tt.why)
		}
	}
	if why := mechanisms(&server{}, false).WhyNot(&broker.Client{}, login.Plain); !strings.Contains(why, "allow_plain_without_tls") {
		t.Errorf("why not PLAIN: %s", why)
	}
}

func TestWhatComesOfATokens(t *testing.T) {
	t.Parallel()
	for _, easy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := mechanisms(&server{easy: easy}, false)
			defer m.Close()
			ask := func(mechanism, token string) broker.Stepped {
				c := connect(m, mechanism)
				c.send(token)
				return c.what(t)
			}
			if s := ask(login.Plain, "more"); string(s.Answer) != "go on" || s.Who != nil {
				t.Errorf("more: %+v", s)
			}
			if s := ask(login.Plain, "ann"); s.Who == nil || s.Who.Principal != "ann" || string(s.Answer) != "hello" {
				t.Errorf("ann: %+v", s)
			}
			for i := range 2 {
				f := ask(login.Plain, "wrong").Failure
				if f == nil || f.Message != "no" || f.Reason != "wrong_password" || f.Said != "wrong user or password" || f.Delay != time.Duration(i+1)*time.Second {
					t.Errorf("wrong: %+v", f)
				}
			}
			c := connect(m, login.OAuthBearer)
			c.send("wrong")
			if s := c.what(t); string(s.Answer) != "understood?" || s.Refused == nil || s.Refused.Delay != 3*time.Second || s.Refused.Counted {
				t.Errorf("wrong, at first: %+v", s)
			}
			c.came = nil
			c.send("wrong")
			if s := c.what(t); s.Failure == nil || s.Failure.Delay != 0 || !s.Failure.Counted {
				t.Errorf("wrong, then: %+v", s)
			}
			if s := ask(login.Plain, "no keys"); s.Err == nil || s.Failure != nil {
				t.Errorf("no keys: %+v", s)
			}
			if s := ask(login.ScramSHA256, "x"); s.Err == nil {
				t.Errorf("a mechanism that cannot be begun: %+v", s)
			}
		})
	}
}

// A bug in one login costs that login.
func TestBug(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := mechanisms(&server{}, false)
		defer m.Close()
		broken, next := connect(m, login.Plain), connect(m, login.Plain)
		broken.send("bug")
		next.send("ann")
		if s := broken.what(t); s.Err == nil {
			t.Errorf("of the bug: %+v", s)
		}
		if s := next.what(t); s.Who == nil {
			t.Errorf("of the next: %+v", s)
		}
	})
}

// Tokens are looked at a few at a time, and so many wait; whoever comes then is refused, until one that waits has gone.
func TestBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{open: make(chan struct{})}
		m := mechanisms(s, false)
		var clients []*client
		bring := func() *client {
			c := connectFrom(m, login.Plain, fmt.Sprintf("10.1.%d.1:999", len(clients)%32))
			c.send("ann")
			clients = append(clients, c)
			return c
		}
		for range logins.MaxHands + logins.MaxWaiting {
			bring()
			synctest.Wait()
		}
		if late := bring(); late.what(t).Err == nil {
			t.Error("one too many is not refused")
		}
		gone := clients[len(clients)-2]
		gone.end()
		if s := gone.what(t); !errors.Is(s.Err, broker.ErrGone) {
			t.Errorf("of one that is gone: %+v", s)
		}
		last := bring()
		taken := clients[0]
		taken.end() // it is being looked at: that goes on
		close(s.open)
		m.Close()
		for _, c := range []*client{taken, last} {
			if s := c.what(t); s.Who == nil {
				t.Errorf("%+v", s)
			}
		}
		if s.most != logins.MaxHands || int(s.stepped.Load()) != logins.MaxHands+logins.MaxWaiting {
			t.Errorf("%d at one time and %d in all, want %d and %d", s.most, s.stepped.Load(), logins.MaxHands, logins.MaxHands+logins.MaxWaiting)
		}
		if after := bring(); after.what(t).Err == nil {
			t.Error("who comes after the end is not refused")
		}
	})
}

// A token whose key is being asked for waits without keeping anybody, and is looked at again.
func TestPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{key: make(chan struct{})}
		m := mechanisms(s, false)
		defer m.Close()
		waits, gone, other := connect(m, login.OAuthBearer), connect(m, login.OAuthBearer), connect(m, login.OAuthBearer)
		waits.send("pending")
		gone.send("pending")
		other.send("ann")
		if s := other.what(t); s.Who == nil {
			t.Errorf("of another: %+v", s)
		}
		gone.end()
		close(s.key)
		if s := waits.what(t); s.Who == nil || s.Who.Principal != "late" {
			t.Errorf("of what was pending: %+v", s)
		}
		if s := gone.what(t); !errors.Is(s.Err, broker.ErrGone) {
			t.Errorf("of one that is gone: %+v", s)
		}
	})
}

// TestHammer has clients come and go.
func TestHammer(t *testing.T) {
	t.Parallel()
	m := mechanisms(&server{}, false)
	var all sync.WaitGroup
	var told atomic.Int32
	const clients = 200
	for i := range clients {
		all.Go(func() {
			c := connect(m, login.Plain)
			c.exch.Step([]byte("ann"), c.onEnd, func(broker.Stepped) { told.Add(1) })
			if i%2 == 0 {
				c.end()
			}
		})
	}
	all.Wait()
	m.Close()
	if told.Load() != clients {
		t.Errorf("%d of %d are told", told.Load(), clients)
	}
}

// Who nobody can log in as is who clients are that have not logged in.
func TestNobodyLogsInAsAnonymous(t *testing.T) {
	t.Parallel()
	if login.CheckName(authorizer.Anonymous) == nil {
		t.Errorf("%s can be logged in as", authorizer.Anonymous)
	}
}
