package login

import (
	"strings"
	"unicode/utf8"

	"github.com/xdg-go/scram"
)

// maxScram bounds what a client sends at one time, in bytes: names and nonces of all clients together are a few hundred.
const maxScram = 4096

// scramStage is how far a login with SCRAM is.
type scramStage int

const (
	scramFirst scramStage = iota
	scramFinal
	scramOver
)

// scramLogin is one login with SCRAM (RFC 5802, RFC 7677), without channel binding and without Kafka's delegation tokens.
type scramLogin struct {
	verdict

	server    *Server
	mechanism string

	stage        scramStage
	conversation *scram.ServerConversation
	name         string
	known        bool
	nonceTwice   string // the nonce of a client that puts its part before the whole again
}

// Laborious is false: the iterations are the client's to do.
func (s *scramLogin) Laborious([]byte) bool { return false }

func (s *scramLogin) Step(token []byte) (answer []byte, who *Identity, err error) {
	stage := s.stage
	s.stage = scramOver
	if len(token) > maxScram || !utf8.Valid(token) {
		return nil, nil, s.fail(Malformed)
	}
	switch stage {
	case scramFirst:
		answer, err = s.first(string(token))
	case scramFinal:
		answer, who, err = s.final(string(token))
	default:
		err = s.fail(Malformed)
	}
	return answer, who, err
}

func (s *scramLogin) first(message string) ([]byte, error) {
	m, reason := parseScramFirst(message)
	if reason != "" {
		return nil, s.fail(reason)
	}
	s.name = m.name
	if m.authorization != "" && m.authorization != m.name {
		return nil, s.refuse(&Failure{Message: otherIdentity, Reason: OtherIdentity, Mechanism: s.mechanism, Name: s.name})
	}
	v, known := s.server.users.table.Load().verifier(s.mechanism, m.name)
	s.known = known
	server, err := scram.HashGeneratorFcn(hashOf(s.mechanism)).NewServer(func(string) (scram.StoredCredentials, error) {
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(v.salt), Iters: v.Iterations},
			StoredKey:  v.storedKey,
			ServerKey:  v.serverKey,
		}, nil
	})
	if err != nil {
		return nil, s.fail(Malformed)
	}
	if s.server.nonce != nil {
		server = server.WithNonceGenerator(s.server.nonce)
	}
	s.conversation = server.NewConversation()
	answer, err := s.conversation.Step(message)
	if err != nil {
		return nil, s.fail(Malformed)
	}
	nonce, _, _ := strings.Cut(strings.TrimPrefix(answer, "r="), ",")
	s.nonceTwice = m.nonce + nonce
	s.stage = scramFinal
	return []byte(answer), nil
}

func (s *scramLogin) final(message string) ([]byte, *Identity, error) {
	answer, err := s.conversation.Step(message)
	switch {
	case err != nil && strings.HasPrefix(message, "c=biws,r="+s.nonceTwice+","):
		return nil, nil, s.fail(NonceTwice)
	case err != nil && answer != scram.ErrInvalidProof:
		return nil, nil, s.fail(Malformed)
	case !s.known:
		return nil, nil, s.fail(UnknownUser)
	case err != nil || !s.conversation.Valid():
		return nil, nil, s.fail(WrongPassword)
	}
	return []byte(answer), &Identity{Principal: s.name, Mechanism: s.mechanism}, nil
}

// fail refuses the login with the words that do not tell reasons apart.
func (s *scramLogin) fail(reason Reason) *Failure {
	return s.refuse(unproved(s.mechanism, reason, s.name))
}

type scramMessage struct{ authorization, name, nonce string }

// parseScramFirst reads of a client's first message what is not left to the library: gs2-header, name and extensions.
func parseScramFirst(message string) (m scramMessage, wrong Reason) {
	fields := strings.Split(message, ",") // flag, authorization id, name, nonce, extensions
	if len(fields) < 4 || strings.ContainsRune(message, 0) {
		return m, Malformed
	}
	if m.authorization, wrong = parseHeader(fields[0], fields[1]); wrong != "" {
		return m, wrong
	}
	if strings.HasPrefix(fields[2], "m=") { // a mandatory extension
		return m, Unsupported
	}
	name, fine := saslName(fields[2], "n=")
	nonce, has := strings.CutPrefix(fields[3], "r=")
	proper := has && nonce != "" && !strings.ContainsFunc(nonce, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	if !fine || !proper {
		return m, Malformed
	}
	m.name, m.nonce = name, nonce
	for _, extension := range fields[4:] {
		name, value, found := strings.Cut(extension, "=")
		switch {
		case !found || value == "" || !isWord(name):
			return m, Malformed
		case name == "tokenauth" && strings.EqualFold(value, "true"): // Kafka's delegation tokens
			return m, Unsupported
		}
	}
	return m, ""
}

// parseHeader reads what SCRAM and OAUTHBEARER begin with, the flag of channel binding and an authorization id (RFC 5801).
func parseHeader(flag, authorization string) (name string, wrong Reason) {
	switch {
	case flag == "y" || strings.HasPrefix(flag, "p="): // who could bind, and who does
		return "", Unsupported
	case flag != "n":
		return "", Malformed
	case authorization == "":
		return "", ""
	}
	name, fine := saslName(authorization, "a=")
	if !fine {
		return "", Malformed
	}
	return name, ""
}

// saslName decodes a saslname of RFC 5802: "=2C" is a comma and "=3D" an equals sign.
func saslName(field, key string) (name string, fine bool) {
	encoded, found := strings.CutPrefix(field, key)
	if !found || encoded == "" || strings.Contains(strings.NewReplacer("=2C", "", "=3D", "").Replace(encoded), "=") {
		return "", false
	}
	name = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(encoded)
	return name, len(name) <= maxName
}

// isWord says whether text is one or more letters of ASCII.
func isWord(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
}
