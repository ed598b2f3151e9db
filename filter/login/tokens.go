package login

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// What holds if nothing else is said.
const (
	DefaultRefresh   = 5 * time.Minute
	DefaultClockSkew = 30 * time.Second // Kafka's
	maxClockSkew     = time.Hour
)

// TokenSettings say which tokens are taken: JSON Web Tokens (RFC 7519) that are signed with a key of a set (RFC 7517).
type TokenSettings struct {
	KeysFile string // one of the two
	KeysURL  string // http or https
	// Client asks for the keys. Nil: one that knows the system's authorities.
	Client *http.Client
	// Refresh is how often keys at a URL are asked for. Zero: DefaultRefresh. A file is looked at every second.
	Refresh time.Duration

	// Issuer is who has to have made a token. Empty: whoever has the keys.
	Issuer string
	// Audiences are whom a token has to be for, one of them at least; Scopes what it has to be for, all of them. One of the two is needed, for
	// else tokens for other services would do.
	Audiences, Scopes []string
	// ScopeClaim says what a token is for, in words or as a list. Empty: scope.
	ScopeClaim string
	// PrincipalClaim says whose a token is. Empty: sub.
	PrincipalClaim string
	// PrincipalPrefix is put before what that claim says, so that no token is of a principal that others are, such as a user of the file.
	PrincipalPrefix string
	// Algorithms are those that signatures may have. Empty: Algorithms().
	Algorithms []string
	// ClockSkew is how much a clock may be wrong. Zero: DefaultClockSkew.
	ClockSkew time.Duration
}

// Algorithms returns those that signatures of tokens may have. All have a public key: one that verifies what it could have signed is no
// proof of who has.
func Algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// check returns what is wrong.
func (s *TokenSettings) check() (wrong []error) {
	say := func(field, format string, args ...any) {
		wrong = append(wrong, wrongSetting("Tokens."+field, format, args...))
	}
	if (s.KeysFile == "") == (s.KeysURL == "") {
		say("KeysURL", "write where the keys are, either KeysURL or KeysFile")
	}
	if problem := WrongKeysURL(s.KeysURL); problem != "" && s.KeysURL != "" {
		say("KeysURL", "%s", problem)
	}
	if len(s.Audiences) == 0 && len(s.Scopes) == 0 {
		say("Audiences", "neither Audiences nor Scopes; tokens for other services would do")
	}
	for field, list := range map[string][]string{"Audiences": s.Audiences, "Scopes": s.Scopes} {
		if slices.Contains(list, "") {
			say(field, "one is empty")
		}
	}
	if slices.ContainsFunc(s.Scopes, func(scope string) bool { return strings.ContainsFunc(scope, isNoScope) }) {
		say("Scopes", "a scope has no spaces, no quotes and no backslashes")
	}
	for _, a := range s.Algorithms {
		if !slices.Contains(Algorithms(), a) {
			say("Algorithms", "%q is not taken; there are %s", a, strings.Join(Algorithms(), ", "))
		}
	}
	if s.PrincipalPrefix != "" && !isPrincipal(s.PrincipalPrefix) {
		say("PrincipalPrefix", "no principal can begin with it: at most %d bytes of UTF-8 without control characters", maxName)
	}
	if s.ClockSkew < 0 || s.ClockSkew > maxClockSkew {
		say("ClockSkew", "%v; it is from 0 to %v", s.ClockSkew, maxClockSkew)
	}
	if s.Refresh < 0 || s.Refresh != 0 && s.Refresh < askAgainAfter {
		say("Refresh", "%v; it is at least %v", s.Refresh, askAgainAfter)
	}
	return wrong
}

// WrongKeysURL says what is wrong with an address of a set of keys; empty: nothing.
func WrongKeysURL(address string) (problem string) {
	switch u, err := url.Parse(address); {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "is no URL; write https://HOST/PATH"
	case u.User != nil:
		return "has a login in it, which gets into logs; keys are public, and need none"
	default:
		return ""
	}
}

// isNoScope says what RFC 6749 does not allow in a scope.
func isNoScope(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }

// tokens verifies them. Its methods may be called from any goroutine.
type tokens struct {
	settings   TokenSettings
	algorithms []jose.SignatureAlgorithm
	keys       *keys
}

func newTokens(s TokenSettings, panics *guard.Panics, told *follower.Teller) (*tokens, error) {
	if s.ScopeClaim == "" {
		s.ScopeClaim = "scope"
	}
	if s.PrincipalClaim == "" {
		s.PrincipalClaim = "sub"
	}
	if s.ClockSkew == 0 {
		s.ClockSkew = DefaultClockSkew
	}
	if len(s.Algorithms) == 0 {
		s.Algorithms = Algorithms()
	}
	t := &tokens{settings: s}
	for _, a := range s.Algorithms {
		t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(a))
	}
	var err error
	if t.keys, err = newKeys(s, panics, told); err != nil {
		return nil, err
	}
	return t, nil
}

// verify says whose a token is, or why it is not taken. An error says that it cannot be known, or not yet, if wait allows that.
func (t *tokens) verify(token string, wait bool) (who *Identity, wrong Reason, err error) {
	parsed, err := jwt.ParseSigned(token, t.algorithms)
	if err != nil {
		if _, other := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); other {
			return nil, Unsupported, nil
		}
		return nil, Malformed, nil
	}
	head := parsed.Headers[0]
	fitting, err := t.keys.fitting(head.KeyID, head.Algorithm, wait)
	if err != nil {
		return nil, "", err
	}
	for _, key := range fitting {
		c, signed := readClaims(parsed, &key)
		switch {
		case !signed:
			continue
		case c == nil:
			return nil, Malformed, nil
		}
		who, wrong = t.judge(c, time.Now())
		return who, wrong, nil
	}
	return nil, UnknownKey, nil
}

// claims are what a token says.
type claims struct {
	jwt.Claims

	all map[string]json.RawMessage
}

// readClaims returns what a token says if it is signed with the key. Nil: what is signed is no claims.
func readClaims(token *jwt.JSONWebToken, key *jose.JSONWebKey) (c *claims, signed bool) {
	c = &claims{}
	switch err := token.Claims(key, &c.Claims, &c.all); {
	case errors.Is(err, jose.ErrCryptoFailure):
		return nil, false
	case err != nil:
		return nil, true
	default:
		return c, true
	}
}

// judge looks at what a token says, whose signature is right.
func (t *tokens) judge(c *claims, now time.Time) (*Identity, Reason) {
	if c.Expiry == nil {
		return nil, WrongClaims
	}
	want := jwt.Expected{Issuer: t.settings.Issuer, AnyAudience: t.settings.Audiences, Time: now}
	switch err := c.ValidateWithLeeway(want, t.settings.ClockSkew); {
	case errors.Is(err, jwt.ErrExpired), errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return nil, Expired
	case err != nil:
		return nil, WrongClaims
	}
	expires := c.Expiry.Time().Add(t.settings.ClockSkew)
	if !expires.After(now) {
		return nil, Expired
	}
	scopes := words(c.all[t.settings.ScopeClaim])
	for _, scope := range t.settings.Scopes {
		if !slices.Contains(scopes, scope) {
			return nil, WrongScope
		}
	}
	var name string
	if json.Unmarshal(c.all[t.settings.PrincipalClaim], &name) != nil || name == "" {
		return nil, WrongClaims
	}
	principal := t.settings.PrincipalPrefix + name
	if !isPrincipal(principal) || strings.HasPrefix(principal, spiffe) && !strings.HasPrefix(t.settings.PrincipalPrefix, spiffe) {
		return nil, WrongClaims
	}
	return &Identity{Principal: principal, Mechanism: OAuthBearer, Expires: expires}, ""
}

// spiffe is what the ids in certificates begin with, which no claim gives.
const spiffe = "spiffe://"

// words is a claim that is a list of texts, or one text with spaces.
func words(claim json.RawMessage) []string {
	var text string
	if json.Unmarshal(claim, &text) == nil {
		return strings.Fields(text)
	}
	var list []string
	if json.Unmarshal(claim, &list) == nil {
		return list
	}
	return nil
}

func isPrincipal(name string) bool {
	return name != "" && name != authorizer.Anonymous && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// answer is what a client is told of its token: all that RFC 7628 has a server say, and that is of use to nobody without one.
func (t *tokens) answer(wrong Reason) string {
	if wrong == WrongScope {
		return `{"status":"insufficient_scope", "scope":"` + strings.Join(t.settings.Scopes, " ") + `"}`
	}
	return `{"status":"invalid_token"}`
}
