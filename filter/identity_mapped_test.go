package filter_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// users are those of scripted clusters. The zero value lets everybody in.
type users struct {
	mu      sync.Mutex
	refused map[string]bool // passwords
	seen    map[string]int  // connections by user and password, or by token
}

// reach is a way to a cluster as the settings say who it is.
//
//nolint:ireturn // as filter.Options has it
func (u *users) reach(s upstream.Settings, c *upstreamtest.Cluster) (upstream.Client, error) {
	if s.Dial.SASL == nil {
		return c, nil
	}
	if s.Dial.SASL.Tokens != nil {
		return newTokened(s, c, u)
	}
	name, _ := s.Dial.SASL.Username.Text()
	password, _ := s.Dial.SASL.Password.Text()
	return &loggedIn{c, u, name, password}, nil
}

// loggedIn is a client that logs in.
type loggedIn struct {
	*upstreamtest.Cluster

	users          *users
	name, password string
}

// Dial implements link.Dialer.
func (l *loggedIn) Dial(ctx context.Context, addr string) (link.Conn, error) {
	if l.users.saw(l.name + ":" + l.password); l.users.refuses(l.password) {
		return link.Conn{}, &dial.LoginError{Err: errors.New("wrong password")}
	}
	return l.Cluster.Dial(ctx, addr)
}

// saw counts a connection of a user.
func (u *users) saw(user string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen == nil {
		u.seen = map[string]int{}
	}
	u.seen[user]++
}

// refuses reports whether nobody gets in with a password.
func (u *users) refuses(password string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.refused[password]
}

// connections are how many a user has made with a password.
func (u *users) connections(user string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen[user]
}

// mapped is two clusters, of which the second has users of its own for clients, and the file that says so.
func mapped(t *testing.T, more string, lines ...string) (text, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "credentials")
	remap(t, path, lines...)
	text = strings.Replace(twoClusters, `{cluster_name: c2, bootstrap_servers: "broker:9092"}`, `{cluster_name: c2, bootstrap_servers: "broker:9092",
  sasl: {mechanism: MECHANISM_SCRAM_SHA_512, username: {inline_string: mesh}, password: {inline_string: mesh-password}},
  identity: {mapped: {credentials_file: "`+path+`"}}}`, 1)
	return text + "\nauthentication: {tls: {from: FROM_SUBJECT}}\n" + more, path
}

// remap writes the file of credentials.
func remap(t *testing.T, path string, lines ...string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// writes has a client write to a topic, and returns what it is told; ok is false if it is disconnected.
func writes(t *testing.T, c *client, id int32, topic string) (code wire.ErrorCode, ok bool) {
	t.Helper()
	c.got = nil
	c.session.Data(produce(id, topic))
	c.waitAnswers(1)
	if c.isClosed() {
		return 0, false
	}
	return producedCode(t, c.wantAnswers(id)[0]), true
}

// TestMapped has clients be users of their own in a cluster, or whoever is not named, or nobody.
func TestMapped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, principal string
		lines           []string
		user            string // empty: it is refused
	}{
		{"named", "alice", []string{"alice a pa", "@default d pd"}, "a:pa"},
		{"not named", "bob", []string{"alice a pa", "@default d pd"}, "d:pd"},
		{"nobody", "bob", []string{"alice a pa"}, ""},
		{"quoted", "CN=bob, O=x", []string{`"CN=bob, O=x" b "p b"`}, "b:p b"},
		{"without a certificate", "", []string{"ANONYMOUS nobody pn"}, "nobody:pn"},
		{"without a certificate, and not named", "", []string{"alice a pa"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, _ := mapped(t, "", tt.lines...)
			withMesh(t, text, func(m *mesh) {
				c := m.connectAs(tt.principal)
				want := wire.None
				if tt.user == "" {
					want = wire.TopicAuthorizationFailed
				}
				if code, ok := writes(t, c, 1, "bananas"); code != want || !ok {
					t.Errorf("%s, want %s", code, want)
				}
				if code, ok := writes(t, c, 2, "apples"); code != wire.None || !ok {
					t.Errorf("%s from the cluster that has no identities", code)
				}
				for user, n := range m.users.seen {
					if user != tt.user {
						t.Errorf("%d connections as %s, want %s alone", n, user, tt.user)
					}
				}
				log := m.log()
				if refused := strings.Contains(log, "mapped to no user"); refused != (tt.user == "") {
					t.Errorf("the log says %s", log)
				}
				for _, secret := range []string{"pa", "pd", "p b", "pn"} {
					if strings.Contains(log, "="+secret) || strings.Contains(log, `="`+secret) {
						t.Errorf("the log has a password: %s", log)
					}
				}
			})
		})
	}
}

// TestRemapped has the file be another while clients are there: a new password is for new connections, of which each replaces one; who is
// another user, or none, by now is disconnected.
func TestRemapped(t *testing.T) {
	t.Parallel()
	text, path := mapped(t, "", "alice a pa", "bob b pb", "@default d pd")
	withMesh(t, text, func(m *mesh) {
		clients := map[string]*client{}
		next := int32(0)
		try := func(principal string, want string) {
			t.Helper()
			c := clients[principal]
			if c == nil {
				c = m.connectAs(principal)
				clients[principal] = c
			}
			next++
			code, ok := writes(t, c, next, "bananas")
			got := code.String()
			if !ok {
				got = "disconnected"
				delete(clients, principal)
			}
			if got != want {
				t.Errorf("%s: %s, want %s", principal, got, want)
			}
		}
		change := func(lines ...string) {
			t.Helper()
			remap(t, path, lines...)
			bubble.Advance(3 * time.Second)
		}
		all := []string{"alice", "bob", "carol"}
		for _, who := range all {
			try(who, "NONE")
		}
		change("alice a pa2", "bob b pb", "@default d pd")
		for _, who := range all {
			try(who, "NONE")
		}
		if old, now := m.users.connections("a:pa"), m.users.connections("a:pa2"); now == 0 || old == 0 || m.users.connections("b:pb") != old {
			t.Errorf("alice has %d connections with the old password and %d with the new", old, now)
		}
		change("alice a pa2", "bob b")
		for _, who := range all {
			try(who, "NONE")
		}
		if !strings.Contains(m.log(), "line 2: not a principal") {
			t.Errorf("nobody is told of the mistake: %s", m.log())
		}
		change("alice z pz", "carol c pc", "@default d pd")
		for _, who := range all {
			try(who, "disconnected")
			try(who, "NONE")
		}
		for user, want := range map[string]bool{"z:pz": true, "c:pc": true, "d:pd": true} {
			if got := m.users.connections(user) > 0; got != want {
				t.Errorf("%s has connections: %t", user, got)
			}
		}
		change("carol c pc")
		try("carol", "NONE")
		try("alice", "disconnected")
		try("alice", "TOPIC_AUTHORIZATION_FAILED")
		if got := m.metric("cluster.c2.identities"); got != 1 {
			t.Errorf("%d identities, want carol's alone", got)
		}
		change("carol c pc", "alice a pa")
		try("alice", "disconnected")
		try("alice", "NONE")
		if got := m.metric("violations.identity_replaced"); got != 5 {
			t.Errorf("%d were disconnected, want 5", got)
		}
	})
}

// TestIdentityCannotLogIn has a cluster refuse one identity, which is not the others' trouble, nor the cluster's.
func TestIdentityCannotLogIn(t *testing.T) {
	t.Parallel()
	text, path := mapped(t, "", "alice a wrong", "bob b pb")
	withMesh(t, text, func(m *mesh) {
		m.users.refused = map[string]bool{"wrong": true}
		alice, bob := m.connectAs("alice"), m.connectAs("bob")
		if code, ok := writes(t, alice, 1, "bananas"); !code.Transient() || !ok {
			t.Errorf("alice: %s, want an error that passes", code)
		}
		if code, ok := writes(t, bob, 1, "bananas"); code != wire.None || !ok {
			t.Errorf("bob: %s", code)
		}
		log := m.log()
		for _, want := range []string{"does not let an identity log in", "identity=alice", "cluster=c2"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %q: %s", want, log)
			}
		}
		if strings.Contains(log, "out of reach") || strings.Contains(log, "cannot be asked") {
			t.Errorf("it is told as the cluster's trouble: %s", log)
		}
		if m.metric("cluster.c2.login_failures") == 0 {
			t.Error("it is not counted")
		}
		remap(t, path, "alice a right", "bob b pb")
		bubble.Advance(time.Minute)
		if code, ok := writes(t, alice, 2, "bananas"); code != wire.None || !ok {
			t.Errorf("alice, with the right password: %s", code)
		}
	})
}

// TestDefaultIsOneIdentity has all who are not named share one identity, however many they are.
func TestDefaultIsOneIdentity(t *testing.T) {
	t.Parallel()
	text, _ := mapped(t, "limits: {max_identities_per_worker: 1}\n", "@default d pd")
	withMesh(t, text, func(m *mesh) {
		for i := range 20 {
			if code, ok := writes(t, m.connectAs(fmt.Sprint("p", i)), 1, "bananas"); code != wire.None || !ok {
				t.Fatalf("client %d: %s", i, code)
			}
		}
		if got := m.metric("cluster.c2.identities"); got != 1 {
			t.Errorf("%d identities, want 1", got)
		}
	})
}
