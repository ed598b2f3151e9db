package amazon_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/amazon"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/token"
)

// The credentials that the stand-ins give. Nothing of them but the key's id may be seen.
const (
	secretKey    = "hush-secret-key"
	sessionToken = "hush-session-token"
)

// cloud plays what AWS has on the network: STS, the metadata of machines (IMDSv2) and the credentials of containers.
type cloud struct {
	*httptest.Server

	t      *testing.T
	asked  []string // what was asked for, in order
	life   time.Duration
	refuse string // an error code of STS
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t, life: time.Hour}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	// Nothing of the machine that the tests run on counts.
	for _, name := range []string{
		"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_CA_BUNDLE", "AWS_REGION", "HTTP_PROXY", "http_proxy",
	} {
		t.Setenv(name, "")
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_ENDPOINT_URL_STS", c.URL+"/sts")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", c.URL)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	end := time.Now().Add(c.life).UTC().Format(time.RFC3339)
	switch {
	case r.URL.Path == "/sts/" || r.URL.Path == "/sts":
		c.sts(w, r, end)
	case r.URL.Path == "/latest/api/token" && r.Method == http.MethodPut:
		c.asked = append(c.asked, "IMDS token")
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = fmt.Fprint(w, "imds-token")
	case strings.HasPrefix(r.URL.Path, "/latest/meta-data/iam/security-credentials"):
		if r.Header.Get("X-Aws-Ec2-Metadata-Token") != "imds-token" {
			w.WriteHeader(http.StatusUnauthorized) // IMDSv1 is off
			return
		}
		if name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/latest/meta-data/iam/security-credentials"), "/"); name == "" {
			_, _ = fmt.Fprint(w, "machine-role")
			return
		}
		c.asked = append(c.asked, "IMDS credentials")
		_, _ = fmt.Fprintf(w, `{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAMACHINE", "SecretAccessKey": %q, "Token": %q, "Expiration": %q}`,
			secretKey, sessionToken, end)
	case r.URL.Path == "/container":
		c.asked = append(c.asked, "container "+r.Header.Get("Authorization"))
		_, _ = fmt.Fprintf(w, `{"AccessKeyId": "ASIACONTAINER", "SecretAccessKey": %q, "Token": %q, "Expiration": %q}`, secretKey, sessionToken, end)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// sts answers the query API.
func (c *cloud) sts(w http.ResponseWriter, r *http.Request, end string) {
	action := r.FormValue("Action")
	c.asked = append(c.asked, strings.Join([]string{action, r.FormValue("RoleArn"), r.FormValue("RoleSessionName"), r.FormValue("ExternalId"), r.FormValue("WebIdentityToken")}, " "))
	w.Header().Set("Content-Type", "text/xml")
	if c.refuse != "" {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>you said %s</Message></Error></ErrorResponse>`,
			c.refuse, r.FormValue("WebIdentityToken"))
		return
	}
	_, _ = fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>ASIA%[2]s</AccessKeyId><SecretAccessKey>%[3]s</SecretAccessKey>`+
		`<SessionToken>%[4]s</SessionToken><Expiration>%[5]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
		action, strings.ToUpper(action), secretKey, sessionToken, end)
}

// write writes a file and gives its name.
func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const role = "arn:aws:iam::123456789012:role/kafka"

// Each way in which AWS says who somebody is makes a token that a broker takes.
//
//nolint:paralleltest // the clouds' libraries read the environment
func TestEachIdentity(t *testing.T) {
	for _, tt := range []struct {
		name     string
		identity amazon.Identity
		prepare  func(t *testing.T, c *cloud)
		key      string
		asked    string
		want     string // what is told of who we are
	}{
		{"environment", amazon.Identity{}, func(t *testing.T, _ *cloud) {
			t.Helper()
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
			t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
		}, "AKIAENV", "", "access key AKIAENV (EnvConfigCredentials)"},
		{"profile", amazon.Identity{Profile: "kafka"}, func(t *testing.T, _ *cloud) {
			t.Helper()
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", write(t, "[kafka]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = "+secretKey+"\n"))
		}, "AKIAPROFILE", "", "access key AKIAPROFILE (SharedConfigCredentials"},
		{"container", amazon.Identity{}, func(t *testing.T, c *cloud) {
			t.Helper()
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", c.URL+"/container")
			t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", write(t, "pod-token"))
		}, "ASIACONTAINER", "container pod-token", "access key ASIACONTAINER (CredentialsEndpointProvider"},
		{"web identity", amazon.Identity{}, func(t *testing.T, _ *cloud) {
			t.Helper()
			t.Setenv("AWS_ROLE_ARN", role)
			t.Setenv("AWS_ROLE_SESSION_NAME", "pod")
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write(t, "service-account-token"))
		}, "ASIAASSUMEROLEWITHWEBIDENTITY", "AssumeRoleWithWebIdentity " + role + " pod  service-account-token", "access key ASIAASSUMEROLEWITHWEBIDENTITY (WebIdentityCredentials"},
		{"machine", amazon.Identity{}, func(*testing.T, *cloud) {}, "ASIAMACHINE", "IMDS token, IMDS credentials", "access key ASIAMACHINE (EC2RoleProvider"},
		{"assumed role", amazon.Identity{RoleARN: role, SessionName: "mesh", ExternalID: "outside"}, func(t *testing.T, _ *cloud) {
			t.Helper()
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
			t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
		}, "ASIAASSUMEROLE", "AssumeRole " + role + " mesh outside ", role},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			tt.prepare(t, c)
			tt.identity.Region = "eu-west-1"
			made, err := tt.identity.Fetch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			wantSigned(t, made, tt.key)
			if got := strings.Join(c.asked, ", "); got != tt.asked {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
			if !strings.HasPrefix(made.Identity, tt.want) || strings.Contains(made.Identity, "hush") {
				t.Errorf("identity %q, want %q", made.Identity, tt.want)
			}
			if life := time.Until(made.Expires); life > 15*time.Minute || life < 14*time.Minute {
				t.Errorf("it ends in %v", life)
			}
		})
	}
}

// wantSigned looks at a token as a broker does: a request to connect, in its region, signed a moment ago by who has the key.
func wantSigned(t *testing.T, made token.Token, key string) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(made.Value)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	signed, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	if err != nil || time.Since(signed) > time.Minute {
		t.Errorf("signed on %v, %v", signed, err)
	}
	day := signed.Format("20060102")
	for name, want := range map[string]string{
		"Action": "kafka-cluster:Connect", "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Expires": "900",
		"X-Amz-Credential": key + "/" + day + "/eu-west-1/kafka-cluster/aws4_request", "X-Amz-SignedHeaders": "host",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if u.Scheme != "https" || u.Host != "kafka.eu-west-1.amazonaws.com" || u.Path != "/" {
		t.Errorf("for %s://%s%s", u.Scheme, u.Host, u.Path)
	}
	if temporary := strings.HasPrefix(key, "ASIA"); (q.Get("X-Amz-Security-Token") == sessionToken) != temporary {
		t.Errorf("session token %q", q.Get("X-Amz-Security-Token"))
	}
	if got, want := q.Get("X-Amz-Signature"), signature(u, signed); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// signature is that of a request by the rules of Signature Version 4. What is added behind it is not signed.
func signature(u *url.URL, at time.Time) string {
	var names []string
	q := u.Query()
	for name := range q {
		if name != "X-Amz-Signature" && name != "User-Agent" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var query []string
	for _, name := range names {
		query = append(query, name+"="+strings.ReplaceAll(url.QueryEscape(q.Get(name)), "+", "%20"))
	}
	empty := sha256.Sum256(nil)
	canonical := sha256.Sum256([]byte(strings.Join([]string{
		"GET", "/", strings.Join(query, "&"), "host:" + u.Host, "", "host", hex.EncodeToString(empty[:]),
	}, "\n")))
	scope := at.Format("20060102") + "/eu-west-1/kafka-cluster/aws4_request"
	text := strings.Join([]string{"AWS4-HMAC-SHA256", at.Format("20060102T150405Z"), scope, hex.EncodeToString(canonical[:])}, "\n")
	key := []byte("AWS4" + secretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// A token is not used for longer than the credentials that have signed it.
func TestEndsWithItsCredentials(t *testing.T) {
	c := newCloud(t)
	c.life = 10 * time.Minute
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", c.URL+"/container")
	made, err := amazon.Identity{Region: "eu-west-1"}.Fetch(t.Context())
	if life := time.Until(made.Expires); err != nil || life > 10*time.Minute {
		t.Errorf("it ends in %v, %v", life, err)
	}
}

// What is replaced, as a pod's web identity is, is read for each token.
func TestReadAnew(t *testing.T) {
	c := newCloud(t)
	file := write(t, "first")
	t.Setenv("AWS_ROLE_ARN", role)
	t.Setenv("AWS_ROLE_SESSION_NAME", "pod")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	for _, text := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (amazon.Identity{Region: "eu-west-1"}).Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if last := c.asked[len(c.asked)-1]; !strings.HasSuffix(last, text) {
			t.Errorf("asked with %q, want %s", last, text)
		}
	}
}

// What is wrong is said in words, and nothing of what a server repeats.
//
//nolint:paralleltest // the clouds' libraries read the environment
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name     string
		identity amazon.Identity
		prepare  func(t *testing.T, c *cloud)
		want     string
	}{
		{"refused", amazon.Identity{}, func(t *testing.T, c *cloud) {
			t.Helper()
			c.refuse = "AccessDenied"
			t.Setenv("AWS_ROLE_ARN", role)
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write(t, "hush"))
		}, "STS refuses AssumeRoleWithWebIdentity: AccessDenied"},
		{"no profile", amazon.Identity{Profile: "none"}, func(*testing.T, *cloud) {}, `there is no profile "none" in AWS's shared configuration`},
		{"nothing", amazon.Identity{}, func(t *testing.T, _ *cloud) {
			t.Helper()
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		}, "there are no AWS credentials"},
		{"no such file", amazon.Identity{}, func(t *testing.T, _ *cloud) {
			t.Helper()
			t.Setenv("AWS_ROLE_ARN", role)
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
		}, "there are no AWS credentials that can be used: look at"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			tt.prepare(t, c)
			tt.identity.Region = "eu-west-1"
			_, err := tt.identity.Fetch(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// Who does not answer holds nobody for longer than there is time.
func TestSilence(t *testing.T) {
	c := newCloud(t)
	over := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	defer silent.Close()
	defer close(over)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", silent.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := (amazon.Identity{Region: "eu-west-1"}).Fetch(ctx); err == nil || !strings.Contains(err.Error(), "in time") || len(c.asked) > 0 {
		t.Errorf("%v, asked for %v", err, c.asked)
	}
}

// A broker's name says which region it is in.
func TestRegionOf(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"b-1.orders.abc123.c2.kafka.eu-west-1.amazonaws.com:9098":       "eu-west-1",
		"boot-abc.c1.kafka-serverless.us-gov-west-1.amazonaws.com:9098": "us-gov-west-1",
		"b-1.orders.abc123.c2.kafka.cn-north-1.amazonaws.com.cn:9098":   "cn-north-1",
		"kafka.example.com:9098":                                           "",
		"b-1.orders.kafka.eu-west-1.amazonaws.com.example.com:9098":        "",
		"b-1-public.orders.abc.c3.kafka.ap-southeast-2.amazonaws.com:9198": "ap-southeast-2",
	} {
		if got := amazon.RegionOf(server); got != want || got != "" && !amazon.IsRegion(got) {
			t.Errorf("%s is in %q, want %q", server, got, want)
		}
	}
}
