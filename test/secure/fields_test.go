package secure

import (
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// text is a source of the configuration that is in it.
func text(content string) map[string]any { return map[string]any{"inline_string": content} }

// filed is a certificate, a key or a secret in a file, as configurations have it.
func filed(name string) map[string]any { return map[string]any{"filename": name} }

// byPassword is the mesh's own login by a password.
func byPassword(mechanism, secret string) map[string]any {
	return map[string]any{"mechanism": mechanism, "username": text("mesh"), "password": text(secret)}
}

// byTokens is the mesh's own login by tokens that a client's secret is given for.
func byTokens(b *broker, secret string) map[string]any {
	return map[string]any{"mechanism": "MECHANISM_OAUTHBEARER", "oauth": map[string]any{
		"token_url": b.tokens.url + "/token", "client_id": text("mesh"), "client_secret": text(secret), "scope": "produce",
	}}
}

// plainLogins are how the users of a mesh log in to it.
func plainLogins() map[string]sasl.Mechanism {
	return map[string]sasl.Mechanism{
		"mesh":  plain.Auth{User: "mesh", Pass: password}.AsMechanism(),
		"other": plain.Auth{User: "other", Pass: secondPassword}.AsMechanism(),
	}
}
