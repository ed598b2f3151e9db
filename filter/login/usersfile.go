package login

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
)

const (
	maxLine  = 4 << 10 // bytes
	seedWord = "@seed"
	seedSize = 32
)

// User is one of a file of users.
type User struct {
	Name      string
	Verifiers []Verifier // one for a mechanism
}

// verifier is that for a mechanism, or nil.
func (u *User) verifier(mechanism string) *Verifier {
	for i := range u.Verifiers {
		if u.Verifiers[i].Mechanism == mechanism {
			return &u.Verifiers[i]
		}
	}
	return nil
}

// encode is the user's line.
func (u *User) encode() string {
	words := []string{u.Name}
	for i := range u.Verifiers {
		words = append(words, u.Verifiers[i].Encode())
	}
	return strings.Join(words, " ")
}

// UsersFile is the content of a file of users: a user a line, NAME VERIFIER…, and lines that are empty or begin with #. It keeps all
// lines as they are, but those that are changed. A line "@seed BASE64" has what salts of users that do not exist are made from.
// The zero value is empty. It is for one goroutine at a time.
type UsersFile struct {
	lines []string
	users map[string]placed
	seed  []byte
}

// placed is a user and the place of his line.
type placed struct {
	User
	line int
}

// ParseUsers reads a file. Errors name lines, and have nothing of what is in them.
func ParseUsers(raw []byte) (*UsersFile, error) {
	f := &UsersFile{users: map[string]placed{}}
	if len(raw) == 0 {
		return f, nil
	}
	f.lines = strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	var wrong follower.Mistakes
	for i, line := range f.lines {
		if err := f.take(i, line); err != nil {
			wrong.Add(fmt.Errorf("line %d: %w", i+1, err))
		}
		if wrong.Full() {
			break
		}
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// Users returns all, by name.
func (f *UsersFile) Users() []User {
	users := make([]User, 0, len(f.users))
	for _, u := range f.users {
		users = append(users, u.User)
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return users
}

// User returns the one of that name.
func (f *UsersFile) User(name string) (User, bool) {
	u, ok := f.users[name]
	return u.User, ok
}

// Set adds a user, or gives one that is there other verifiers, and reports whether he was there.
func (f *UsersFile) Set(u User) (replaced bool, err error) {
	if err := CheckName(u.Name); err != nil {
		return false, err
	}
	if f.seed == nil {
		f.addSeed()
	}
	if f.users == nil {
		f.users = map[string]placed{}
	}
	there, ok := f.users[u.Name]
	if !ok {
		there.line = len(f.lines)
		f.lines = append(f.lines, "")
	}
	f.lines[there.line] = u.encode()
	f.users[u.Name] = placed{User: u, line: there.line}
	return ok, nil
}

// Remove takes a user out, and reports whether he was there. Like Set it adds a seed if there is none.
func (f *UsersFile) Remove(name string) bool {
	gone, ok := f.users[name]
	if !ok {
		return false
	}
	if f.seed == nil {
		f.addSeed()
	}
	delete(f.users, name)
	f.lines = slices.Delete(f.lines, gone.line, gone.line+1)
	for n, u := range f.users {
		if u.line > gone.line {
			u.line--
			f.users[n] = u
		}
	}
	return true
}

// Encode returns the file, which is a secret.
func (f *UsersFile) Encode() []byte {
	var out bytes.Buffer
	for _, line := range f.lines {
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// take reads one line.
func (f *UsersFile) take(place int, line string) error {
	switch {
	case len(line) > maxLine:
		return fmt.Errorf("longer than %d bytes", maxLine)
	case !utf8.ValidString(line):
		return errors.New("not UTF-8")
	}
	words := strings.FieldsFunc(strings.TrimSuffix(line, "\r"), func(r rune) bool { return r == ' ' || r == '\t' })
	switch {
	case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		return nil
	case words[0] == seedWord:
		return f.takeSeed(words[1:])
	}
	if err := CheckName(words[0]); err != nil {
		return err
	}
	if there, ok := f.users[words[0]]; ok {
		return fmt.Errorf("the user of line %d again", there.line+1)
	}
	user := User{Name: words[0]}
	if len(words) == 1 {
		return errors.New("a user's name without a verifier")
	}
	for _, word := range words[1:] {
		v, err := decodeVerifier(word)
		if err != nil {
			return err
		}
		if user.verifier(v.Mechanism) != nil {
			return errors.New("two verifiers for one mechanism")
		}
		user.Verifiers = append(user.Verifiers, v)
	}
	f.users[user.Name] = placed{User: user, line: place}
	return nil
}

func (f *UsersFile) takeSeed(words []string) error {
	if f.seed != nil {
		return errors.New("a second " + seedWord)
	}
	if len(words) != 1 {
		return errors.New(seedWord + " has one word behind it")
	}
	seed, err := base64.StdEncoding.Strict().DecodeString(words[0])
	if err != nil || len(seed) != seedSize {
		return fmt.Errorf("%s has base64 of %d bytes behind it", seedWord, seedSize)
	}
	f.seed = seed
	return nil
}

func (f *UsersFile) addSeed() {
	f.seed = make([]byte, seedSize)
	_, _ = rand.Read(f.seed) // never fails
	f.lines = append(f.lines,
		"# What salts of users that do not exist are made from, so that nobody can tell. Keep it, and keep it secret.",
		seedWord+" "+base64.StdEncoding.EncodeToString(f.seed))
}

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
