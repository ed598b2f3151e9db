package azure

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
)

const (
	scope = "https://orders.servicebus.windows.net/.default"
	subID = "00000000-0000-0000-0000-00000000000a"
)

// cloud plays the metadata service of a machine, that of an app service, and Entra ID.
type cloud struct {
	*httptest.Server

	asked []string
	fail  bool
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{}
	c.Server = httptest.NewTLSServer(c)
	t.Cleanup(c.Close)
	for _, name := range []string{
		envClient, envTokenFile, "AZURE_TENANT_ID", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET", "IMDS_ENDPOINT",
	} {
		unset(t, name)
	}
	t.Setenv(envAuthority, c.URL+"/")
	return c
}

// unset takes a variable away until the test ends.
func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "")
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

// RoundTrip has the metadata service's fixed address answered here.
func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "169.254.169.254" {
		return c.Client().Transport.RoundTrip(r)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result(), nil
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/metadata/identity/oauth2/token" && r.Header.Get("Metadata") == "true":
		c.give(w, "IMDS "+r.FormValue("resource")+" "+r.FormValue("client_id"))
	case r.URL.Path == "/app":
		c.give(w, "app "+r.FormValue("resource")+" "+r.Header.Get("X-Identity-Header"))
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		_, _ = fmt.Fprintf(w, `{"token_endpoint": "%[1]s/tenant/oauth2/v2.0/token", "authorization_endpoint": "%[1]s/a", "issuer": "%[1]s/tenant/v2.0"}`, c.URL)
	case r.URL.Path == "/tenant/oauth2/v2.0/token":
		c.give(w, strings.Join([]string{
			"Entra", r.FormValue("grant_type"), r.FormValue("client_id"), strings.Fields(r.FormValue("scope"))[0],
			r.FormValue("client_assertion_type"), r.FormValue("client_assertion"),
		}, " "))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *cloud) give(w http.ResponseWriter, what string) {
	c.asked = append(c.asked, what)
	if c.fail {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "AADSTS700213: you said %s"}`, what)
		return
	}
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	end := time.Now().Add(time.Hour).Unix()
	value := part(`{"alg":"RS256"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"exp":%d}`, subID, end)) + ".x"
	_, _ = fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 3600, "expires_on": "%d", "resource": "x"}`, value, end)
}

func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const workload = "Entra client_credentials mesh " + scope + " urn:ietf:params:oauth:client-assertion-type:jwt-bearer pod-token"

// Each way in which Azure says who somebody is gets a token for the namespace.
//
//nolint:paralleltest // the clouds' libraries read the environment
func TestEachIdentity(t *testing.T) {
	for _, tt := range []struct {
		name, asked string
		prepare     func(t *testing.T, c *cloud) Identity
	}{
		{"managed identity of a machine", "IMDS https://orders.servicebus.windows.net ", func(*testing.T, *cloud) Identity { return Identity{} }},
		{"one of several", "IMDS https://orders.servicebus.windows.net one", func(*testing.T, *cloud) Identity { return Identity{ClientID: "one"} }},
		{"managed identity of an app service", "app https://orders.servicebus.windows.net header", func(t *testing.T, c *cloud) Identity {
			t.Helper()
			t.Setenv("IDENTITY_ENDPOINT", c.URL+"/app")
			t.Setenv("IDENTITY_HEADER", "header")
			return Identity{}
		}},
		{"workload identity of the environment", workload, func(t *testing.T, _ *cloud) Identity {
			t.Helper()
			t.Setenv(envClient, "mesh")
			t.Setenv("AZURE_TENANT_ID", "tenant")
			t.Setenv(envTokenFile, write(t, "pod-token"))
			return Identity{}
		}},
		{"workload identity", workload, func(t *testing.T, _ *cloud) Identity {
			t.Helper()
			return Identity{ClientID: "mesh", TenantID: "tenant", TokenFile: write(t, "pod-token")}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			identity := tt.prepare(t, c)
			// Microsoft's library remembers tokens of managed identities, whoever asks: each test asks for another namespace's.
			identity.Scope = scope
			if strings.HasPrefix(tt.name, "managed identity of an app") {
				identity.Scope = strings.Replace(scope, "orders", "app", 1)
				tt.asked = strings.Replace(tt.asked, "orders", "app", 1)
			}
			got, err := identity.fetch(t.Context(), &http.Client{Transport: c})
			if err != nil {
				t.Fatal(err)
			}
			if asked := strings.Join(c.asked, ", "); asked != tt.asked || got.Identity != subID {
				t.Errorf("asked for %q, want %q; we are %s", asked, tt.asked, got.Identity)
			}
			if life := time.Until(got.Expires); life > time.Hour || life < 59*time.Minute {
				t.Errorf("it ends in %v", life)
			}
		})
	}
}

// The authorities of Entra ID can be others than the system's.
//
//nolint:paralleltest // the clouds' libraries read the environment
func TestAuthorities(t *testing.T) {
	c := newCloud(t)
	ca := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})))
	identity := Identity{Scope: scope, ClientID: "mesh", TenantID: "tenant", TokenFile: write(t, "pod-token"), CA: dial.Source{File: ca}}
	if problems := identity.Check(); len(problems) > 0 {
		t.Fatal(problems[0])
	}
	if _, err := identity.Fetch(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is wrong is said in words, and nothing of what a server repeats.
//
//nolint:paralleltest // the clouds' libraries read the environment
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		prepare    func(t *testing.T, c *cloud) Identity
	}{
		{"managed identity", "Azure refuses a token for the managed identity none: 400 Bad Request AADSTS700213", func(*testing.T, *cloud) Identity {
			return Identity{ClientID: "none"}
		}},
		{"workload identity", "Azure refuses a token for the workload identity mesh: 400 Bad Request AADSTS700213", func(t *testing.T, _ *cloud) Identity {
			t.Helper()
			return Identity{ClientID: "mesh", TenantID: "tenant", TokenFile: write(t, "hush")}
		}},
		{"no file", "its token file cannot be read", func(*testing.T, *cloud) Identity {
			return Identity{ClientID: "mesh", TenantID: "tenant", TokenFile: "/nowhere"}
		}},
		{"no tenant", "a workload identity needs a client id and a tenant id", func(t *testing.T, _ *cloud) Identity {
			t.Helper()
			return Identity{ClientID: "mesh", TokenFile: write(t, "hush")}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			c.fail = true
			identity := tt.prepare(t, c)
			identity.Scope = scope
			_, err := identity.fetch(t.Context(), &http.Client{Transport: c})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// A namespace's name says what tokens for it are for.
func TestScopeOf(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"orders.servicebus.windows.net:9093":      scope,
		"Orders.servicebus.windows.net:9093":      scope,
		"orders.servicebus.chinacloudapi.cn:9093": "https://orders.servicebus.chinacloudapi.cn/.default",
		"kafka.example.com:9093":                  "",
		"orders.servicebus.windows.net":           "",
	} {
		if got := ScopeOf(server); got != want {
			t.Errorf("%s: %q, want %q", server, got, want)
		}
		if _, err := url.Parse(ScopeOf(server)); err != nil {
			t.Error(err)
		}
	}
}
