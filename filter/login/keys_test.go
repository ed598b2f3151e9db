package login_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// provider is an identity provider's server, without a network.
type provider struct {
	mu      sync.Mutex
	answers func(*http.Request) (*http.Response, error)
	asked   int
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked++
	answers := p.answers
	p.mu.Unlock()
	return answers(r)
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *provider) set(f func(*http.Request) (*http.Response, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = f
}

// says answers with a status and a body.
func says(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}, nil
	}
}

func set(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// reports are those of one server.
type reports struct {
	mu   sync.Mutex
	seen []string
}

func (r *reports) add(report follower.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, fmt.Sprintf("%s %d %v %s", report.Subject, report.Count, report.Err, report.Warning))
}

// take returns those since the last time.
func (r *reports) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.seen, "\n")
	r.seen = nil
	return all
}

// serve is a server with the keys of a provider.
func (p *provider) serve(t *testing.T) (*login.Server, *reports) {
	t.Helper()
	told := &reports{}
	s, err := login.New(login.Settings{
		Mechanisms: []string{login.OAuthBearer},
		Tokens:     &login.TokenSettings{KeysURL: "https://idp/keys?secret=x", Audiences: []string{"kafka"}, Client: &http.Client{Transport: p}},
		Told:       told.add,
		Caught:     func(where string, reason any, stack []byte) { t.Errorf("panic in %s: %v\n%s", where, reason, stack) },
	})
	check(t, err)
	return s, told
}

// outcome is what becomes of a token: in, refused, pending, unavailable.
func outcome(t *testing.T, e login.Exchange, token string) string {
	t.Helper()
	answer, who, err := e.Step(hello(token))
	_, pending := errors.AsType[*login.Pending](err)
	switch {
	case who != nil:
		return "in"
	case pending:
		return "pending"
	case errors.Is(err, login.ErrUnavailable):
		return "unavailable"
	case string(answer) == invalidToken:
		return "refused"
	default:
		t.Fatalf("%q, %v", answer, err)
		return ""
	}
}

func TestKeysAtAURL(t *testing.T) {
	t.Parallel()
	one, two := rsaKey(), ecKey()
	synctest.Test(t, func(t *testing.T) {
		ready := make(chan struct{})
		p := &provider{answers: func(r *http.Request) (*http.Response, error) {
			<-ready
			return says(http.StatusOK, set(one.jwk("one")))(r)
		}}
		s, told := p.serve(t)
		defer s.Close()
		first := begin(t, s, login.OAuthBearer)
		if got := outcome(t, first, one.token("one", claims())); got != "pending" {
			t.Errorf("before the first keys are there: %s", got)
		}
		close(ready)
		synctest.Wait()
		if got := outcome(t, first, one.token("one", claims())); got != "in" {
			t.Errorf("with the first keys: %s", got)
		}
		want := func(what string, key *signingKey, id string, outcomes ...string) {
			t.Helper()
			e := begin(t, s, login.OAuthBearer)
			for _, want := range outcomes {
				if got := outcome(t, e, key.token(id, claims())); got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
				synctest.Wait()
			}
		}
		said := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if got := told.take(); got != want {
				t.Errorf("%s, told %q, want %q", what, got, want)
			}
		}
		asked := func(what string, want int) {
			t.Helper()
			if got := p.count(); got != want {
				t.Errorf("%s: asked %d times, want %d", what, got, want)
			}
		}
		want("then", one, "one", "in")
		said("at first", "keys 1 <nil> ")
		want("an unknown key, at once", two, "two", "refused")
		<-time.After(10 * time.Second)
		want("an unknown key, later", two, "two", "pending", "refused")
		asked("for an unknown key", 2)
		want("again", two, "two", "refused")
		asked("again", 2)

		p.set(says(http.StatusOK, set(one.jwk("one"), two.jwk("two"))))
		<-time.After(10 * time.Second)
		want("a new key", two, "two", "pending", "in")
		said("with a new key", "keys 2 <nil> ")
		<-time.After(login.DefaultRefresh)
		synctest.Wait()
		asked("after a while", 4)

		for body, wrong := range map[string]string{
			"{":                          "the keys from idp: no set of keys: it is not JSON with a list keys",
			"{}":                         "the keys from idp: none of 0 keys can be used: they have to be public keys for signatures, RSA with 2048 to 8192 bits, EC or Ed25519",
			strings.Repeat(" ", 2<<20):   "the keys from idp: more than 1048576 bytes",
			set(smallKey().jwk("small")): "the keys from idp: none of 1 keys can be used: they have to be public keys for signatures, RSA with 2048 to 8192 bits, EC or Ed25519",
		} {
			p.set(says(http.StatusOK, body))
			<-time.After(login.DefaultRefresh)
			said("with a wrong answer", "keys 2 "+wrong+" ")
			want("with a wrong answer", one, "one", "in")
		}
		p.set(says(http.StatusNotFound, ""))
		<-time.After(login.DefaultRefresh)
		said("with a status", "keys 2 the keys cannot be had from idp: it answers with status 404 ")
		p.set(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken cable") })
		<-time.After(login.DefaultRefresh)
		said("with nobody there", "keys 2 the keys cannot be had from idp: broken cable ")
		<-time.After(time.Hour)
		said("after an hour", "")
		want("after an hour", two, "two", "in")
		p.set(says(http.StatusOK, set(two.jwk("two"))))
		<-time.After(login.DefaultRefresh)
		said("when it works again", "keys 1 <nil> ")
		want("with the new ones", two, "two", "in")
		want("with an old one", one, "one", "pending", "refused")
	})
}

// Who cannot be reached at first is asked again and again, and nobody is refused for that.
func TestKeysThatAreNotThereYet(t *testing.T) {
	t.Parallel()
	key := rsaKey()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		s, told := p.serve(t)
		defer s.Close()
		e := begin(t, s, login.OAuthBearer)
		_, _, err := e.Step(hello(key.token("one", claims())))
		pending, ok := errors.AsType[*login.Pending](err)
		if !ok {
			t.Fatalf("Step = %v, want it pending", err)
		}
		before := time.Now()
		<-pending.Done
		if waited := time.Since(before); waited > 5*time.Second {
			t.Errorf("it waited %v", waited)
		}
		if got := outcome(t, e, key.token("one", claims())); got != "unavailable" {
			t.Errorf("without keys: %s", got)
		}
		if e.Refused() != nil {
			t.Errorf("it is refused: %v", e.Refused())
		}
		p.set(says(http.StatusOK, set(key.jwk("one"))))
		<-time.After(10 * time.Second)
		synctest.Wait()
		if got := outcome(t, begin(t, s, login.OAuthBearer), key.token("one", claims())); got != "in" {
			t.Errorf("with keys: %s; told %s", got, told.take())
		}
	})
}

// A server that is closed while it asks for keys lets everybody go.
func TestCloseWhileKeysAreAskedFor(t *testing.T) {
	t.Parallel()
	key := rsaKey()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		s, _ := p.serve(t)
		_, _, err := begin(t, s, login.OAuthBearer).Step(hello(key.token("one", claims())))
		pending, ok := errors.AsType[*login.Pending](err)
		if !ok {
			t.Fatalf("Step = %v, want it pending", err)
		}
		s.Close()
		<-pending.Done
		switch got := outcome(t, begin(t, s, login.OAuthBearer), key.token("one", claims())); got {
		case "unavailable":
		default:
			t.Errorf("after Close: %s", got)
		}
	})
}

// A panic while keys are read costs that reading.
func TestPanicWhileKeysAreRead(t *testing.T) {
	t.Parallel()
	key := rsaKey()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: func(*http.Request) (*http.Response, error) { panic("bug") }}
		var caught sync.WaitGroup
		caught.Add(1)
		once := sync.OnceFunc(caught.Done)
		s, err := login.New(login.Settings{
			Mechanisms: []string{login.OAuthBearer},
			Tokens:     &login.TokenSettings{KeysURL: "http://idp/", Audiences: []string{"kafka"}, Client: &http.Client{Transport: p}},
			Caught:     func(string, any, []byte) { once() },
		})
		check(t, err)
		defer s.Close()
		caught.Wait()
		p.set(says(http.StatusOK, set(key.jwk("one"))))
		<-time.After(time.Minute)
		synctest.Wait()
		if got := outcome(t, begin(t, s, login.OAuthBearer), key.token("one", claims())); got != "in" {
			t.Errorf("after a panic: %s", got)
		}
	})
}

// A server sends us on, but not from https to http, and not for ever.
func TestKeysElsewhere(t *testing.T) {
	t.Parallel()
	var mux http.ServeMux
	plain, safe := httptest.NewServer(&mux), httptest.NewTLSServer(&mux)
	t.Cleanup(plain.Close)
	t.Cleanup(safe.Close)
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, set(rsaKey().jwk("a"))) })
	mux.Handle("/moved", http.RedirectHandler("/keys", http.StatusFound))
	mux.Handle("/down", http.RedirectHandler(plain.URL+"/keys", http.StatusFound))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	for _, tt := range []struct{ url, want string }{
		{safe.URL + "/keys", "keys 1 <nil> "},
		{plain.URL + "/keys", "keys 1 <nil> "},
		{safe.URL + "/moved", "keys 1 <nil> "},
		{safe.URL + "/down", "a redirect from https to http"},
		{plain.URL + "/round", "too many redirects"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			told := make(chan follower.Report, 1)
			serve(t, login.Settings{
				Mechanisms: []string{login.OAuthBearer},
				Tokens:     &login.TokenSettings{KeysURL: tt.url, Audiences: []string{"kafka"}, Client: safe.Client()},
				Told:       func(r follower.Report) { told <- r },
			})
			var seen reports
			seen.add(<-told)
			if got := seen.take(); !strings.Contains(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

// Keys in a file are those that are there now.
func TestKeysInAFile(t *testing.T) {
	t.Parallel()
	one, two := rsaKey(), ecKey()
	path := file(t, set(one.jwk("one")))
	synctest.Test(t, func(t *testing.T) {
		told := &reports{}
		s, err := login.New(login.Settings{
			Mechanisms: []string{login.OAuthBearer},
			Tokens:     &login.TokenSettings{KeysFile: path, Audiences: []string{"kafka"}},
			Told:       told.add,
		})
		check(t, err)
		defer s.Close()
		for _, step := range []struct{ content, told, one, two string }{
			{set(one.jwk("one")), "keys 1 <nil> ", "in", "refused"},
			{set(two.jwk("two")), "keys 1 <nil> ", "refused", "in"},
			{"{", "keys 1 " + path + ": no set of keys: it is not JSON with a list keys ", "refused", "in"},
			{set(two.jwk("two")), "keys 1 <nil> ", "refused", "in"},
			{set(two.jwk("two"), one.jwk("one")), "keys 2 <nil> ", "in", "in"},
		} {
			write(t, path, step.content)
			<-time.After(2 * time.Second)
			synctest.Wait()
			if got := told.take(); got != step.told {
				t.Errorf("%s: told %q, want %q", step.content, got, step.told)
			}
			for key, want := range map[*signingKey]string{one: step.one, two: step.two} {
				id := map[*signingKey]string{one: "one", two: "two"}[key]
				e := begin(t, s, login.OAuthBearer)
				got := outcome(t, e, key.token(id, claims()))
				if got == "pending" {
					<-time.After(2 * time.Second)
					got = outcome(t, e, key.token(id, claims()))
				}
				if got != want {
					t.Errorf("%s: %s is %s, want %s", step.content, id, got, want)
				}
			}
		}
	})
}
