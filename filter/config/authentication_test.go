package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// usersFile is one of a user.
func usersFile(t *testing.T) string {
	t.Helper()
	v, err := login.NewVerifier(login.ScramSHA256, "hush-hush", login.MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	file := login.UsersFile{}
	if _, err := file.Set(login.User{Name: "ann", Verifiers: []login.Verifier{v}}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, file.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What clients are called by their certificates.
func TestNamedBy(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]config.NamedBy{
		"": config.NamedByNothing, "authentication: {tls: {from: FROM_URI_SAN}}": config.NamedByURI,
		"authentication: {tls: {from: FROM_DNS_SAN}}": config.NamedByDNS, "authentication: {tls: {from: FROM_SUBJECT}}": config.NamedBySubject,
	} {
		c, err := config.Parse([]byte(advertised(given)))
		if err != nil || c.NamedBy != want || c.Logins != nil {
			t.Errorf("%q: %v, %+v", given, err, c)
		}
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	users := usersFile(t)
	for given, want := range map[string]*config.Logins{
		"": nil,
		"scram: {}, users_file: USERS": {
			Settings: login.Settings{Mechanisms: []string{login.ScramSHA256, login.ScramSHA512}, UsersFile: users},
		},
		"scram: {sha_512: true}, users_file: USERS, optional: true": {
			Settings: login.Settings{Mechanisms: []string{login.ScramSHA512}, UsersFile: users}, Optional: true,
		},
		"plain: {}, users_file: USERS, max_reauth_ms: 60000, allow_plain_without_tls: true": {
			Settings: login.Settings{Mechanisms: []string{login.Plain}, UsersFile: users}, Lifetime: time.Minute, Bare: true,
		},
		"oauthbearer: {jwks_url: 'https://idp.example/keys', issuer: idp, audiences: [kafka], scopes: [read], principal_claim: name, principal_prefix: 'token:', clock_skew_ms: 1000}": {
			Settings: login.Settings{Mechanisms: []string{login.OAuthBearer}, Tokens: &login.TokenSettings{
				KeysURL: "https://idp.example/keys", Issuer: "idp", Audiences: []string{"kafka"}, Scopes: []string{"read"}, PrincipalClaim: "name", PrincipalPrefix: "token:",
				ClockSkew: time.Second,
			}},
		},
	} {
		text := ""
		if given != "" {
			text = "authentication: {sasl: {" + strings.ReplaceAll(given, "USERS", users) + "}}"
		}
		c, err := config.Parse([]byte(advertised(text)))
		if err != nil {
			t.Errorf("%q: %v", given, err)
		} else if diff := cmp.Diff(want, c.Logins); diff != "" {
			t.Errorf("%q (-want +got):\n%s", given, diff)
		}
	}
}

// What is not safe is warned of, also by who only checks a configuration.
func TestLoginsThatAreNotSafe(t *testing.T) {
	t.Parallel()
	seeded := usersFile(t)
	raw, err := os.ReadFile(seeded)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	seedless := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(seedless, []byte(lines[len(lines)-1]), 0o600); err != nil {
		t.Fatal(err)
	}
	const (
		tokens = ", oauthbearer: {jwks_url: 'https://idp/keys', audiences: [kafka]"
		rules  = "\nauthorization: {rules: [{effect: EFFECT_ALLOW, principals: [ann], operations: [OPERATION_READ], topics: [a]}]}"
	)
	for _, tt := range []struct{ sasl, more, want string }{
		{"scram: {}, users_file: " + seeded, rules, ""},
		{"scram: {}, users_file: " + seedless, "", "authentication.sasl.users_file: " + seedless + " has no @seed"},
		{"scram: {}, users_file: " + seeded + tokens + "}", "", ""},
		{"scram: {}, users_file: " + seeded + tokens + "}", rules, "authentication.sasl.oauthbearer.principal_prefix: missing, so that a token"},
		{"scram: {}, users_file: " + seeded + tokens + ", principal_prefix: 't:'}", rules, ""},
		{strings.TrimPrefix(tokens, ", ") + "}", rules, ""},
	} {
		c, err := config.Parse([]byte(advertised("authentication: {sasl: {" + tt.sasl + "}}" + tt.more)))
		if err != nil {
			t.Errorf("%s: %v", tt.sasl, err)
			continue
		}
		var said []string
		for _, w := range c.Warnings {
			said = append(said, w.Error())
		}
		if got := strings.Join(said, "\n"); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s%s: warned of %q, want %q", tt.sasl, tt.more, got, tt.want)
		}
	}
}

// Envoy does not take what it would not do: TLS of the plain binary's listener.
func TestListenTLSIsNotForEnvoy(t *testing.T) {
	t.Parallel()
	a, err := authority.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	own, err := a.Issue("mesh", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("listen_tls: {certificate: {inline_string: %q}, key: {inline_string: %q}, client_ca: {inline_string: %q}}", own.Certificate, own.Key, a.PEM)
	c, err := config.Parse([]byte(advertised(text)))
	if err != nil {
		t.Fatal(err)
	}
	if c.ListenTLS == nil || c.ListenTLS.Optional || c.ListenTLS.TLS.CA.IsZero() {
		t.Errorf("it is %+v", c.ListenTLS)
	}
	if err := c.ForEnvoy(); err == nil || !strings.Contains(err.Error(), "listen_tls: is for kafkamesh serve") {
		t.Errorf("Envoy is told %v", err)
	}
	if c, err = config.Parse([]byte(advertised(""))); err != nil || c.ForEnvoy() != nil {
		t.Errorf("without it: %v, %v", err, c.ForEnvoy())
	}
}
