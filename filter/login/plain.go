package login

import (
	"strings"
	"time"
	"unicode/utf8"
)

// plain is one login with PLAIN (RFC 4616): authorization id, name and password, with a zero byte between each two.
type plain struct {
	verdict

	server     *Server
	remembered plainMessage // whose password Laborious has found among those that were right
	over       bool
}

// Laborious is true of what has a password that is not remembered: that costs a verifier's iterations.
func (p *plain) Laborious(token []byte) bool {
	if p.over {
		return false
	}
	message, failure := parsePlain(token)
	if failure != nil {
		return false
	}
	v, _ := p.server.users.table.Load().verifier(Plain, message.name)
	if !p.server.memory.has(p.server.memory.digest(message.name, message.password, v), time.Now()) {
		return true
	}
	p.remembered = message
	return false
}

func (p *plain) Step(token []byte) ([]byte, *Identity, error) {
	if p.over {
		return nil, nil, p.refuse(unproved(Plain, Malformed, ""))
	}
	p.over = true
	message, failure := parsePlain(token)
	if failure == nil {
		failure = p.judge(message)
	}
	p.remembered = plainMessage{} // a password is kept no longer than it is needed
	if failure != nil {
		return nil, nil, p.refuse(failure)
	}
	return []byte{}, &Identity{Principal: message.name, Mechanism: Plain}, nil
}

// judge says why a client is not who it says; nil: it is.
func (p *plain) judge(message plainMessage) *Failure {
	if message != p.remembered {
		if failure := p.verify(message); failure != nil {
			return failure
		}
	}
	if message.authorization != "" && message.authorization != message.name {
		return refusePlain(otherIdentity, OtherIdentity, message.name)
	}
	return nil
}

// verify says why a password is not a user's; nil: it is.
func (p *plain) verify(message plainMessage) *Failure {
	v, known := p.server.users.table.Load().verifier(Plain, message.name)
	digest := p.server.memory.digest(message.name, message.password, v)
	if p.server.memory.has(digest, time.Now()) {
		return nil
	}
	matches := v.Matches(message.password)
	switch {
	case !known:
		return refusePlain(invalidPlain, UnknownUser, message.name)
	case !matches:
		return refusePlain(invalidPlain, WrongPassword, message.name)
	}
	p.server.memory.keep(digest, time.Now())
	return nil
}

const (
	invalidPlain  = "Authentication failed: Invalid username or password"
	otherIdentity = "Authentication failed: Client requested an authorization id that is different from username"
)

type plainMessage struct{ authorization, name, password string }

func parsePlain(token []byte) (plainMessage, *Failure) {
	const all = 3
	parts := strings.SplitN(string(token), "\x00", all+1)
	if len(parts) != all {
		const wrong = "Invalid SASL/PLAIN response: expected 3 tokens, got "
		return plainMessage{}, refusePlain(wrong+string(rune('0'+len(parts))), Malformed, "")
	}
	m := plainMessage{parts[0], parts[1], parts[2]}
	switch {
	case m.name == "":
		return m, refusePlain("Authentication failed: username not specified", Malformed, "")
	case m.password == "":
		return m, refusePlain("Authentication failed: password not specified", Malformed, "")
	case len(m.name) > maxName || len(m.authorization) > maxName || len(m.password) > maxPassword || !utf8.Valid(token):
		return m, refusePlain(invalidPlain, Malformed, "")
	}
	return m, nil
}

func refusePlain(message string, reason Reason, name string) *Failure {
	return &Failure{Message: message, Reason: reason, Mechanism: Plain, Name: name}
}
