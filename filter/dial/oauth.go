package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/token"
)

// tokenTimeout bounds one request to a token server.
const tokenTimeout = 10 * time.Second

// OAuth is where tokens for OAUTHBEARER come from: a server (OIDC), which is shown a secret or an assertion, or a file.
type OAuth struct {
	// At says where in the configuration it is, for errors.
	At                     string
	TokenURL               string
	ClientID, ClientSecret Source
	Assertion              *Assertion        // in place of the secret
	Scope                  string            // separated by spaces
	Parameters             map[string]string // more of the request, such as audience
	CA                     Source            // the authorities of the token server; zero: the system's
	Cloud                  Cloud             // in place of a server; nil: none
	// TokenFile holds a token that somebody else renews, as Kubernetes does.
	TokenFile Source
	// Extensions go to the broker with the token (KIP-342).
	Extensions map[string]string
}

// Cloud is who we are in a cloud, which makes tokens of that by itself.
type Cloud interface {
	// Fetch makes a token that is valid now. It ends soon after ctx does.
	Fetch(ctx context.Context) (token.Token, error)
	// Sources are what may be in files of ours.
	Sources() []Source
	// Check says what is wrong with those, without asking anybody.
	Check() []*Problem
}

// sources are what may be in files.
func (o *OAuth) sources() []Source {
	all := []Source{o.ClientID, o.ClientSecret, o.CA, o.TokenFile}
	if a := o.Assertion; a != nil {
		all = append(all, a.Key, a.KeyPassword, a.Template) // not File, which is read for each token
	}
	if o.Cloud != nil {
		all = append(all, o.Cloud.Sources()...)
	}
	return all
}

// fetch is what gets a new token.
func (o *OAuth) fetch() token.Fetch {
	if !o.TokenFile.IsZero() {
		return func(context.Context) (token.Token, error) { return o.fromFile(time.Now()) }
	}
	if o.Cloud != nil {
		return o.Cloud.Fetch
	}
	return (&asker{oauth: o}).ask
}

// asker asks a token server. It is used by one goroutine at a time: each token.Shared has its own.
type asker struct {
	oauth  *OAuth
	config clientcredentials.Config // remembers how the server wants the secret
}

// ask gets a token with the secrets that are there now.
func (a *asker) ask(ctx context.Context) (token.Token, error) {
	o := a.oauth
	var err error
	if a.config.ClientID, err = o.ClientID.Text(); err != nil {
		return token.Token{}, err
	}
	if a.config.ClientSecret, err = o.ClientSecret.Text(); err != nil {
		return token.Token{}, err
	}
	client, err := HTTPClient(o.CA)
	if err != nil {
		return token.Token{}, err
	}
	a.config.TokenURL, a.config.Scopes, a.config.EndpointParams = o.TokenURL, strings.Fields(o.Scope), url.Values{}
	for name, value := range o.Parameters {
		a.config.EndpointParams.Set(name, value)
	}
	if o.Assertion != nil {
		assertion, err := o.Assertion.text(time.Now())
		if err != nil {
			return token.Token{}, err
		}
		a.config.AuthStyle = oauth2.AuthStyleInParams // the assertion is all the proof there is
		a.config.EndpointParams.Set("grant_type", jwtBearer)
		a.config.EndpointParams.Set("assertion", assertion)
	}
	got, err := a.config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err != nil {
		return token.Token{}, o.explain(err)
	}
	return token.New(got.AccessToken, got.Expiry, a.config.ClientID), nil
}

func (o *OAuth) check() []*Problem {
	if !o.TokenFile.IsZero() {
		if _, err := o.fromFile(time.Now()); err != nil {
			return []*Problem{wrong(PartTokenFile, err)}
		}
		return nil
	}
	if o.Cloud != nil {
		return o.Cloud.Check()
	}
	var problems []*Problem
	switch u, err := url.Parse(o.TokenURL); {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		problems = append(problems, wrong(PartTokenURL, errors.New("missing or no URL; write https://HOST/PATH of the server that gives tokens")))
	case u.User != nil:
		problems = append(problems, wrong(PartTokenURL, errors.New("a URL with a login in it gets into logs; write the login as client id and secret")))
	}
	if o.Assertion != nil {
		problems = append(problems, o.Assertion.check()...)
	} else {
		problems = append(problems, o.checkSecret()...)
	}
	return append(problems, CheckCA(o.CA)...)
}

// CheckCA says what is wrong with the authorities that may have signed the certificates of servers that are asked for tokens.
func CheckCA(ca Source) []*Problem {
	if _, err := HTTPClient(ca); err != nil {
		return []*Problem{wrong(PartTokenCA, err)}
	}
	return nil
}

// checkSecret sees that there is what a server is asked with.
func (o *OAuth) checkSecret() (problems []*Problem) {
	for _, secret := range []struct {
		part   Part
		source Source
	}{{PartClientID, o.ClientID}, {PartClientSecret, o.ClientSecret}} {
		if p := present(secret.part, secret.source, string(OAuthBearer)); p != nil {
			problems = append(problems, p)
		}
	}
	return problems
}

// errorCodes are what a token server refuses a request with (RFC 6749, 5.2).
var errorCodes = []string{ //nolint:gochecknoglobals // a table
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_target",
}

// explain says what the token server's refusal means. The server's own words may repeat what it was sent, so they are left out,
// but for the code.
func (o *OAuth) explain(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		code := refused.ErrorCode
		if !slices.Contains(errorCodes, code) {
			code = ""
		}
		return fmt.Errorf("the token server %s refuses: %s", o.TokenURL, strings.TrimSpace(refused.Response.Status+" "+code))
	}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("the token server %s does not answer in time", o.TokenURL)
	case errors.As(err, &timeout):
		return fmt.Errorf("the token server %s does not answer: %w", o.TokenURL, err)
	default:
		return fmt.Errorf("the token server %s has answered something that is no token", o.TokenURL)
	}
}

// HTTPClient asks servers for tokens. ca are the authorities that may have signed their certificates; zero: the system's.
func HTTPClient(ca Source) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // one token an hour
	if !ca.IsZero() {
		raw, err := ca.Read()
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("there is no certificate in %s; it must be PEM, with a line BEGIN CERTIFICATE", ca)
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return &http.Client{Transport: transport, Timeout: tokenTimeout}, nil
}

// fromFile reads a token and looks, if it is a JWT, whether it is signed and still valid.
func (o *OAuth) fromFile(now time.Time) (token.Token, error) {
	text, err := o.TokenFile.Text()
	switch {
	case err != nil:
		return token.Token{}, err
	case text == "":
		return token.Token{}, fmt.Errorf("%s is empty", o.TokenFile)
	}
	if err := usable("token", o.TokenFile, text, now); err != nil {
		return token.Token{}, err
	}
	return token.New(text, time.Time{}, ""), nil
}

// usable says what is wrong with a JSON Web Token out of a file. What else a token is like is the broker's business.
func usable(what string, file Source, text string, now time.Time) error {
	claims, ok := token.Read(text)
	switch {
	case !ok:
		return nil
	case !claims.Signed:
		return fmt.Errorf("the %s in %s is not signed; anybody could have written it", what, file)
	case !claims.Expires.IsZero() && now.After(claims.Expires):
		return &expiredError{what, file, claims.Expires}
	}
	return nil
}

// expiredError says that the time of a JSON Web Token is over.
type expiredError struct {
	what string
	file Source
	at   time.Time
}

func (e *expiredError) Error() string {
	return fmt.Sprintf("the %s in %s has expired on %s", e.what, e.file, e.at.UTC().Format(time.RFC3339))
}
