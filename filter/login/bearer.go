package login

import (
	"strings"
	"unicode/utf8"
)

const (
	maxBearer     = 64 << 10 // bytes of a client's first message: tokens with many roles have some thousands
	maxExtensions = 32
	heard         = "\x01" // what a client says when it has read why its token is refused
)

// bearer is one login with OAUTHBEARER (RFC 7628). A token that is refused is answered with what is wrong, as JSON; the login fails when the
// client has said that it has read that.
type bearer struct {
	verdict

	tokens *tokens
	waited bool     // for keys; once is enough
	next   *Failure // what the client is told when it comes again
	over   bool
}

// Laborious is true while a signature is to be verified.
func (b *bearer) Laborious([]byte) bool { return !b.over }

func (b *bearer) Step(token []byte) ([]byte, *Identity, error) {
	if b.over {
		if f := b.next; f != nil && string(token) == heard {
			b.next = nil
			return nil, nil, f
		}
		b.next = nil
		return nil, nil, b.refuse(unproved(OAuthBearer, Malformed, ""))
	}
	b.over = true
	m, reason := parseBearer(token)
	if reason != "" {
		return nil, nil, b.refuse(unproved(OAuthBearer, reason, ""))
	}
	who, reason, err := b.tokens.verify(m.token, !b.waited)
	switch {
	case err != nil:
		if _, pending := err.(*Pending); pending { //nolint:errorlint // it is never wrapped
			b.over, b.waited = false, true
		}
		return nil, nil, err
	case reason != "":
		answer := b.tokens.answer(reason)
		b.next = b.refuse(&Failure{Message: answer, Reason: reason, Mechanism: OAuthBearer})
		return []byte(answer), nil, nil
	case m.authorization != "" && m.authorization != who.Principal && b.tokens.settings.PrincipalPrefix+m.authorization != who.Principal:
		const message = "Authentication failed: Client requested an authorization id that is different from the token's principal name"
		return nil, nil, b.refuse(&Failure{Message: message, Reason: OtherIdentity, Mechanism: OAuthBearer, Name: who.Principal})
	}
	return []byte{}, who, nil
}

type bearerMessage struct{ authorization, token string }

// parseBearer reads a client's first message: n,a=AUTHORIZATION,^Aauth=Bearer TOKEN^Aname=value^A^A, of which a and names may be missing.
func parseBearer(raw []byte) (m bearerMessage, wrong Reason) {
	if len(raw) > maxBearer || !utf8.Valid(raw) {
		return m, Malformed
	}
	header, body, found := strings.Cut(string(raw), "\x01")
	fields := strings.Split(header, ",")
	if !found || len(fields) != 3 || fields[2] != "" {
		return m, Malformed
	}
	if m.authorization, wrong = parseHeader(fields[0], fields[1]); wrong != "" {
		return m, wrong
	}
	body, ended := strings.CutSuffix(body, "\x01\x01")
	if !ended {
		return m, Malformed
	}
	auth, fine := parsePairs(body)
	if !fine {
		return m, Malformed
	}
	if m.token, fine = bearerToken(auth); !fine {
		return m, Malformed
	}
	return m, ""
}

// parsePairs returns the value of auth, and says whether all names and values are as they should be. What other names stand for is not
// looked at.
func parsePairs(body string) (auth string, fine bool) {
	pairs := strings.SplitN(body, "\x01", maxExtensions+1)
	if len(pairs) > maxExtensions {
		return "", false
	}
	seen := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if _, again := seen[name]; again || !isWord(name) || !isExtension(value) {
			return "", false
		}
		seen[name] = value
	}
	auth, fine = seen["auth"]
	return auth, fine
}

// isExtension says whether a value has what RFC 7628 allows.
func isExtension(value string) bool {
	return value != "" && !strings.ContainsFunc(value, func(r rune) bool {
		return (r < '!' || r > '~') && r != ' ' && r != '\t' && r != '\r' && r != '\n'
	})
}

// bearerToken reads "Bearer TOKEN".
func bearerToken(value string) (token string, fine bool) {
	scheme, token, _ := strings.Cut(value, " ")
	token = strings.TrimLeft(token, " ")
	body := strings.TrimRight(token, "=")
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_~+/.", r)
	}
	return token, strings.EqualFold(scheme, "bearer") && body != "" && !strings.ContainsFunc(body, strange)
}
