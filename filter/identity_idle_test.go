package filter_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// tokened is a client that logs in with tokens. What they are made from is watched as it is where no cluster is scripted.
type tokened struct {
	upstream.Client

	cluster *upstreamtest.Cluster
	users   *users
	tokens  *dial.Tokens
}

// newTokened returns the client of a scripted cluster.
//
//nolint:ireturn // as filter.Options has it
func newTokened(s upstream.Settings, c *upstreamtest.Cluster, u *users) (upstream.Client, error) {
	watching, err := saramaclient.New(s)
	return &tokened{watching, c, u, s.Dial.SASL.Tokens}, err
}

// Dial implements link.Dialer.
func (d *tokened) Dial(ctx context.Context, addr string) (link.Conn, error) {
	got, err := d.tokens.Token(ctx)
	if err != nil {
		return link.Conn{}, &dial.LoginError{Err: err}
	}
	d.users.saw(got.Value)
	return d.cluster.Dial(ctx, addr)
}

// tokenServer gives tokens to whoever asks, and counts the connections to it.
type tokenServer struct {
	*httptest.Server

	given, open atomic.Int64
}

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	s := &tokenServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token": "%s-%d", "token_type": "Bearer", "expires_in": 60}`, who, s.given.Add(1))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.open.Add(1)
		case http.StateClosed:
			s.open.Add(-1)
		case http.StateActive, http.StateIdle, http.StateHijacked:
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// TestIdleTokensLeaveNothing has identities log in with tokens of a server and with one in a file, write, and be there for nobody for long:
// then there is no goroutine of theirs any more, which each connection, each file that is watched and each request for a token has, and no
// connection to the server.
//
//nolint:paralleltest // goroutines of other tests are not to be told from its own
func TestIdleTokensLeaveNothing(t *testing.T) {
	server := newTokenServer(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("in-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, _ := mapped(t, "limits: {identities_max_idle_ms: 1000}\n", "alice a pa", "bob "+file)
	text = strings.Replace(text, `{mechanism: MECHANISM_SCRAM_SHA_512, username: {inline_string: mesh}, password: {inline_string: mesh-password}}`,
		`{mechanism: MECHANISM_OAUTHBEARER, oauth: {token_url: "`+server.URL+`", client_id: {inline_string: mesh}, client_secret: {inline_string: s}}}`, 1)
	withMesh(t, text, func(m *mesh) {
		round := func() {
			for _, principal := range []string{"alice", "bob"} {
				c := m.connectAs(principal)
				if code, ok := writes(t, c, 1, "bananas"); code != wire.None || !ok {
					t.Fatalf("%s: %s; the log:\n%s", principal, code, m.log())
				}
				bubble.Advance(2 * time.Minute) // the token ends
				m.c2.Cut(1)
				synctest.Wait()
				if code, ok := writes(t, c, 2, "bananas"); code != wire.None || !ok {
					t.Fatalf("%s: %s; the log:\n%s", principal, code, m.log())
				}
				c.session.Closed()
			}
			bubble.Advance(time.Minute)
		}
		round() // the mesh's own user has connected by now
		before := goleak.IgnoreCurrent()
		for range 3 {
			round()
		}
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
		if n, given := server.open.Load(), server.given.Load(); n != 0 || given < 4 {
			t.Errorf("%d connections to the server of tokens, which has given %d", n, given)
		}
		if m.users.connections("in-a-file") < 4 {
			t.Error("nobody has logged in with the file")
		}
		numbers{}.of(m, "cluster.c2.identities", "connections_active")
	})
}
