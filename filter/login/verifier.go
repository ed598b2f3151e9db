package login

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
)

// The mechanisms that there are.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// CanBeOverheard says that a mechanism sends what somebody else can log in with, so that it is for connections with TLS.
func CanBeOverheard(mechanism string) bool { return mechanism == Plain || mechanism == OAuthBearer }

// What a verifier may be.
const (
	MinIterations = 4096      // RFC 7677 and Kafka: clients refuse less
	MaxIterations = 1_000_000 // a login with PLAIN then takes a third of a second
	minSalt       = 8         // bytes
	maxSalt       = 64
	newSalt       = 24
	maxName       = 255 // bytes, as in RFC 4616
	maxPassword   = 1024
)

// Verifier is what a password is checked against (RFC 5802). The password cannot be got from it, but guesses can be checked, so that it
// is a secret: none of its methods but Encode prints it.
type Verifier struct {
	Mechanism            string // ScramSHA256 or ScramSHA512
	Iterations           int
	salt                 []byte
	storedKey, serverKey []byte
}

// NewVerifier makes one for a password, with a salt of its own.
func NewVerifier(mechanism, password string, iterations int) (Verifier, error) {
	newHash := hashOf(mechanism)
	switch {
	case newHash == nil:
		return Verifier{}, fmt.Errorf("there are no verifiers for this mechanism; take %s or %s", ScramSHA256, ScramSHA512)
	case iterations < MinIterations || iterations > MaxIterations:
		return Verifier{}, fmt.Errorf("%d iterations; at least %d are secure, and at most %d are taken", iterations, MinIterations, MaxIterations)
	}
	if err := checkPassword(password); err != nil {
		return Verifier{}, err
	}
	v := Verifier{Mechanism: mechanism, Iterations: iterations, salt: make([]byte, newSalt)}
	_, _ = rand.Read(v.salt) // never fails
	v.storedKey, v.serverKey = v.keys(password)
	return v, nil
}

// Matches says whether the verifier is of this password. It takes the time that its iterations take.
func (v Verifier) Matches(password string) bool {
	storedKey, serverKey := v.keys(password)
	return subtle.ConstantTimeCompare(storedKey, v.storedKey)&subtle.ConstantTimeCompare(serverKey, v.serverKey) == 1
}

// Encode returns the verifier as it stands in a file of users, which is a secret: MECHANISM$ITERATIONS:SALT$STOREDKEY:SERVERKEY, the form of
// RFC 5803 and of PostgreSQL.
func (v Verifier) Encode() string {
	base64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", v.Mechanism, v.Iterations, base64(v.salt), base64(v.storedKey), base64(v.serverKey))
}

// String is safe to print.
func (v Verifier) String() string { return v.Mechanism + " " + strconv.Itoa(v.Iterations) }

// GoString is safe to print.
func (v Verifier) GoString() string { return "login.Verifier(" + v.String() + ")" }

// Format keeps every verb from printing more.
func (v Verifier) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(v.String())) }

// keys derives what a verifier has of a password.
func (v Verifier) keys(password string) (storedKey, serverKey []byte) {
	newHash := hashOf(v.Mechanism)
	salted, err := pbkdf2.Key(newHash, password, v.salt, v.Iterations, newHash().Size())
	if err != nil {
		panic(err) // only a key length that no hash has
	}
	h := newHash()
	h.Write(sign(newHash, salted, "Client Key"))
	return h.Sum(nil), sign(newHash, salted, "Server Key")
}

// decodeVerifier reads what Encode writes. Its errors have nothing of text in them.
func decodeVerifier(text string) (Verifier, error) {
	mechanism, rest, _ := strings.Cut(text, "$")
	newHash := hashOf(mechanism)
	if newHash == nil {
		return Verifier{}, fmt.Errorf("a verifier begins with %s$ or %s$", ScramSHA256, ScramSHA512)
	}
	cost, keys, found := strings.Cut(rest, "$")
	count, salt, colon := strings.Cut(cost, ":")
	stored, server, colon2 := strings.Cut(keys, ":")
	if !found || !colon || !colon2 {
		return Verifier{}, errors.New("a verifier has the form MECHANISM$ITERATIONS:SALT$STOREDKEY:SERVERKEY")
	}
	v := Verifier{Mechanism: mechanism}
	var err error
	if v.Iterations, err = strconv.Atoi(count); err != nil || strconv.Itoa(v.Iterations) != count {
		return Verifier{}, errors.New("what stands for a verifier's iterations is no number")
	}
	if v.Iterations < MinIterations || v.Iterations > MaxIterations {
		return Verifier{}, fmt.Errorf("a verifier has from %d to %d iterations", MinIterations, MaxIterations)
	}
	size := newHash().Size()
	for _, part := range []struct {
		into     *[]byte
		text     string
		name     string
		min, max int
	}{{&v.salt, salt, "salt", minSalt, maxSalt}, {&v.storedKey, stored, "stored key", size, size}, {&v.serverKey, server, "server key", size, size}} {
		raw, err := base64.StdEncoding.Strict().DecodeString(part.text)
		if err != nil || base64.StdEncoding.EncodeToString(raw) != part.text {
			return Verifier{}, fmt.Errorf("a verifier's %s is not base64", part.name)
		}
		if len(raw) < part.min || len(raw) > part.max {
			return Verifier{}, fmt.Errorf("a verifier's %s has %d bytes, not %s", part.name, len(raw), span(part.min, part.max))
		}
		*part.into = raw
	}
	return v, nil
}

func span(low, high int) string {
	if low == high {
		return strconv.Itoa(low)
	}
	return fmt.Sprintf("%d to %d", low, high)
}

// hashOf is the hash of a mechanism with verifiers, or nil.
func hashOf(mechanism string) func() hash.Hash {
	switch mechanism {
	case ScramSHA256:
		return sha256.New
	case ScramSHA512:
		return sha512.New
	default:
		return nil
	}
}

func sign(newHash func() hash.Hash, key []byte, text string) []byte {
	mac := hmac.New(newHash, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// CheckName says what keeps a name from being a user's.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a user has a name")
	case name == authorizer.Anonymous:
		return errors.New("a user is not called " + authorizer.Anonymous + ", as clients are that have not logged in")
	case len(name) > maxName:
		return fmt.Errorf("a user's name has at most %d bytes", maxName)
	case !utf8.ValidString(name):
		return errors.New("a user's name is UTF-8")
	case strings.HasPrefix(name, "#") || strings.HasPrefix(name, "@"):
		return errors.New("a user's name does not begin with # or @")
	case strings.ContainsFunc(name, isSpaceOrControl):
		return errors.New("a user's name has no spaces and no control characters")
	}
	return nil
}

// CheckPortable says why some clients could not use a name or a password: those that prepare it as RFC 4013 says, as some do and Java's
// does not, would send another.
func CheckPortable(text string) error {
	if prepared, err := stringprep.SASLprep.Prepare(text); err != nil || prepared != text {
		return errors.New("it has characters that some clients replace before they send it (RFC 4013), so that they could not log in")
	}
	return nil
}

func checkPassword(password string) error {
	switch {
	case password == "":
		return errors.New("the password is empty")
	case len(password) > maxPassword:
		return fmt.Errorf("a password has at most %d bytes", maxPassword)
	case !utf8.ValidString(password):
		return errors.New("a password is UTF-8")
	case strings.ContainsRune(password, 0):
		return errors.New("a password has no zero bytes")
	}
	return nil
}
