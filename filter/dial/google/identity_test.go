package google_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/google"
)

const (
	account = "kafka-mesh@project.iam.gserviceaccount.com"
	scope   = "https://www.googleapis.com/auth/cloud-platform"
)

// cloud plays the metadata server and the servers that give tokens of Google's.
type cloud struct {
	*httptest.Server

	key   *rsa.PrivateKey // of the service account
	asked []string
	fail  bool
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	c := &cloud{key: key}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(c.URL, "http://"))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir())
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Metadata-Flavor", "Google")
	if strings.HasPrefix(r.URL.Path, "/computeMetadata") && r.Header.Get("Metadata-Flavor") != "Google" || c.fail {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"error": "invalid_grant", "error_description": "you said hush %s"}`, r.FormValue("subject_token"))
		return
	}
	switch r.URL.Path {
	case "/computeMetadata/v1/instance/service-accounts/default/email":
		w.Header().Set("Content-Type", "application/text")
		_, _ = fmt.Fprint(w, account)
	case "/computeMetadata/v1/instance/service-accounts/default/token":
		c.give(w, "metadata "+r.FormValue("scopes"))
	case "/token": // a service account's (RFC 7523)
		assertion, err := jwt.ParseSigned(r.FormValue("assertion"), []jose.SignatureAlgorithm{jose.RS256})
		var claims jwt.Claims
		var more struct {
			Scope string `json:"scope"`
		}
		if err != nil || assertion.Claims(&c.key.PublicKey, &claims, &more) != nil || claims.Issuer != account {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.give(w, "account "+more.Scope)
	case "/sts": // token exchange (RFC 8693)
		c.asked = append(c.asked, "exchange "+r.FormValue("subject_token")+" for "+r.FormValue("audience"))
		_, _ = fmt.Fprint(w, `{"access_token": "federated", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600}`)
	case "/v1/projects/-/serviceAccounts/" + account + ":generateAccessToken":
		c.asked = append(c.asked, "impersonate with "+r.Header.Get("Authorization"))
		_, _ = fmt.Fprintf(w, `{"accessToken": "ya29.access", "expireTime": %q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *cloud) give(w http.ResponseWriter, what string) {
	c.asked = append(c.asked, what)
	_, _ = fmt.Fprint(w, `{"access_token": "ya29.access", "token_type": "Bearer", "expires_in": 3599}`)
}

// serviceAccount is a key as Google gives it out.
func (c *cloud) serviceAccount(t *testing.T) dial.Source {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	check(t, err)
	return file(t, map[string]any{
		"type": "service_account", "client_email": account, "private_key_id": "1", "token_uri": c.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
}

// external is a workload identity of another provider, which writes subject.
func (c *cloud) external(t *testing.T, subject string, impersonate bool) dial.Source {
	t.Helper()
	said := map[string]any{
		"type": "external_account", "audience": "pool", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url": c.URL + "/sts", "credential_source": map[string]any{"file": subject},
	}
	if impersonate {
		said["service_account_impersonation_url"] = c.URL + "/v1/projects/-/serviceAccounts/" + account + ":generateAccessToken"
	}
	return file(t, said)
}

func file(t *testing.T, content any) dial.Source {
	t.Helper()
	raw, err := json.Marshal(content)
	check(t, err)
	if text, ok := content.(string); ok {
		raw = []byte(text)
	}
	name := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(name, raw, 0o600))
	return dial.Source{File: name}
}

// Each way in which Google says who somebody is makes a token of the shape that its brokers want.
//
//nolint:paralleltest // the clouds' libraries read the environment
func TestEachIdentity(t *testing.T) {
	for _, tt := range []struct {
		name, asked, access, subject string
		identity                     func(t *testing.T, c *cloud) google.Identity
	}{
		{"metadata server", "metadata " + scope, "ya29.access", account, func(*testing.T, *cloud) google.Identity { return google.Identity{} }},
		{"service account", "account " + scope, "ya29.access", account, func(t *testing.T, c *cloud) google.Identity {
			t.Helper()
			return google.Identity{Credentials: c.serviceAccount(t)}
		}},
		{"service account of the environment", "account " + scope, "ya29.access", account, func(t *testing.T, c *cloud) google.Identity {
			t.Helper()
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", c.serviceAccount(t).File)
			return google.Identity{}
		}},
		{"external account", "exchange subject for pool, impersonate with Bearer federated", "ya29.access", account, func(t *testing.T, c *cloud) google.Identity {
			t.Helper()
			return google.Identity{Credentials: c.external(t, file(t, "subject").File, true)}
		}},
		{"external account by itself", "exchange subject for pool", "federated", "principal://pool/subject/mesh", func(t *testing.T, c *cloud) google.Identity {
			t.Helper()
			return google.Identity{Credentials: c.external(t, file(t, "subject").File, false), Principal: "principal://pool/subject/mesh"}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			identity := tt.identity(t, c)
			if problems := identity.Check(); len(problems) > 0 {
				t.Fatal(problems[0])
			}
			made, err := identity.Fetch(t.Context())
			check(t, err)
			wantShape(t, made.Value, tt.access, tt.subject)
			if got := strings.Join(c.asked, ", "); got != tt.asked || made.Identity != tt.subject {
				t.Errorf("asked for %q, want %q; we are %s", got, tt.asked, made.Identity)
			}
			if life := time.Until(made.Expires); life > time.Hour || life < 59*time.Minute {
				t.Errorf("it ends in %v", life)
			}
		})
	}
}

// wantShape looks at a token as Google's documents describe it.
func wantShape(t *testing.T, value, access, subject string) {
	t.Helper()
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	var all [3][]byte
	for i, part := range parts {
		var err error
		all[i], err = base64.RawURLEncoding.DecodeString(part)
		check(t, err)
	}
	var head, claims map[string]any
	check(t, json.Unmarshal(all[0], &head))
	check(t, json.Unmarshal(all[1], &claims))
	if len(head) != 2 || head["typ"] != "JWT" || head["alg"] != "GOOG_OAUTH2_TOKEN" {
		t.Errorf("header %v", head)
	}
	if len(claims) != 5 || claims["iss"] != "Google" || claims["scope"] != "kafka" || claims["sub"] != subject {
		t.Errorf("claims %v", claims)
	}
	if life := claims["exp"].(float64) - claims["iat"].(float64); life > 3600 || life < 3590 {
		t.Errorf("good for %v s", life)
	}
	if string(all[2]) != access {
		t.Errorf("access token %s", all[2])
	}
}

// What is wrong is said in words, and nothing of what a server repeats.
//
//nolint:paralleltest // the clouds' libraries read the environment
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		identity   func(t *testing.T, c *cloud) google.Identity
	}{
		{"metadata server", "Google's metadata server refuses: status code 403", func(_ *testing.T, c *cloud) google.Identity {
			c.fail = true
			return google.Identity{}
		}},
		{"service account", "Google's token server refuses: 403 Forbidden", func(t *testing.T, c *cloud) google.Identity {
			t.Helper()
			c.fail = true
			return google.Identity{Credentials: c.serviceAccount(t)}
		}},
		{"external account", "Google's token server refuses: status code 403", func(t *testing.T, c *cloud) google.Identity {
			t.Helper()
			c.fail = true
			return google.Identity{Credentials: c.external(t, file(t, "hush").File, true)}
		}},
		{"no subject", "Google gives no access token", func(t *testing.T, c *cloud) google.Identity {
			t.Helper()
			return google.Identity{Credentials: c.external(t, "/nowhere", true)}
		}},
		{"no file", "there are no credentials of Google that can be used", func(t *testing.T, _ *cloud) google.Identity {
			t.Helper()
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
			return google.Identity{}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			_, err := tt.identity(t, c).Fetch(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// What is wrong with a file is found without asking anybody.
//
//nolint:paralleltest // the clouds' libraries read the environment
func TestChecks(t *testing.T) {
	c := newCloud(t)
	for _, tt := range []struct {
		credentials dial.Source
		want        string
	}{
		{dial.Source{File: "/nowhere"}, "there is no file of this name"},
		{file(t, "hush"), "does not hold credentials of a service account or an external account"},
		{file(t, map[string]any{"type": "authorized_user"}), "does not hold credentials of a service account"},
		{c.external(t, "subject", false), "do not say which service account"},
	} {
		problems := google.Identity{Credentials: tt.credentials}.Check()
		if len(problems) != 1 || problems[0].Part != dial.PartCloudCredentials || !strings.Contains(problems[0].Message, tt.want) {
			t.Errorf("%v, want %q", problems, tt.want)
		}
	}
	if len(c.asked) > 0 {
		t.Errorf("asked for %v", c.asked)
	}
}
