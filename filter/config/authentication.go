package config

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// Logins says how clients log in.
type Logins struct {
	// Settings are what logins are checked against.
	Settings login.Settings
	// Lifetime is after what time clients log in anew. 0: never, but when a token expires.
	Lifetime time.Duration
	// Optional lets clients do without.
	Optional bool
	// Bare offers clients without TLS what can be overheard.
	Bare bool
}

// Bounds of times.
const (
	minReauthMs    = 1000
	maxClockSkewMs = 3_600_000
)

// authentication checks authentication and fills c.Logins.
func (c *Config) authentication(bad *mistakes, m *kafkameshv1.Authentication) {
	if m == nil {
		return
	}
	const at = "authentication.sasl"
	s := m.GetSasl()
	c.namedBy(bad, m)
	if s == nil {
		return
	}
	l := &Logins{Optional: s.GetOptional(), Bare: s.GetAllowPlainWithoutTls()}
	if s.MaxReauthMs != nil {
		l.Lifetime = time.Duration(limit(bad, join(at, "max_reauth_ms"), s.MaxReauthMs, 0, minReauthMs, math.MaxInt32)) * time.Millisecond
	}
	l.Settings.Mechanisms = mechanismsOf(s)
	if len(l.Settings.Mechanisms) == 0 {
		bad.add(at, "no mechanism; write scram: {}, plain: {} or oauthbearer")
	}
	c.users(bad, at, s, &l.Settings)
	c.tokens(bad, join(at, "oauthbearer"), s.GetOauthbearer(), &l.Settings)
	if bare := s.GetPlain() != nil || s.GetOauthbearer() != nil; l.Bare && bare {
		c.warn(join(at, "allow_plain_without_tls"), "passwords and tokens can be overheard, where connections have no TLS")
	} else if l.Bare {
		c.warn(join(at, "allow_plain_without_tls"), "has no effect: it is for plain and oauthbearer")
	}
	if bad.err() == nil {
		c.checkLogins(bad, l.Settings)
	}
	c.Logins = l
}

// NamedBy is a name in a certificate.
type NamedBy uint8

// What clients can be called.
const (
	NamedByNothing NamedBy = iota
	NamedByURI
	NamedByDNS
	NamedBySubject
)

// namedBy checks what clients are called by their certificates.
func (c *Config) namedBy(bad *mistakes, m *kafkameshv1.Authentication) {
	const path = "authentication.tls"
	switch from := m.GetTls().GetFrom(); {
	case m.GetTls() == nil && m.GetSasl() == nil:
		bad.add("authentication", "says nothing; write sasl: {scram: {}, users_file: PATH}, or remove it")
	case m.GetTls() == nil:
	case m.GetSasl() != nil:
		bad.add(path, "is given, and sasl too; keep one")
	case from == kafkameshv1.Authentication_Tls_FROM_UNSPECIFIED:
		bad.add(join(path, "from"), "missing; write FROM_URI_SAN, FROM_DNS_SAN or FROM_SUBJECT")
	case from > kafkameshv1.Authentication_Tls_FROM_SUBJECT:
		bad.add(join(path, "from"), "%d is not known; write FROM_URI_SAN, FROM_DNS_SAN or FROM_SUBJECT", from)
	default:
		c.NamedBy = NamedBy(from) // in the same order
	}
}

// mechanismsOf are the mechanisms that are given.
func mechanismsOf(s *kafkameshv1.Authentication_Sasl) (names []string) {
	if s.GetPlain() != nil {
		names = append(names, login.Plain)
	}
	if scram := s.GetScram(); scram != nil {
		both := scram.GetSha_256() == scram.GetSha_512()
		if both || scram.GetSha_256() {
			names = append(names, login.ScramSHA256)
		}
		if both || scram.GetSha_512() {
			names = append(names, login.ScramSHA512)
		}
	}
	if s.GetOauthbearer() != nil {
		names = append(names, login.OAuthBearer)
	}
	return names
}

// users checks the file of users.
func (*Config) users(bad *mistakes, at string, s *kafkameshv1.Authentication_Sasl, to *login.Settings) {
	to.UsersFile = s.GetUsersFile()
	switch wanted := s.GetPlain() != nil || s.GetScram() != nil; {
	case wanted && to.UsersFile == "":
		bad.add(join(at, "users_file"), "missing; write the file of users that kafkamesh user makes")
	case !wanted && to.UsersFile != "":
		bad.add(join(at, "users_file"), "is for plain and scram, which are not given; remove it")
	}
}

// tokens checks what is said of tokens.
func (*Config) tokens(bad *mistakes, at string, o *kafkameshv1.Authentication_Sasl_OAuthBearer, to *login.Settings) {
	if o == nil {
		return
	}
	t := &login.TokenSettings{
		KeysFile: o.GetJwksFile(), KeysURL: o.GetJwksUrl(), Issuer: o.GetIssuer(), Audiences: o.GetAudiences(), Scopes: o.GetScopes(),
		ScopeClaim: o.GetScopeClaim(), PrincipalClaim: o.GetPrincipalClaim(), PrincipalPrefix: o.GetPrincipalPrefix(),
	}
	if o.ClockSkewMs != nil {
		t.ClockSkew = time.Duration(limit(bad, join(at, "clock_skew_ms"), o.ClockSkewMs, 0, 1, maxClockSkewMs)) * time.Millisecond
	}
	switch {
	case t.KeysFile == "" && t.KeysURL == "":
		bad.add(join(at, "jwks_url"), "missing; write where the identity provider's keys are, or jwks_file")
	case t.KeysFile != "" && t.KeysURL != "":
		bad.add(join(at, "jwks_file"), "is given, and jwks_url too; keep one")
	case t.KeysURL != "":
		if why := login.WrongKeysURL(t.KeysURL); why != "" {
			bad.add(join(at, "jwks_url"), "%s", why)
		}
	}
	if len(t.Audiences) == 0 && len(t.Scopes) == 0 {
		bad.add(join(at, "audiences"), "missing; write whom tokens have to be for, or scopes: tokens for other services would do")
	}
	for field, list := range map[string][]string{"audiences": t.Audiences, "scopes": t.Scopes} {
		for i, one := range list {
			if one == "" {
				bad.add(index(join(at, field), i), "is empty; remove it")
			}
		}
	}
	to.Tokens = t
}

// warnOfTokens warns if whoever makes tokens can make one for a user of the file, and has his rights.
func (c *Config) warnOfTokens() {
	if l := c.Logins; l != nil && l.Settings.UsersFile != "" && l.Settings.Tokens != nil && l.Settings.Tokens.PrincipalPrefix == "" && len(c.Authorization) > 0 {
		c.warn("authentication.sasl.oauthbearer.principal_prefix",
			"missing, so that a token whose claim is the name of a user in users_file has the rights of that user; write one, such as \"token:\", and rules for it")
	}
}

// checkLogins looks into the files.
func (c *Config) checkLogins(bad *mistakes, s login.Settings) {
	places := map[string]string{
		"UsersFile": "authentication.sasl.users_file", "Tokens.KeysFile": "authentication.sasl.oauthbearer.jwks_file",
		"Tokens.PrincipalPrefix": "authentication.sasl.oauthbearer.principal_prefix",
		"Tokens.Scopes":          "authentication.sasl.oauthbearer.scopes", "Tokens.ClockSkew": "authentication.sasl.oauthbearer.clock_skew_ms",
	}
	warnings := map[follower.Subject]string{}
	s.Told = func(r follower.Report) { warnings[r.Subject] = r.Warning }
	wrong := parts(login.Check(s))
	for subject, place := range map[follower.Subject]string{login.UsersSubject: "UsersFile", login.KeysSubject: "Tokens.KeysFile"} {
		if warnings[subject] != "" {
			c.warn(places[place], "%s", warnings[subject])
		}
	}
	for _, err := range wrong {
		path, text := "authentication.sasl", err.Error()
		if wrong, ok := errors.AsType[*login.SettingError](err); ok && places[wrong.Field] != "" {
			path, text = places[wrong.Field], wrong.Message
		}
		bad.add(path, "%s", strings.ReplaceAll(text, "\n", "; "))
	}
}

// parts are the errors that one is made of.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return several.Unwrap()
	}
	return []error{err}
}
