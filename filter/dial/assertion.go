package dial

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// jwtBearer is the grant that an assertion is shown for (RFC 7523).
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer" //nolint:gosec // a name

// Assertion is what we show a token server to prove who we are: a JSON Web Token, out of a file or signed by us.
type Assertion struct {
	// File holds one that somebody else has signed and renews.
	File Source
	// Key signs, in PEM, and KeyPassword opens it.
	Key, KeyPassword Source
	Algorithm        string // RS256 or ES256
	// Template is JSON with what is in the assertion besides: {"header": {…}, "payload": {…}}.
	Template                  Source
	Issuer, Subject, Audience string        // empty: as Template says
	Life                      time.Duration // until it ends
	Early                     time.Duration // it is good since so long ago, for clocks that differ
	ID                        bool          // it gets an id of its own
}

// text is an assertion that is valid now.
func (a *Assertion) text(now time.Time) (string, error) {
	if !a.File.IsZero() {
		text, err := a.File.Text()
		switch {
		case err != nil:
			return "", err
		case text == "":
			return "", fmt.Errorf("%s is empty", a.File)
		}
		return text, usable("assertion", a.File, text, now)
	}
	key, problem := a.key()
	if problem != nil {
		return "", problem
	}
	form, problem := a.template()
	if problem != nil {
		return "", problem
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range form.Header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(a.Algorithm), Key: key}, options)
	if err != nil {
		return "", errors.New("the assertion cannot be signed with this key")
	}
	text, err := jwt.Signed(signer).Claims(a.claims(form.Payload, now)).Serialize()
	if err != nil {
		return "", errors.New("the assertion cannot be signed with this key")
	}
	return text, nil
}

// claims are those of the template, and what is said of the assertion itself.
func (a *Assertion) claims(payload map[string]any, now time.Time) map[string]any {
	claims := maps.Clone(payload)
	if claims == nil {
		claims = map[string]any{}
	}
	for name, value := range map[string]string{"iss": a.Issuer, "sub": a.Subject, "aud": a.Audience} {
		if value != "" {
			claims[name] = value
		}
	}
	claims["iat"], claims["exp"], claims["nbf"] = now.Unix(), now.Add(a.Life).Unix(), now.Add(-a.Early).Unix()
	if a.ID {
		claims["jti"] = rand.Text()
	}
	return claims
}

// form is what a template says.
type form struct {
	Header, Payload map[string]any
}

func (a *Assertion) template() (form, *Problem) {
	if a.Template.IsZero() {
		return form{}, nil
	}
	raw, err := a.Template.Read()
	if err != nil {
		return form{}, wrong(PartAssertionForm, err)
	}
	var f form
	if json.Unmarshal(raw, &f) != nil {
		return form{}, wrong(PartAssertionForm, fmt.Errorf(`%s is not JSON of the form {"header": {…}, "payload": {…}}`, a.Template))
	}
	for name := range f.Header {
		if name == "alg" || name == "typ" {
			delete(f.Header, name) // which is what it is signed with
		}
	}
	return f, nil
}

// key is the private key, of the kind that the algorithm wants.
func (a *Assertion) key() (any, *Problem) {
	raw, problem := privateKey{a.Key, a.KeyPassword, PartAssertionKey, PartAssertionOpener}.read()
	if problem != nil {
		return nil, problem
	}
	key := parsed(raw)
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if a.Algorithm == string(jose.RS256) {
			return k, nil
		}
	case *ecdsa.PrivateKey:
		if a.Algorithm == string(jose.ES256) && k.Curve == elliptic.P256() {
			return k, nil
		}
	}
	return nil, wrong(PartAssertionKey, fmt.Errorf("the private key in %s is not one for %s, which wants %s", a.Key, a.Algorithm,
		map[string]string{"RS256": "an RSA key", "ES256": "a key on the curve P-256"}[a.Algorithm]))
}

// parsed is a private key in PEM, or nil.
func parsed(raw []byte) any {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key
	}
	return nil
}

func (a *Assertion) check() (problems []*Problem) {
	if !a.File.IsZero() {
		if _, err := a.text(time.Now()); err != nil {
			problems = append(problems, wrong(PartAssertionFile, err))
		}
		return problems
	}
	if a.Key.IsZero() {
		return []*Problem{{Part: PartAssertionKey, Message: "missing; an assertion is signed with it"}}
	}
	if _, problem := a.key(); problem != nil {
		problems = append(problems, problem)
	}
	if _, problem := a.template(); problem != nil {
		problems = append(problems, problem)
	}
	return problems
}
