package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
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
		"oauthbearer: {jwks_url: 'https://idp.example/keys', issuer: idp, audiences: [kafka], scopes: [read], principal_claim: name, clock_skew_ms: 1000}": {
			Settings: login.Settings{Mechanisms: []string{login.OAuthBearer}, Tokens: &login.TokenSettings{
				KeysURL: "https://idp.example/keys", Issuer: "idp", Audiences: []string{"kafka"}, Scopes: []string{"read"}, PrincipalClaim: "name",
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
