package saramaclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// takesTokens has a cluster take every token, and tells of each.
func takesTokens(c *kfake.Cluster, taken func(token string)) {
	c.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return r.ResponseKind(), nil, true
	})
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		_, after, _ := strings.Cut(string(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes), "auth=Bearer ")
		token, _, _ := strings.Cut(after, "\x01")
		taken(token)
		return r.ResponseKind(), nil, true
	})
}

// withTokens is a cluster that is logged in to with tokens of a server.
func withTokens(t *testing.T, taken func(string), serve http.HandlerFunc) (upstream.Settings, *dial.OAuth) {
	t.Helper()
	c, s := cluster(t)
	takesTokens(c, taken)
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	inline := func(text string) dial.Source { return dial.Source{Inline: text} }
	oauth := &dial.OAuth{
		At: "upstream_clusters[0].sasl.oauth", TokenURL: server.URL, ClientID: inline("mesh"), ClientSecret: inline("hush"),
	}
	s.Dial.SASL = &dial.SASL{Mechanism: dial.OAuthBearer, OAuth: oauth, Tokens: dial.NewTokens(oauth)}
	return s, oauth
}

// Workers have a client each, and all their connections one token.
func TestWorkersShareOneToken(t *testing.T) {
	t.Parallel()
	var asked, logins atomic.Int32
	s, _ := withTokens(t, func(token string) {
		logins.Add(1)
		if token != "token-1" {
			t.Errorf("logged in with %q", token)
		}
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "Bearer", "expires_in": 3600}`, asked.Add(1))
	})
	var work sync.WaitGroup
	for range 4 {
		client := newClient(t, s)
		for range 3 {
			work.Go(func() {
				conn, err := client.Dial(t.Context(), s.BootstrapServers[0])
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
			})
		}
	}
	work.Wait()
	if asked.Load() != 1 || logins.Load() != 12 {
		t.Errorf("%d tokens for %d logins, want 1 for 12", asked.Load(), logins.Load())
	}
}

// Without a token a login has failed, whoever is slow: it names the field and not the broker, and nothing of what the server says.
func TestNoTokenIsAFailedLogin(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		serve func(w http.ResponseWriter, over <-chan struct{})
		want  string
	}{
		"refused": {func(w http.ResponseWriter, _ <-chan struct{}) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, `{"error": "invalid_client", "error_description": "you said hush"}`)
		}, "refuses: 401 Unauthorized invalid_client"},
		"silent": {func(_ http.ResponseWriter, over <-chan struct{}) { <-over }, "no token has come in time"},
		"no token": {func(w http.ResponseWriter, _ <-chan struct{}) {
			_, _ = fmt.Fprint(w, `<html>hush</html>`)
		}, "has answered something that is no token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			s, oauth := withTokens(t, func(token string) { t.Errorf("logged in with %q", token) },
				func(w http.ResponseWriter, _ *http.Request) { tt.serve(w, over) })
			t.Cleanup(func() { close(over) }) // before the server ends
			s.Dial.Socket.SetupTimeout = 500 * time.Millisecond
			_, err := newClient(t, s).Dial(t.Context(), s.BootstrapServers[0])
			_, login := errors.AsType[*dial.LoginError](err)
			if !login || !strings.Contains(err.Error(), "no token for OAUTHBEARER ("+oauth.At+"): ") || !strings.Contains(err.Error(), tt.want) ||
				strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "the broker does not answer") {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}
