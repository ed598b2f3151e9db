package token

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// Token is what a broker is shown.
type Token struct {
	Value    string
	Expires  time.Time // zero: nobody says
	Identity string    // whose it is, as far as it is known; it is no secret
}

// String keeps tokens out of logs.
func (t Token) String() string { return "a token of " + t.Identity }

// GoString keeps %#v from printing the value.
func (t Token) GoString() string { return "token.Token(" + t.Identity + ")" }

// Claims is what a JSON Web Token says of itself. Nobody has verified it: that is the broker's business.
type Claims struct {
	Algorithm string
	Subject   string
	Expires   time.Time // zero: never
	Signed    bool
}

// Read reads a JSON Web Token's claims. It is false for a token of another kind.
func Read(value string) (Claims, bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return Claims{}, false
	}
	var head struct{ Alg string }
	var body struct {
		Sub string
		Exp float64
	}
	if !decode(parts[0], &head) || !decode(parts[1], &body) {
		return Claims{}, false
	}
	c := Claims{Algorithm: head.Alg, Subject: body.Sub, Signed: parts[2] != "" && !strings.EqualFold(head.Alg, "none")}
	if body.Exp > 0 {
		c.Expires = time.Unix(int64(body.Exp), 0)
	}
	return c, true
}

func decode(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	return err == nil && json.Unmarshal(raw, into) == nil
}

// New is a token whose end is what its issuer says, if it says so, and what stands in it, whichever comes first.
func New(value string, expires time.Time, identity string) Token {
	t := Token{Value: value, Expires: expires, Identity: identity}
	claims, ok := Read(value)
	if !ok {
		return t
	}
	if !claims.Expires.IsZero() && (expires.IsZero() || claims.Expires.Before(expires)) {
		t.Expires = claims.Expires
	}
	if claims.Subject != "" {
		t.Identity = claims.Subject
	}
	return t
}
