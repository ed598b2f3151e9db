package dial_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
)

// TestHammerTokens has a secret be replaced again and again while tokens are asked for with it: what is asked for with the old one may still
// be on its way then.
func TestHammerTokens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token": "for-%s", "token_type": "Bearer", "expires_in": 3600}`, name)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	replace := func(text string) {
		next := filepath.Join(dir, text)
		check(t, os.WriteFile(next, []byte(text), 0o600))
		check(t, os.Rename(next, secret))
	}
	replace("0")
	tokens := dial.NewTokens(&dial.OAuth{TokenURL: server.URL, ClientID: dial.Source{Inline: "mesh"}, ClientSecret: dial.Source{File: secret}})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 20 {
				replace(strconv.Itoa(i*20 + n))
				tokens.Refresh()
				if got, err := tokens.Token(t.Context()); err != nil || got.Value != "for-mesh" {
					t.Errorf("%q, %v", got.Value, err)
				}
			}
		})
	}
	all.Wait()
}

// TestTokensOfANewSecret has the secret be replaced while its server is slow to answer who showed the old one: nobody waits for that any more,
// and each request shows one secret.
func TestTokensOfANewSecret(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan string, 3), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, secret, _ := r.BasicAuth()
		asked <- secret
		if secret == "first" {
			<-answer
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token": "for-%s", "token_type": "Bearer", "expires_in": 3600}`, secret)
	}))
	t.Cleanup(server.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	replace := func(text string) {
		if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace("first")
	tokens := dial.NewTokens(&dial.OAuth{
		TokenURL: server.URL, ClientID: dial.Source{Inline: "mesh"}, ClientSecret: dial.Source{File: secret},
	})
	token := func(want string) {
		if got, err := tokens.Token(t.Context()); err != nil || got.Value != want {
			t.Errorf("%q, %v, want %q", got.Value, err, want)
		}
	}
	var waits sync.WaitGroup
	waits.Go(func() { token("for-first") })
	<-asked
	replace("second")
	tokens.Refresh()
	token("for-second")
	close(answer)
	waits.Wait()
	token("for-second")
}
