package login

import (
	"cmp"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// table is the users of one reading of a file.
type table struct {
	users  map[string]User
	seed   []byte
	seeded bool               // the seed is the file's own
	shapes map[string][]shape // by mechanism, PLAIN included; sorted
}

// shape is what a client, or a clock, can see of a verifier.
type shape struct {
	mechanism        string
	iterations, salt int
}

func newTable(f *UsersFile) *table {
	t := &table{users: make(map[string]User, len(f.users)), seed: f.seed, seeded: f.seed != nil, shapes: map[string][]shape{}}
	all := sha256.New()
	for _, u := range f.Users() {
		t.users[u.Name] = u
		all.Write([]byte(u.encode() + "\n"))
		for _, mechanism := range []string{Plain, ScramSHA256, ScramSHA512} {
			if v := u.forMechanism(mechanism); v != nil {
				t.shapes[mechanism] = append(t.shapes[mechanism], shape{v.Mechanism, v.Iterations, len(v.salt)})
			}
		}
	}
	if t.seed == nil {
		t.seed = all.Sum(nil)
	}
	for _, shapes := range t.shapes {
		slices.SortFunc(shapes, func(a, b shape) int {
			return cmp.Or(cmp.Compare(a.mechanism, b.mechanism), cmp.Compare(a.iterations, b.iterations), cmp.Compare(a.salt, b.salt))
		})
	}
	return t
}

// guessable says that salts of users that do not exist change with the file, and others do not, which tells one from the other.
func (t *table) guessable() bool { return !t.seeded && len(t.users) > 0 }

// forMechanism is the verifier that a login is checked against, or nil. For PLAIN any does.
func (u *User) forMechanism(mechanism string) *Verifier {
	if mechanism != Plain {
		return u.verifier(mechanism)
	}
	return cmp.Or(u.verifier(ScramSHA256), u.verifier(ScramSHA512))
}

// verifier returns what a login of a user is checked against. If there is no such user, known is false, and the verifier is one that looks
// like those that there are, and is the same each time. Both take the same time.
func (t *table) verifier(mechanism, name string) (v *Verifier, known bool) {
	made := t.makeUp(mechanism, name)
	user := t.users[name]
	if v = user.forMechanism(mechanism); v != nil {
		return v, true
	}
	return made, false
}

// makeUp is a verifier that no password matches.
func (t *table) makeUp(mechanism, name string) *Verifier {
	const choice = 4 // bytes that choose a shape
	raw, err := hkdf.Expand(sha256.New, t.seed, mechanism+"\x00"+name, choice+maxSalt)
	if err != nil {
		panic(err) // only for lengths that are not asked for
	}
	s := shape{ScramSHA256, MinIterations, newSalt}
	if mechanism != Plain {
		s.mechanism = mechanism
	}
	if shapes := t.shapes[mechanism]; len(shapes) > 0 {
		// Sorted, and chosen by a share of their number: a user more or less changes what few names look like.
		s = shapes[uint64(binary.BigEndian.Uint32(raw))*uint64(len(shapes))>>32]
	}
	size := hashOf(s.mechanism)().Size()
	return &Verifier{
		Mechanism: s.mechanism, Iterations: s.iterations, salt: raw[choice : choice+s.salt],
		storedKey: make([]byte, size), serverKey: make([]byte, size), // of which nobody knows what hashes to them
	}
}
