package login_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// A file that is wrong when a server resumes changes nothing, is told of, and is read again until it is right.
func TestResumeWithAFileThatIsWrong(t *testing.T) {
	t.Parallel()
	seed := "@seed " + strings.Repeat("A", 43) + "="
	path := file(t, user(t, "alice", "one")+"\n"+seed)
	changed := user(t, "alice", "two")
	synctest.Test(t, func(t *testing.T) {
		told := &reports{}
		s, err := login.New(login.Settings{Mechanisms: []string{login.Plain}, UsersFile: path, Told: told.add})
		check(t, err)
		defer s.Close()
		password := func(when, want string) {
			t.Helper()
			synctest.Wait()
			for _, password := range []string{"one", "two"} {
				if _, who, _ := begin(t, s, login.Plain).Step([]byte("\x00alice\x00" + password)); (who != nil) != (password == want) {
					t.Errorf("%s: %s is %v", when, password, who)
				}
			}
		}
		s.Rest()
		told.take()
		check(t, os.WriteFile(path, []byte("half a lin"), 0o600))
		<-time.After(time.Minute)
		if got := told.take(); got != "" {
			t.Errorf("resting: told %q", got)
		}
		s.Resume()
		password("with half a file", "one")
		if got := told.take(); !strings.Contains(got, "line 1: ") {
			t.Errorf("with half a file: told %q", got)
		}
		check(t, os.WriteFile(path, []byte(changed+"\n"+seed), 0o600))
		<-time.After(2 * time.Second)
		password("with a whole one", "two")
	})
}

// Keys that were there stay, though nobody can be asked for them when a server resumes.
func TestResumeWithoutAProvider(t *testing.T) {
	t.Parallel()
	one, two := rsaKey(), ecKey()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: says(http.StatusOK, set(one.jwk("one")))}
		s, told := p.serve(t)
		defer s.Close()
		synctest.Wait()
		s.Rest()
		told.take()
		p.set(says(http.StatusServiceUnavailable, ""))
		<-time.After(time.Hour)
		if p.count() != 1 {
			t.Errorf("asked %d times while it rests", p.count())
		}
		for range 2 {
			s.Resume()
		}
		synctest.Wait()
		if got := outcome(t, begin(t, s, login.OAuthBearer), one.token("one", claims())); got != "in" {
			t.Errorf("with the provider down: %s", got)
		}
		if got := told.take(); p.count() != 2 || !strings.Contains(got, "status 503") {
			t.Errorf("asked %d times, told %q", p.count(), got)
		}
		p.set(says(http.StatusOK, set(one.jwk("one"), two.jwk("two"))))
		<-time.After(11 * time.Second)
		synctest.Wait()
		if got := outcome(t, begin(t, s, login.OAuthBearer), two.token("two", claims())); got != "in" {
			t.Errorf("with the provider back: %s", got)
		}
	})
}

// A server that rests from the beginning asks nobody: who wants to log in waits until it resumes, or is closed, and not after that.
func TestRestsFromTheBeginning(t *testing.T) {
	t.Parallel()
	key := rsaKey()
	for name, end := range map[string]func(*login.Server){"resumed": (*login.Server).Resume, "closed": (*login.Server).Close} {
		synctest.Test(t, func(t *testing.T) {
			p := &provider{answers: says(http.StatusOK, set(key.jwk("one")))}
			s, err := login.New(login.Settings{
				Mechanisms: []string{login.OAuthBearer}, Resting: true,
				Tokens: &login.TokenSettings{KeysURL: "https://idp/keys", Audiences: []string{"kafka"}, Client: &http.Client{Transport: p}},
			})
			check(t, err)
			defer s.Close()
			<-time.After(time.Hour)
			if p.count() != 0 {
				t.Errorf("%s: asked %d times", name, p.count())
			}
			e := begin(t, s, login.OAuthBearer)
			_, _, err = e.Step(hello(key.token("one", claims())))
			pending, ok := errors.AsType[*login.Pending](err)
			if !ok {
				t.Fatalf("%s: Step = %v, want it pending", name, err)
			}
			end(s)
			<-pending.Done
			want := map[string]string{"resumed": "in", "closed": "unavailable"}[name]
			if got := outcome(t, e, key.token("one", claims())); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			<-time.After(time.Hour)
			if got := outcome(t, begin(t, s, login.OAuthBearer), key.token("one", claims())); got != want {
				t.Errorf("%s, an hour later: %s, want %s", name, got, want)
			}
		})
	}
}
