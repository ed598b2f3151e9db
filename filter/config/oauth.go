package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// Defaults and ranges of assertions. The defaults are librdkafka's.
const (
	defaultAssertionMs = 300_000
	minAssertionMs     = 1000
	maxAssertionMs     = 86_400_000
	defaultEarlyMs     = 60_000
	algorithmRS256     = "RS256"
	algorithmES256     = "ES256"
)

const (
	grantType   = "sasl.oauthbearer.grant.type"
	jwtBearer   = "urn:ietf:params:oauth:grant-type:jwt-bearer" //nolint:gosec // a name
	oauthConfig = "sasl.oauthbearer.config"
	// metadataType says which cloud's metadata service gives tokens.
	metadataType = "sasl.oauthbearer.metadata.authentication.type"
	azureIMDS    = "azure_imds"
	assertions   = "sasl.oauthbearer.assertion."
	tokenURL     = "sasl.oauthbearer.token.endpoint.url" //nolint:gosec // a name
)

func (s *security) givenOAuth() *dial.OAuth {
	v := s.given.values
	switch {
	case v[metadataType] == azureIMDS:
		return s.azureProperties()
	case v[metadataType] != "" && v[metadataType] != "none":
		s.bad.add(s.given.at(metadataType), "is azure_imds or none here; for Amazon MSK write sasl.mechanism: AWS_MSK_IAM, and for others have AWS write a "+
			"token file: sasl.oauth.token_file")
		return nil
	case v[oauthConfig] != "":
		s.bad.add(s.given.at(oauthConfig), "is not supported: it makes tokens that nobody signed; set sasl.oauthbearer.method to oidc")
		return nil
	}
	if v["sasl.oauthbearer.method"] != "oidc" && s.isAmazons() {
		s.bad.add(s.given.at("sasl.mechanisms"), "is not all that Amazon MSK wants; write AWS_MSK_IAM")
		return nil
	}
	if v["sasl.oauthbearer.method"] != "oidc" {
		s.bad.add(s.given.at("sasl.oauthbearer.method"), "missing; write oidc: librdkafka's default makes tokens that nobody signed")
	}
	at := s.given.at(tokenURL)
	s.paths[dial.PartTokenURL], s.paths[dial.PartTokenFile] = at, at
	o := &dial.OAuth{
		At:           at,
		TokenURL:     v[tokenURL],
		ClientID:     s.text(dial.PartClientID, "sasl.oauthbearer.client.id"),
		ClientSecret: s.text(dial.PartClientSecret, "sasl.oauthbearer.client.secret"),
		Assertion:    s.givenAssertion(),
		Scope:        v["sasl.oauthbearer.scope"],
		CA:           s.fileOrText(dial.PartTokenCA, "https.ca.location", "https.ca.pem"),
		Extensions:   s.givenExtensions("sasl.oauthbearer.extensions"),
	}
	if file, ok := strings.CutPrefix(o.TokenURL, "file://"); ok { // as Java's clients have it
		o.TokenURL, o.TokenFile = "", dial.Source{File: file}
	}
	return o
}

// givenAssertion is what is shown the token server in place of a secret; nil: nothing is.
func (s *security) givenAssertion() *dial.Assertion {
	v := s.given.values
	if v[grantType] != jwtBearer {
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if strings.HasPrefix(name, assertions) && v[name] != specs()[name].fallback {
				s.bad.add(s.given.at(name), "has no effect without %s: %s", grantType, jwtBearer)
			}
		}
		return nil
	}
	number := func(name string, otherwise time.Duration) time.Duration {
		if s.given.has(assertions + name) {
			d, _ := time.ParseDuration(v[assertions+name] + "s") // which was checked
			return d
		}
		return otherwise
	}
	a := &dial.Assertion{
		File:        s.file(dial.PartAssertionFile, assertions+"file"),
		Key:         s.fileOrText(dial.PartAssertionKey, assertions+"private.key.file", assertions+"private.key.pem"),
		KeyPassword: s.text(dial.PartAssertionOpener, assertions+"private.key.passphrase"),
		Template:    s.file(dial.PartAssertionForm, assertions+"jwt.template.file"),
		Algorithm:   algorithmRS256,
		Issuer:      v[assertions+"claim.iss"],
		Subject:     v[assertions+"claim.sub"],
		Audience:    v[assertions+"claim.aud"],
		Life:        number("claim.exp.seconds", defaultAssertionMs*time.Millisecond),
		Early:       number("claim.nbf.seconds", defaultEarlyMs*time.Millisecond),
		ID:          v[assertions+"claim.jti.include"] == "true",
	}
	if v[assertions+"algorithm"] == algorithmES256 {
		a.Algorithm = algorithmES256
	}
	if a.File.IsZero() {
		return a
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if strings.HasPrefix(name, assertions) && name != assertions+"file" && v[name] != specs()[name].fallback {
			s.bad.add(s.given.at(name), "has no effect with %sfile, which holds an assertion that is signed; remove one of them", assertions)
		}
	}
	return a
}

// Extensions are names and values that RFC 7628 and Kafka's brokers take.
var (
	anExtension      = regexp.MustCompile(`^[A-Za-z]+$`)
	anExtensionValue = regexp.MustCompile("^[\x21-\x7e \t\r\n]+$")
)

// givenExtensions are what goes to the broker with a token.
func (s *security) givenExtensions(property string) map[string]string {
	extensions := map[string]string{}
	for extension := range strings.SplitSeq(s.given.values[property], ",") {
		if extension == "" {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimSpace(extension), "=")
		if !ok || name == "" {
			s.bad.add(s.given.at(property), "must be NAME=VALUE, separated by commas")
			break
		}
		extensions[name] = value
	}
	return s.extensions(s.given.at(property), extensions)
}

// extensions sees that a broker would take them.
func (s *security) extensions(at string, extensions map[string]string) map[string]string {
	for _, name := range slices.Sorted(maps.Keys(extensions)) {
		switch {
		case name == "auth":
			s.bad.add(at, "has the name auth, which is the token's own")
		case !anExtension.MatchString(name):
			s.bad.add(at, "has a name that brokers do not take; write letters from A to Z")
		case !anExtensionValue.MatchString(extensions[name]):
			s.bad.add(at, "has a value that brokers do not take, of %s; write printable ASCII", quote(name))
		}
	}
	return extensions
}

// isAmazons tells whether the cluster is one of Amazon MSK.
func (s *security) isAmazons() bool {
	return slices.ContainsFunc(s.cluster.BootstrapServers, func(server string) bool { return strings.Contains(server, ".amazonaws.com:") })
}

func (s *security) typedOAuth(at string, o *kafkameshv1.OAuth) *dial.OAuth {
	s.oneOf(at, o)
	s.paths[dial.PartTokenURL], s.paths[dial.PartTokenFile] = join(at, "token_url"), join(at, "token_file")
	return &dial.OAuth{
		At:           at,
		TokenURL:     o.GetTokenUrl(),
		ClientID:     s.source(dial.PartClientID, at, "client_id", o.GetClientId()),
		ClientSecret: s.source(dial.PartClientSecret, at, "client_secret", o.GetClientSecret()),
		Assertion:    s.typedAssertion(join(at, "assertion"), o.GetAssertion()),
		Cloud:        s.cloud(at, o),
		Scope:        o.GetScope(),
		Parameters:   s.parameters(join(at, "parameters"), o),
		CA:           s.source(dial.PartTokenCA, at, "ca", o.GetCa()),
		TokenFile:    dial.Source{File: o.GetTokenFile()},
		Extensions:   s.extensions(join(at, "extensions"), o.GetExtensions()),
	}
}

// parameters are more of the request, and nothing that is in it anyway.
func (s *security) parameters(at string, o *kafkameshv1.OAuth) map[string]string {
	for name, taken := range map[string]bool{"scope": o.GetScope() != "", "assertion": o.GetAssertion() != nil, "grant_type": o.GetAssertion() != nil} {
		if _, ok := o.GetParameters()[name]; ok && taken {
			s.bad.add(key(at, name), "is in the request already; remove it here")
		}
	}
	return o.GetParameters()
}

func (s *security) typedAssertion(at string, a *kafkameshv1.OAuth_Assertion) *dial.Assertion {
	if a == nil {
		return nil
	}
	s.paths[dial.PartAssertionFile] = join(at, "file")
	made := &dial.Assertion{
		File:        dial.Source{File: a.GetFile()},
		Key:         s.source(dial.PartAssertionKey, at, "private_key", a.GetPrivateKey()),
		KeyPassword: s.source(dial.PartAssertionOpener, at, "private_key_password", a.GetPrivateKeyPassword()),
		Template:    s.source(dial.PartAssertionForm, at, "template", a.GetTemplate()),
		Issuer:      a.GetIssuer(),
		Subject:     a.GetSubject(),
		Audience:    a.GetAudience(),
		Life:        time.Duration(limit(s.bad, join(at, "lifetime_ms"), a.LifetimeMs, defaultAssertionMs, minAssertionMs, maxAssertionMs)) * time.Millisecond,
		Early:       time.Duration(limit(s.bad, join(at, "early_ms"), a.EarlyMs, defaultEarlyMs, 0, maxAssertionMs)) * time.Millisecond,
		ID:          a.GetId(),
	}
	switch a.GetAlgorithm() {
	case kafkameshv1.OAuth_Assertion_ALGORITHM_UNSPECIFIED, kafkameshv1.OAuth_Assertion_ALGORITHM_RS256:
		made.Algorithm = algorithmRS256
	case kafkameshv1.OAuth_Assertion_ALGORITHM_ES256:
		made.Algorithm = algorithmES256
	default:
		s.bad.add(join(at, "algorithm"), "%d is not known", a.GetAlgorithm())
	}
	if made.File.IsZero() {
		return made
	}
	for _, field := range []string{
		"private_key", "private_key_password", "algorithm", "issuer", "subject", "audience", "lifetime_ms", "early_ms", "id", "template",
	} {
		if s.bad.given[join(at, field)] {
			s.bad.add(join(at, field), "has no effect with file, which holds an assertion that is signed; remove one of them")
		}
	}
	return made
}
