package login

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// Identity is who a client has proved to be.
type Identity struct {
	// Principal is the user's name, or what the token's claim says. It is at most 255 bytes of UTF-8 without control characters.
	Principal string
	Mechanism string
	// Expires is when it is no longer proved, and always in the future. Zero: never.
	Expires time.Time
}

// Exchange is one login under way. It is for one goroutine at a time.
type Exchange interface {
	// Step takes the client's next token, which it does not keep. who is set once the client has proved itself; the answer goes to the client
	// then, too. err is a *Failure when the login is refused, a *Pending when the same token may be given again in a while, or
	// ErrUnavailable. After a *Failure, ErrUnavailable, or who, nothing but a *Failure comes.
	Step(token []byte) (answer []byte, who *Identity, err error)
	// Laborious says that the next Step, with this token, may take milliseconds, so that it is not for a host's thread. Others take some
	// microseconds, as that with a password does which is remembered.
	Laborious(token []byte) bool
	// Refused is why the login is refused, from the moment that this is certain; nil: it is not. With OAUTHBEARER it is before a Step says so,
	// in time for the answer that tells the client, after which some clients do not come again.
	Refused() *Failure
}

// verdict is what an exchange has come to.
type verdict struct{ refused *Failure }

// Refused is why the login is refused, or nil.
func (v *verdict) Refused() *Failure { return v.refused }

// refuse notes a failure, the first alone, and returns it.
func (v *verdict) refuse(f *Failure) *Failure {
	if v.refused == nil {
		v.refused = f
	}
	return f
}

// Settings say who may log in, and how.
type Settings struct {
	// Mechanisms are those that clients are offered.
	Mechanisms []string
	// UsersFile has the users of PLAIN and SCRAM.
	UsersFile string
	// Tokens are those of OAUTHBEARER.
	Tokens *TokenSettings
	// Told is told what becomes of the file of users and of the keys, from any goroutine, and while New runs. Nil: nobody is.
	Told func(follower.Report)
	// Resting says that files are looked at again, and keys at a URL asked for, from Server.Resume on alone.
	Resting bool
	// Caught is told of panics on goroutines of the Server. Nil: nobody is.
	Caught func(where string, reason any, stack []byte)
}

// SettingError says what is wrong with which setting.
type SettingError struct {
	Field   string // of Settings, or Tokens. and one of TokenSettings
	Message string
}

func (e *SettingError) Error() string { return e.Field + ": " + e.Message }

func wrongSetting(field, format string, args ...any) error {
	return &SettingError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// Server has what logins are checked against. Its methods may be called from any goroutine.
type Server struct {
	mechanisms []string
	users      *users  // nil: neither PLAIN nor SCRAM
	tokens     *tokens // nil: no OAUTHBEARER
	memory     *memory
	nonce      func() string // gives our part of a nonce, in tests; nil: by chance
}

// New returns a Server, or what is wrong with its settings: one *SettingError or several, joined. It reads the file of users, and the file
// of keys if they are in one; keys at a URL are asked for later. Close ends it.
func New(s Settings) (*Server, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	server := &Server{mechanisms: slices.Sorted(slices.Values(s.Mechanisms)), memory: newMemory()}
	panics := &guard.Panics{Caught: s.Caught}
	var wrong []error
	var err error
	if s.UsersFile != "" {
		if server.users, err = newUsers(s.UsersFile, panics, &follower.Teller{Subject: UsersSubject, Tell: s.Told}); err != nil {
			wrong = append(wrong, wrongSetting("UsersFile", "%v", err))
		}
	}
	if s.Tokens != nil {
		if server.tokens, err = newTokens(*s.Tokens, panics, &follower.Teller{Subject: KeysSubject, Tell: s.Told}); err != nil {
			wrong = append(wrong, wrongSetting("Tokens.KeysFile", "%v", err))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if !s.Resting {
		server.Resume()
	}
	return server, nil
}

// check says what can be said without reading anything.
func (s *Settings) check() error {
	var wrong []error
	if len(s.Mechanisms) == 0 {
		wrong = append(wrong, wrongSetting("Mechanisms", "none; there are %s, %s, %s and %s", Plain, ScramSHA256, ScramSHA512, OAuthBearer))
	}
	var byUser, byToken bool
	for i, m := range s.Mechanisms {
		switch {
		case slices.Contains(s.Mechanisms[:i], m):
			wrong = append(wrong, wrongSetting("Mechanisms", "%s twice", m))
		case m == OAuthBearer:
			byToken = true
		case m == Plain || hashOf(m) != nil:
			byUser = true
		default:
			wrong = append(wrong, wrongSetting("Mechanisms", "there is no %q; there are %s, %s, %s and %s", m, Plain, ScramSHA256, ScramSHA512, OAuthBearer))
		}
	}
	if byUser != (s.UsersFile != "") {
		wrong = append(wrong, wrongSetting("UsersFile", "%s, %s and %s need one, and nothing else does", Plain, ScramSHA256, ScramSHA512))
	}
	if byToken != (s.Tokens != nil) {
		wrong = append(wrong, wrongSetting("Tokens", "%s needs them, and nothing else does", OAuthBearer))
	}
	if s.Tokens != nil {
		wrong = append(wrong, s.Tokens.check()...)
	}
	return errors.Join(wrong...)
}

// Names returns the mechanisms that are offered, sorted. They are not to be changed.
func (s *Server) Names() []string { return s.mechanisms }

// Begin begins a login with a mechanism, if it is offered.
func (s *Server) Begin(mechanism string) (Exchange, bool) { //nolint:ireturn // a mechanism each
	if !slices.Contains(s.mechanisms, mechanism) {
		return nil, false
	}
	switch mechanism {
	case Plain:
		return &plain{server: s}, true
	case OAuthBearer:
		return &bearer{tokens: s.tokens}, true
	default:
		return &scramLogin{server: s, mechanism: mechanism}, true
	}
}

// Resume has files looked at again, and keys asked for, if they are not. What was read last stays until something else can be: what keeps it
// from that is told of, and tried again.
func (s *Server) Resume() {
	if s.users != nil {
		s.users.Resume()
	}
	if s.tokens != nil {
		s.tokens.keys.resume()
	}
}

// Rest ends that, and waits for it, until Resume. Logins are checked against what was read last.
func (s *Server) Rest() {
	if s.users != nil {
		s.users.Rest()
	}
	if s.tokens != nil {
		s.tokens.keys.following.Rest()
	}
}

// Close ends what reads files and asks for keys, and waits for that. Logins under way go on with what there is.
func (s *Server) Close() {
	if s.users != nil {
		s.users.Close()
	}
	if s.tokens != nil {
		s.tokens.keys.close()
	}
}

var (
	_ Exchange = (*plain)(nil)
	_ Exchange = (*scramLogin)(nil)
	_ Exchange = (*bearer)(nil)
)
