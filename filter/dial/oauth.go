package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// tokenTimeout bounds the request for a token.
const tokenTimeout = 10 * time.Second

// OAuth is where tokens for OAUTHBEARER come from: a server (OIDC, client credentials) or a file.
type OAuth struct {
	TokenURL               string
	ClientID, ClientSecret Source
	Scope                  string            // separated by spaces
	Parameters             map[string]string // more of the request, such as audience
	CA                     Source            // the authorities of the token server; zero: the system's
	// TokenFile holds a token that somebody else renews, as Kubernetes does.
	TokenFile Source
	// Extensions go to the broker with the token (KIP-342).
	Extensions map[string]string
}

// NewTokens returns a function that gives a token that is valid now. It asks for one when it has none, or an old one.
func (o *OAuth) NewTokens() (func() (string, error), error) {
	if !o.TokenFile.IsZero() {
		return func() (string, error) { return o.fromFile(time.Now()) }, nil
	}
	id, err := o.ClientID.Text()
	if err != nil {
		return nil, err
	}
	secret, err := o.ClientSecret.Text()
	if err != nil {
		return nil, err
	}
	client, err := o.client()
	if err != nil {
		return nil, err
	}
	config := clientcredentials.Config{
		ClientID: id, ClientSecret: secret, TokenURL: o.TokenURL, Scopes: strings.Fields(o.Scope), EndpointParams: url.Values{},
	}
	for name, value := range o.Parameters {
		config.EndpointParams.Set(name, value)
	}
	source := config.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client))
	return func() (string, error) {
		token, err := source.Token()
		if err != nil {
			return "", o.explain(err)
		}
		return token.AccessToken, nil
	}, nil
}

func (o *OAuth) check() []*Problem {
	if !o.TokenFile.IsZero() {
		if _, err := o.fromFile(time.Now()); err != nil {
			return []*Problem{wrong(PartTokenFile, err)}
		}
		return nil
	}
	var problems []*Problem
	switch u, err := url.Parse(o.TokenURL); {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		problems = append(problems, wrong(PartTokenURL, errors.New("missing or no URL; write https://HOST/PATH of the server that gives tokens")))
	case u.User != nil:
		problems = append(problems, wrong(PartTokenURL, errors.New("a URL with a login in it gets into logs; write the login as client id and secret")))
	}
	for _, secret := range []struct {
		part   Part
		source Source
	}{{PartClientID, o.ClientID}, {PartClientSecret, o.ClientSecret}} {
		if p := present(secret.part, secret.source, string(OAuthBearer)); p != nil {
			problems = append(problems, p)
		}
	}
	if _, err := o.client(); err != nil {
		problems = append(problems, wrong(PartTokenCA, err))
	}
	return problems
}

// explain says what the token server's refusal means. The server's own words may repeat what it was sent, so they are left out,
// but for the code.
func (o *OAuth) explain(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fmt.Errorf("the token server %s refuses: %s %s", o.TokenURL, refused.Response.Status, refused.ErrorCode)
	}
	return fmt.Errorf("the token server %s does not answer: %w", o.TokenURL, err)
}

func (o *OAuth) client() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // one token an hour
	if !o.CA.IsZero() {
		raw, err := o.CA.Read()
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("there is no certificate in %s; it must be PEM, with a line BEGIN CERTIFICATE", o.CA)
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return &http.Client{Transport: transport, Timeout: tokenTimeout}, nil
}

// fromFile reads a token and looks, if it is a JWT, whether it is signed and still valid.
func (o *OAuth) fromFile(now time.Time) (string, error) {
	token, err := o.TokenFile.Text()
	switch {
	case err != nil:
		return "", err
	case token == "":
		return "", fmt.Errorf("%s is empty", o.TokenFile)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return token, nil // not a JWT: the broker's business
	}
	var head struct{ Alg string }
	var claims struct{ Exp float64 }
	if !decode(parts[0], &head) || !decode(parts[1], &claims) {
		return token, nil
	}
	switch {
	case strings.EqualFold(head.Alg, "none") || parts[2] == "":
		return "", fmt.Errorf("the token in %s is not signed; anybody could have written it", o.TokenFile)
	case claims.Exp > 0 && now.After(time.Unix(int64(claims.Exp), 0)):
		return "", fmt.Errorf("the token in %s has expired on %s", o.TokenFile, time.Unix(int64(claims.Exp), 0).UTC().Format(time.RFC3339))
	}
	return token, nil
}

func decode(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	return err == nil && json.Unmarshal(raw, into) == nil
}
