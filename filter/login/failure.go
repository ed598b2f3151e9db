package login

import (
	"errors"
	"strings"
)

// Reason is why a login was refused, for counters and logs. Clients are not told.
type Reason string

// The reasons.
const (
	Malformed     Reason = "malformed"        // what came is nothing of the mechanism's
	NonceTwice    Reason = "nonce_twice"      // the client has its part of SCRAM's nonce twice, as librdkafka had before 2.6.1
	Unsupported   Reason = "unsupported"      // channel binding, delegation tokens, mandatory extensions
	UnknownUser   Reason = "unknown_user"     // there is no such user, or he has no verifier for the mechanism
	WrongPassword Reason = "wrong_password"   // the user is there, and the password is another
	OtherIdentity Reason = "authorization_id" // the client proved who he is, and wants to be somebody else
	UnknownKey    Reason = "unknown_key"      // the token has a signature that none of the keys has made
	Expired       Reason = "expired"          // the token was valid, or will be
	WrongClaims   Reason = "claims"           // the token is for others, by others, or does not say whose it is
	WrongScope    Reason = "scope"            // the token lacks a scope
)

// Reasons returns all of them, for who makes a counter of each.
func Reasons() []Reason {
	return []Reason{Malformed, NonceTwice, Unsupported, UnknownUser, WrongPassword, OtherIdentity, UnknownKey, Expired, WrongClaims, WrongScope}
}

// Failure says that a login is refused.
type Failure struct { //nolint:errname // it is what became of a login, and an error only where it ends one
	// Message is for the client, as Kafka's broker words it.
	Message string
	Reason  Reason
	// Mechanism is the one that was begun.
	Mechanism string
	// Name is who the client says he is, if he has come to say so: at most 255 bytes of UTF-8, and not proved. It is what was typed where a
	// name belongs, which now and then is a password.
	Name string
}

// Error has nothing in it that a client has sent.
func (f *Failure) Error() string {
	return "login with " + f.Mechanism + " refused: " + string(f.Reason)
}

// Again is the message for a client that was logged in already, and wanted to renew that.
func (f *Failure) Again() string {
	return strings.Replace(f.Message, "Authentication failed during authentication", "Authentication failed during re-authentication", 1)
}

// ErrUnavailable says that nobody can log in with a token, because no keys have been had so far. It is no fault of the client's, so
// that the connection is better closed than answered: clients try again then, and give up when they are refused.
var ErrUnavailable = errors.New("no keys for tokens have been had so far")

// Pending says that a token is signed with a key that is being asked for. The same token may be given to Step again when Done is closed,
// which is after a few seconds at most.
type Pending struct { //nolint:errname // it is no failure
	Done <-chan struct{}
}

func (p *Pending) Error() string { return "the key of a token is being asked for" }

// unproved is what Kafka's broker says of everything that it does not want to tell apart.
func unproved(mechanism string, reason Reason, name string) *Failure {
	return &Failure{
		Message:   "Authentication failed during authentication due to invalid credentials with SASL mechanism " + mechanism,
		Reason:    reason,
		Mechanism: mechanism,
		Name:      name,
	}
}
