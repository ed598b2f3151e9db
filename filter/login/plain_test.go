package login_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	s := serveUsers(t, user(t, "a,b=c", "x"), user(t, "only512", "p", login.ScramSHA512), user(t, "ünïcode", "pässwörd"))
	const wrong = "Authentication failed: Invalid username or password"
	for name, tt := range map[string]struct {
		token string
		who   string
		want  refusal
	}{
		"right":                  {"\x00alice\x00wonderland", "alice", refusal{}},
		"as himself":             {"alice\x00alice\x00wonderland", "alice", refusal{}},
		"a name with a comma":    {"\x00a,b=c\x00x", "a,b=c", refusal{}},
		"SHA-512 alone":          {"\x00only512\x00p", "only512", refusal{}},
		"beyond ASCII":           {"\x00ünïcode\x00pässwörd", "ünïcode", refusal{}},
		"wrong password":         {"\x00alice\x00wonderlanD", "", refusal{wrong, login.WrongPassword}},
		"no such user":           {"\x00bob\x00wonderland", "", refusal{wrong, login.UnknownUser}},
		"as another":             {"bob\x00alice\x00wonderland", "", refusal{"Authentication failed: Client requested an authorization id that is different from username", login.OtherIdentity}},
		"as another, unproved":   {"bob\x00alice\x00x", "", refusal{wrong, login.WrongPassword}},
		"empty":                  {"", "", refusal{"Invalid SASL/PLAIN response: expected 3 tokens, got 1", login.Malformed}},
		"no password":            {"\x00alice", "", refusal{"Invalid SASL/PLAIN response: expected 3 tokens, got 2", login.Malformed}},
		"empty password":         {"\x00alice\x00", "", refusal{"Authentication failed: password not specified", login.Malformed}},
		"empty name":             {"\x00\x00wonderland", "", refusal{"Authentication failed: username not specified", login.Malformed}},
		"too much":               {"\x00alice\x00wonderland\x00", "", refusal{"Invalid SASL/PLAIN response: expected 3 tokens, got 4", login.Malformed}},
		"far too much":           {strings.Repeat("\x00", 1000), "", refusal{"Invalid SASL/PLAIN response: expected 3 tokens, got 4", login.Malformed}},
		"not UTF-8":              {"\x00alice\x00\xff", "", refusal{wrong, login.Malformed}},
		"a long name":            {"\x00" + strings.Repeat("a", 256) + "\x00x", "", refusal{wrong, login.Malformed}},
		"a long password":        {"\x00alice\x00" + strings.Repeat("a", 1025), "", refusal{wrong, login.Malformed}},
		"the longest there are":  {"\x00" + strings.Repeat("a", 255) + "\x00" + strings.Repeat("a", 1024), "", refusal{wrong, login.UnknownUser}},
		"a password for nothing": {"\x00#\x00x", "", refusal{wrong, login.UnknownUser}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := begin(t, s, login.Plain)
			if e.Laborious([]byte(tt.token)) && tt.want.Reason == login.Malformed {
				t.Error("it is laborious, though nothing is looked up")
			}
			answer, who, err := e.Step([]byte(tt.token))
			if diff := cmp.Diff(tt.want, refused(err)); diff != "" || len(answer) > 0 {
				t.Errorf("answer %q: %s", answer, diff)
			}
			checkIdentity(t, who, tt.who, login.Plain)
			if f := e.Refused(); (f != nil) != (err != nil) || f != nil && f.Reason != tt.want.Reason {
				t.Errorf("refused = %v, want %q", f, tt.want.Reason)
			}
			if e.Laborious([]byte(tt.token)) {
				t.Error("it is laborious when it is over")
			}
			if _, who, err := e.Step([]byte("\x00alice\x00wonderland")); who != nil || refused(err).Reason != login.Malformed {
				t.Errorf("a second Step = %v, %v, want it refused", who, err)
			}
		})
	}
}

func checkIdentity(t *testing.T, who *login.Identity, principal, mechanism string) {
	t.Helper()
	if principal == "" {
		if who != nil {
			t.Errorf("logged in as %s", who.Principal)
		}
		return
	}
	if diff := cmp.Diff(&login.Identity{Principal: principal, Mechanism: mechanism}, who); diff != "" {
		t.Error(diff)
	}
}

// What is remembered is no work, for the user whose it is and with that password alone.
func TestRememberedPasswordIsNoWork(t *testing.T) {
	t.Parallel()
	s := serveUsers(t, user(t, "bob", "builder"))
	laborious := func(token string) bool { return begin(t, s, login.Plain).Laborious([]byte(token)) }
	if right := "\x00bob\x00builder"; !laborious(right) {
		t.Error("it is no work at first")
	} else if _, who, err := begin(t, s, login.Plain).Step([]byte(right)); who == nil {
		t.Fatal(err)
	}
	for token, want := range map[string]bool{
		"\x00bob\x00builder": false, "bob\x00bob\x00builder": false, "\x00bob\x00Builder": true, "\x00alice\x00builder": true, "\x00eve\x00builder": true,
	} {
		if got := laborious(token); got != want {
			t.Errorf("%q: laborious %t, want %t", token, got, want)
		}
	}
}

// What is no work is that of one token: with another there is to be proved who it is all the same.
func TestAnotherTokenThanTheRemembered(t *testing.T) {
	t.Parallel()
	s := serveUsers(t, user(t, "bob", "builder"))
	const right = "\x00alice\x00wonderland"
	_, who, err := begin(t, s, login.Plain).Step([]byte(right))
	check(t, err)
	checkIdentity(t, who, "alice", login.Plain)
	for _, other := range []string{"\x00alice\x00wonder", "\x00bob\x00wonderland"} {
		e := begin(t, s, login.Plain)
		if e.Laborious([]byte(right)) {
			t.Error("what is remembered is work")
		}
		if _, who, err := e.Step([]byte(other)); who != nil || refused(err).Reason != login.WrongPassword {
			t.Errorf("%q = %v, %v, want it refused", other, who, err)
		}
	}
}

// A password that was right is right again, and what was remembered of it does not make another right, nor the same of another user.
func TestPlainRemembers(t *testing.T) {
	t.Parallel()
	s := serveUsers(t, user(t, "bob", "x"))
	for range 2 {
		for token, want := range map[string]login.Reason{
			"\x00alice\x00wonderland":    "",
			"\x00alice\x00wonderland1":   login.WrongPassword,
			"\x00bob\x00wonderland":      login.WrongPassword,
			"\x00nobody\x00wonderland":   login.UnknownUser,
			"bob\x00alice\x00wonderland": login.OtherIdentity,
		} {
			if _, _, err := begin(t, s, login.Plain).Step([]byte(token)); refused(err).Reason != want {
				t.Errorf("%q: %v, want %q", token, err, want)
			}
		}
	}
}

func TestPlainOfFranz(t *testing.T) {
	t.Parallel()
	s := serveUsers(t)
	_, token, err := plain.Auth{User: "alice", Pass: "wonderland"}.AsMechanism().Authenticate(t.Context(), "host")
	check(t, err)
	_, who, err := begin(t, s, login.Plain).Step(token)
	check(t, err)
	checkIdentity(t, who, "alice", login.Plain)
}
