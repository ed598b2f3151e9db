package login

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// tableOf has one user for each number of iterations, with the mechanism and a salt of 16 bytes.
func tableOf(t *testing.T, mechanism string, seed []byte, iterations ...int) *table {
	t.Helper()
	f := &UsersFile{users: map[string]placed{}, seed: seed}
	size := hashOf(mechanism)().Size()
	for i, n := range iterations {
		name := fmt.Sprintf("user%d", i)
		f.users[name] = placed{User: User{name, []Verifier{{mechanism, n, make([]byte, 16), make([]byte, size), make([]byte, size)}}}}
	}
	return newTable(f)
}

// Who does not exist looks like those who do, each time the same, and like nobody else.
func TestMadeUp(t *testing.T) {
	t.Parallel()
	seed := bytes.Repeat([]byte{1}, seedSize)
	few := tableOf(t, ScramSHA256, seed, 4096, 4096, 4096, 10000)
	more := tableOf(t, ScramSHA256, seed, 4096, 4096, 4096, 10000, 4096)
	other := tableOf(t, ScramSHA256, bytes.Repeat([]byte{2}, seedSize), 4096, 4096, 4096, 10000)
	const names = 1000
	costly, changed := 0, 0
	salts := map[string]bool{}
	for i := range names {
		name := fmt.Sprintf("nobody%d", i)
		v, known := few.verifier(ScramSHA256, name)
		again, _ := few.verifier(ScramSHA256, name)
		if known || v.Encode() != again.Encode() || len(v.salt) != 16 || salts[string(v.salt)] {
			t.Fatalf("%s: %t, %s, then %s", name, known, v.Encode(), again.Encode())
		}
		salts[string(v.salt)] = true
		if v.Iterations == 10000 {
			costly++
		}
		if later, _ := more.verifier(ScramSHA256, name); later.Encode() != v.Encode() {
			changed++
		}
		if elsewhere, _ := other.verifier(ScramSHA256, name); bytes.Equal(elsewhere.salt, v.salt) {
			t.Fatalf("%s has the same salt with another seed", name)
		}
	}
	if costly < names/6 || costly > names/3 {
		t.Errorf("%d of %d cost as much as one of four users does", costly, names)
	}
	if changed > names/10 {
		t.Errorf("one more user changes how %d of %d look", changed, names)
	}
}

// With PLAIN a clock sees the hash and the iterations.
func TestMadeUpForPlain(t *testing.T) {
	t.Parallel()
	table := tableOf(t, ScramSHA512, nil, 7000)
	for mechanism, want := range map[string]string{
		Plain:       "SCRAM-SHA-512 7000",
		ScramSHA512: "SCRAM-SHA-512 7000",
		ScramSHA256: "SCRAM-SHA-256 4096",
	} {
		v, known := table.verifier(mechanism, "nobody")
		if known || v.String() != want {
			t.Errorf("%s: %t, %s, want %s", mechanism, known, v, want)
		}
	}
	if v, known := table.verifier(Plain, "user0"); !known || v.String() != "SCRAM-SHA-512 7000" {
		t.Errorf("user0: %t, %s", known, v)
	}
}

// Without a seed, salts are made from what is in the file, so that all who have it make the same.
func TestSeedOfAFileWithoutOne(t *testing.T) {
	t.Parallel()
	line := "user SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	var salts []string
	for _, text := range []string{line, line + "\n# more", strings.Replace(line, "user", "user2", 1)} {
		f, err := ParseUsers([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		v, _ := newTable(f).verifier(ScramSHA256, "nobody")
		salts = append(salts, string(v.salt))
	}
	if salts[0] != salts[1] || salts[0] == salts[2] {
		t.Errorf("salts %x", salts)
	}
}
