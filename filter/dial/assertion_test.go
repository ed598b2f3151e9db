package dial_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/youmark/pkcs8"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
)

// issuer gives a token to who shows it an assertion, and looks at the assertion as the standard says (RFC 7523, 3).
type issuer struct {
	*httptest.Server

	key   any // that assertions are signed by
	asked atomic.Int32
	last  atomic.Pointer[http.Request]
	head  atomic.Pointer[jose.Header]
	all   atomic.Pointer[map[string]any]
}

func newIssuer(t *testing.T, key any) *issuer {
	t.Helper()
	i := &issuer{key: key}
	i.Server = httptest.NewServer(http.HandlerFunc(i.token))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	i.asked.Add(1)
	w.Header().Set("Content-Type", "application/json")
	if why := i.refusal(r); why != "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error": %q, "error_description": "you said %s"}`, why, r.FormValue("assertion"))
		return
	}
	_, _ = fmt.Fprint(w, `{"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600}`)
}

func (i *issuer) refusal(r *http.Request) string {
	if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return "unsupported_grant_type"
	}
	i.last.Store(r)
	assertion, err := jwt.ParseSigned(r.FormValue("assertion"), []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return "invalid_grant"
	}
	var all map[string]any
	var claims jwt.Claims
	if assertion.Claims(i.key, &all, &claims) != nil || claims.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{i.URL}, Issuer: "mesh"}, 0) != nil {
		return "invalid_grant"
	}
	i.head.Store(&assertion.Headers[0])
	i.all.Store(&all)
	return ""
}

func (i *issuer) oauth(a *dial.Assertion) *dial.OAuth {
	return &dial.OAuth{At: "sasl.oauth", TokenURL: i.URL, Scope: "produce consume", Assertion: a, Parameters: map[string]string{"audience": "kafka"}}
}

// keys are a private key of each kind, in PEM, the first of them encrypted.
func keys(t *testing.T) (rsaKey *rsa.PrivateKey, encrypted string, ec *ecdsa.PrivateKey, ecPEM string) {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	der, err := pkcs8.MarshalPrivateKey(rsaKey, []byte("open"), nil)
	check(t, err)
	encrypted = string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}))
	ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	der, err = x509.MarshalECPrivateKey(ec)
	check(t, err)
	return rsaKey, encrypted, ec, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// An assertion is signed anew for each request, says what is configured, and is taken by a server that looks at all of it.
func TestAssertions(t *testing.T) {
	t.Parallel()
	rsaKey, encrypted, ec, ecPEM := keys(t)
	template := filepath.Join(t.TempDir(), "template")
	check(t, os.WriteFile(template, []byte(`{"header": {"kid": "7", "alg": "none"}, "payload": {"iss": "mesh", "sub": "other", "team": "orders"}}`), 0o600))
	for name, tt := range map[string]struct {
		public    any
		assertion dial.Assertion
		kid       string
	}{
		"RS256, encrypted key": {&rsaKey.PublicKey, dial.Assertion{
			Algorithm: "RS256", Key: inline(encrypted), KeyPassword: inline("open\n"), Issuer: "mesh", Subject: "mesh", ID: true,
		}, ""},
		"ES256, template": {&ec.PublicKey, dial.Assertion{
			Algorithm: "ES256", Key: inline(ecPEM), Template: dial.Source{File: template}, Subject: "mesh",
		}, "7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t, tt.public)
			a := tt.assertion
			a.Audience, a.Life, a.Early = i.URL, time.Minute, time.Second
			oauth := i.oauth(&a)
			if problems := (&dial.SASL{Mechanism: dial.OAuthBearer, OAuth: oauth}).Check(); len(problems) > 0 {
				t.Fatal(problems[0])
			}
			tokens := dial.NewTokens(oauth)
			for range 3 {
				if got, err := tokens.Token(t.Context()); err != nil || got.Value != "opaque" {
					t.Fatalf("%v, %v", got, err)
				}
			}
			claims, r := *i.all.Load(), i.last.Load()
			if i.asked.Load() != 1 || i.head.Load().KeyID != tt.kid || claims["sub"] != "mesh" {
				t.Errorf("%d requests, key %q, claims %v", i.asked.Load(), i.head.Load().KeyID, claims)
			}
			if life := claims["exp"].(float64) - claims["iat"].(float64); life != 60 || claims["iat"].(float64)-claims["nbf"].(float64) != 1 {
				t.Errorf("claims %v", claims)
			}
			if _, ok := claims["jti"]; ok != a.ID || (claims["team"] == "orders") != (tt.kid != "") {
				t.Errorf("claims %v", claims)
			}
			if r.FormValue("scope") != "produce consume" || r.FormValue("audience") != "kafka" || r.Header.Get("Authorization") != "" {
				t.Errorf("asked with %v, %v", r.Form, r.Header)
			}
		})
	}
}

// An assertion out of a file is read for each token, and one that cannot be right is not sent.
func TestAssertionFiles(t *testing.T) {
	t.Parallel()
	rsaKey, _, _, _ := keys(t)
	i := newIssuer(t, &rsaKey.PublicKey)
	file := filepath.Join(t.TempDir(), "assertion")
	sign := func(life time.Duration) {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: rsaKey}, nil)
		check(t, err)
		text, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: "mesh", Audience: jwt.Audience{i.URL}, Expiry: jwt.NewNumericDate(time.Now().Add(life))}).Serialize()
		check(t, err)
		check(t, os.WriteFile(file, []byte(text+"\n"), 0o600))
	}
	get := func() error {
		_, err := dial.NewTokens(i.oauth(&dial.Assertion{File: dial.Source{File: file}})).Token(t.Context())
		return err
	}
	sign(time.Minute)
	check(t, get())
	sign(-time.Minute)
	if err := get(); err == nil || !strings.Contains(err.Error(), "the assertion in "+file+" has expired on") || i.asked.Load() != 1 {
		t.Errorf("%v after %d requests", err, i.asked.Load())
	}
	check(t, os.WriteFile(file, nil, 0o600))
	if err := get(); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("%v", err)
	}
}

// A server that refuses, and says what it was sent, does not get that into our errors. The field is named.
func TestRefusedAssertion(t *testing.T) {
	t.Parallel()
	_, _, ec, ecPEM := keys(t)
	i := newIssuer(t, &ec.PublicKey)
	_, err := dial.NewTokens(i.oauth(&dial.Assertion{Algorithm: "ES256", Key: inline(ecPEM), Issuer: "stranger", Life: time.Minute})).Token(t.Context())
	want := "no token for OAUTHBEARER (sasl.oauth): the token server " + i.URL + " refuses: 400 Bad Request invalid_grant"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// What is wrong with an assertion is said of its part when the configuration is loaded.
func TestAssertionChecks(t *testing.T) {
	t.Parallel()
	_, encrypted, _, ecPEM := keys(t)
	folder := t.TempDir()
	for name, tt := range map[string]struct {
		assertion dial.Assertion
		part      dial.Part
		want      string
	}{
		"no key":           {dial.Assertion{}, dial.PartAssertionKey, "missing; an assertion is signed with it"},
		"no PEM":           {dial.Assertion{Key: inline("x")}, dial.PartAssertionKey, "there is no private key in the configuration"},
		"encrypted":        {dial.Assertion{Key: inline(encrypted)}, dial.PartAssertionOpener, "missing; the private key in the configuration is encrypted"},
		"wrong password":   {dial.Assertion{Key: inline(encrypted), KeyPassword: inline("x")}, dial.PartAssertionOpener, "the password does not open"},
		"another kind":     {dial.Assertion{Key: inline(ecPEM), Algorithm: "RS256"}, dial.PartAssertionKey, "is not one for RS256, which wants an RSA key"},
		"template no JSON": {dial.Assertion{Key: inline(ecPEM), Algorithm: "ES256", Template: inline("x")}, dial.PartAssertionForm, "is not JSON of the form"},
		"no file":          {dial.Assertion{File: dial.Source{File: filepath.Join(folder, "none")}}, dial.PartAssertionFile, "there is no file of this name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			problems := (&dial.SASL{Mechanism: dial.OAuthBearer, OAuth: &dial.OAuth{TokenURL: "https://x", Assertion: &tt.assertion}}).Check()
			if len(problems) != 1 || problems[0].Part != tt.part || !strings.Contains(problems[0].Message, tt.want) {
				t.Errorf("%v, want %s of %s", problems, tt.want, tt.part)
			}
		})
	}
}

// All who log in share one token, whoever they are; when a secret's file is replaced, the next one has a new token, and once only.
func TestTokensAreShared(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, secret, _ := r.BasicAuth()
		asked[secret]++
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token": "token for %s", "token_type": "Bearer", "expires_in": 3600}`, secret)
	}))
	t.Cleanup(server.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	check(t, os.WriteFile(secret, []byte("one"), 0o600))
	tokens := dial.NewTokens(&dial.OAuth{TokenURL: server.URL, ClientID: inline("mesh"), ClientSecret: dial.Source{File: secret}})
	want := func(value string) {
		t.Helper()
		for range 4 { // workers, which all see that a file was replaced
			tokens.Refresh()
			if got, err := tokens.Token(t.Context()); err != nil || got.Value != value || got.Identity != "mesh" {
				t.Errorf("%q of %s, %v; want %q", got.Value, got.Identity, err, value)
			}
		}
	}
	want("token for one")
	check(t, os.WriteFile(secret, []byte("two"), 0o600))
	want("token for two")
	server.Close()
	if asked["one"] != 1 || asked["two"] != 1 {
		t.Errorf("asked %v", asked)
	}
}
