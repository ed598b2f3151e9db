package login_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// Where a mistake is in a file is said, and nothing of what is there.
func TestParseUsers(t *testing.T) {
	t.Parallel()
	bytes := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", n))) }
	verifier := func(mechanism string, iterations any, salt, stored, server int) string {
		return fmt.Sprintf("%s$%v:%s$%s:%s", mechanism, iterations, bytes(salt), bytes(stored), bytes(server))
	}
	right := verifier("SCRAM-SHA-256", 4096, 16, 32, 32)
	const form = "a verifier has the form MECHANISM$ITERATIONS:SALT$STOREDKEY:SERVERKEY"
	for name, tt := range map[string]struct {
		file, want string // want: the error
	}{
		"empty":                    {"", ""},
		"comments and blank lines": {"# secret\n\n  \n\t# secret\n", ""},
		"one":                      {"alice " + right, ""},
		"with a line end":          {"alice " + right + "\n", ""},
		"of Windows":               {"alice " + right + "\r\n\r\n", ""},
		"tabs":                     {"\talice\t \t" + right + "  ", ""},
		"both":                     {"alice " + right + " " + verifier("SCRAM-SHA-512", 8192, 64, 64, 64), ""},
		"of RFC 7677":              {pencil, ""},
		"a seed":                   {"@seed " + bytes(32) + "\nalice " + right, ""},
		"a name alone":             {"\nsecret", "line 2: a user's name without a verifier"},
		"a password":               {"alice secret", "line 1: a verifier begins with SCRAM-SHA-256$ or SCRAM-SHA-512$"},
		"name and password":        {"alice:secret", "line 1: a user's name without a verifier"},
		"an unknown mechanism":     {"alice " + verifier("SCRAM-SHA-1", 4096, 16, 20, 20), "line 1: a verifier begins with SCRAM-SHA-256$ or SCRAM-SHA-512$"},
		"small letters":            {"alice " + strings.ToLower(right), "line 1: a verifier begins with SCRAM-SHA-256$ or SCRAM-SHA-512$"},
		"one user twice":           {"alice " + right + "\n#\nalice " + right, "line 3: the user of line 1 again"},
		"one mechanism twice":      {"alice " + right + " " + right, "line 1: two verifiers for one mechanism"},
		"the second is wrong":      {"alice " + right + " secret", "line 1: a verifier begins with SCRAM-SHA-256$ or SCRAM-SHA-512$"},
		"half":                     {"alice " + right[:len(right)-2], "line 1: a verifier's server key is not base64"},
		"cut before the keys":      {"alice SCRAM-SHA-256$4096:" + bytes(16), "line 1: " + form},
		"cut before the salt":      {"alice SCRAM-SHA-256$4096$a:b", "line 1: " + form},
		"one key":                  {"alice SCRAM-SHA-256$4096:" + bytes(16) + "$" + bytes(32), "line 1: " + form},
		"three keys":               {"alice " + right + ":" + bytes(32), "line 1: a verifier's server key is not base64"},
		"no number":                {"alice " + verifier("SCRAM-SHA-256", "secret", 16, 32, 32), "line 1: what stands for a verifier's iterations is no number"},
		"a number with a plus":     {"alice " + verifier("SCRAM-SHA-256", "+4096", 16, 32, 32), "line 1: what stands for a verifier's iterations is no number"},
		"few iterations":           {"alice " + verifier("SCRAM-SHA-256", 4095, 16, 32, 32), "line 1: a verifier has from 4096 to 1000000 iterations"},
		"many iterations":          {"alice " + verifier("SCRAM-SHA-256", 1000001, 16, 32, 32), "line 1: a verifier has from 4096 to 1000000 iterations"},
		"too many for a number":    {"alice " + verifier("SCRAM-SHA-256", strings.Repeat("9", 30), 16, 32, 32), "line 1: what stands for a verifier's iterations is no number"},
		"a short salt":             {"alice " + verifier("SCRAM-SHA-256", 4096, 7, 32, 32), "line 1: a verifier's salt has 7 bytes, not 8 to 64"},
		"a long salt":              {"alice " + verifier("SCRAM-SHA-256", 4096, 65, 32, 32), "line 1: a verifier's salt has 65 bytes, not 8 to 64"},
		"a key of the other hash":  {"alice " + verifier("SCRAM-SHA-512", 4096, 16, 32, 64), "line 1: a verifier's stored key has 32 bytes, not 64"},
		"no base64":                {"alice " + strings.Replace(right, "$c3", "$*3", 1), "line 1: a verifier's stored key is not base64"},
		"who has not logged in":    {"ANONYMOUS " + right, "line 1: a user is not called ANONYMOUS, as clients are that have not logged in"},
		"a name with a hash":       {"@alice " + right, "line 1: a user's name does not begin with # or @"},
		"a name with a control":    {"al\x1bice " + right, "line 1: a user's name has no spaces and no control characters"},
		"a name with a space":      {"al\u00a0ice " + right, "line 1: a user's name has no spaces and no control characters"},
		"a long name":              {strings.Repeat("a", 256) + " " + right, "line 1: a user's name has at most 255 bytes"},
		"not UTF-8":                {"al\xffice " + right, "line 1: not UTF-8"},
		"a long line":              {"# " + strings.Repeat("secret", 1000), "line 1: longer than 4096 bytes"},
		"two seeds":                {"@seed " + bytes(32) + "\n@seed " + bytes(32), "line 2: a second @seed"},
		"an empty seed":            {"@seed", "line 1: @seed has one word behind it"},
		"a long seed":              {"@seed " + bytes(33), "line 1: @seed has base64 of 32 bytes behind it"},
		"several":                  {"secret\nalice " + right + "\nsecret", "line 1: a user's name without a verifier\nline 3: a user's name without a verifier"},
		"many":                     {strings.Repeat("secret\n", 100), "and perhaps more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := login.ParseUsers([]byte(tt.file))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want && !strings.HasSuffix(err.Error(), "\n"+tt.want)) {
				t.Errorf("ParseUsers = %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error has something of the file: %v", err)
			}
		})
	}
}

// What is changed in a file is changed, and the rest stays as it was.
func TestEditUsers(t *testing.T) {
	t.Parallel()
	verifier := func(password string) login.User {
		v, err := login.NewVerifier(login.ScramSHA256, password, login.MinIterations)
		check(t, err)
		return login.User{Name: "alice", Verifiers: []login.Verifier{v}}
	}
	f, err := login.ParseUsers([]byte("# ours\n\n" + pencil + "  \n# theirs"))
	check(t, err)
	first, second := verifier("one"), verifier("two")
	if again, err := f.Set(first); again || err != nil {
		t.Errorf("Set = %t, %v, want false", again, err)
	}
	if again, err := f.Set(second); !again || err != nil {
		t.Errorf("Set again = %t, %v, want true", again, err)
	}
	lines := strings.Split(string(f.Encode()), "\n")
	if !strings.HasPrefix(lines[5], "@seed ") || lines[7] != "" || len(lines) != 8 {
		t.Fatalf("there are %d lines: %q", len(lines), lines)
	}
	if diff := cmp.Diff([]string{"# ours", "", pencil + "  ", "# theirs"}, lines[:4]); diff != "" {
		t.Error(diff)
	}
	if want := "alice " + second.Verifiers[0].Encode(); lines[6] != want {
		t.Errorf("line %s, want %s", lines[6], want)
	}
	if !f.Remove("user") || f.Remove("user") || f.Remove("bob") {
		t.Error("who is there can be removed once, who is not cannot")
	}
	if again, err := f.Set(first); !again || err != nil {
		t.Errorf("Set behind a removed line = %t, %v, want true", again, err)
	}
	parsed, err := login.ParseUsers(f.Encode())
	check(t, err)
	u, ok := parsed.User("alice")
	if !ok || !u.Verifiers[0].Matches("one") || u.Verifiers[0].Matches("two") || len(parsed.Users()) != 1 {
		t.Errorf("%v, %t", u, ok)
	}
	if strings.Contains(string(f.Encode()), pencil) {
		t.Error("who was removed is still there")
	}
	if _, err := f.Set(login.User{Name: "a b"}); err == nil {
		t.Error("a name with a space is taken")
	}
}

// A file without a seed gets one with whatever is changed.
func TestRemoveAddsASeed(t *testing.T) {
	t.Parallel()
	f, err := login.ParseUsers([]byte(pencil))
	check(t, err)
	if !f.Remove("user") || !strings.Contains(string(f.Encode()), "\n@seed ") {
		t.Errorf("the file is %q, want it to have a seed", f.Encode())
	}
	if parsed, err := login.ParseUsers(f.Encode()); err != nil || len(parsed.Users()) != 0 {
		t.Errorf("%v, %v", parsed, err)
	}
}

// A file without a seed is warned of, also while it is looked at.
func TestUsersWithoutASeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path, told := file(t, pencil), &reports{}
		s, err := login.New(login.Settings{Mechanisms: []string{login.ScramSHA256}, UsersFile: path, Told: told.add})
		check(t, err)
		defer s.Close()
		if want := path + " has no @seed, so that clients can find out which users there are; kafkamesh user add or remove adds one"; !strings.Contains(told.take(), want) {
			t.Errorf("it does not say %q", want)
		}
		f, err := login.ParseUsers([]byte(pencil))
		check(t, err)
		_, err = f.Set(login.User{Name: "bob", Verifiers: f.Users()[0].Verifiers})
		check(t, err)
		check(t, os.WriteFile(path, f.Encode(), 0o600))
		<-time.After(3 * time.Second)
		synctest.Wait()
		if got := told.take(); !strings.HasSuffix(got, "users 2 <nil> ") {
			t.Errorf("with a seed: %q", got)
		}
	})
}

func TestNewVerifier(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mechanism, password string
		iterations          int
		want                string
	}{
		"right":        {login.ScramSHA512, "x", 5000, ""},
		"a mechanism":  {login.Plain, "x", 4096, "there are no verifiers for this mechanism; take SCRAM-SHA-256 or SCRAM-SHA-512"},
		"few":          {login.ScramSHA256, "x", 4095, "4095 iterations; at least 4096 are secure, and at most 1000000 are taken"},
		"empty":        {login.ScramSHA256, "", 4096, "the password is empty"},
		"long":         {login.ScramSHA256, strings.Repeat("a", 1025), 4096, "a password has at most 1024 bytes"},
		"not UTF-8":    {login.ScramSHA256, "\xff", 4096, "a password is UTF-8"},
		"a zero byte":  {login.ScramSHA256, "a\x00", 4096, "a password has no zero bytes"},
		"beyond ASCII": {login.ScramSHA256, "ä", 4096, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := login.NewVerifier(tt.mechanism, tt.password, tt.iterations)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Fatalf("NewVerifier = %v, want %s", err, tt.want)
			}
			if err == nil && (!v.Matches(tt.password) || v.Matches(tt.password+"x")) {
				t.Error("it matches another password, or not its own")
			}
		})
	}
}

// A verifier is a secret that no verb prints.
func TestVerifierIsNotPrinted(t *testing.T) {
	t.Parallel()
	f, err := login.ParseUsers([]byte(pencil))
	check(t, err)
	u, _ := f.User("user")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, what := range []any{u, &u, u.Verifiers[0], &u.Verifiers[0]} {
			got := fmt.Sprintf(verb, what)
			if strings.Contains(got, "WG5d8oPm") || strings.Contains(got, "586e5df283") || strings.Contains(got, "88 110") || len(got) > 200 {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
	if got := u.Verifiers[0].String(); got != "SCRAM-SHA-256 4096" {
		t.Error(got)
	}
}

func TestCheckPortable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"wonderland": true, "pässwörd": true, "a b": true, "a\u00a0b": false, "ª": false, "a\x07": false, "ﬁ": false} {
		if err := login.CheckPortable(text); (err == nil) != want {
			t.Errorf("%q: %v, want %t", text, err, want)
		}
	}
}

// Users are those that are in the file now. A file that is wrong, or gone, changes nothing but what is reported, and that once.
func TestUsersAreFollowed(t *testing.T) {
	t.Parallel()
	one, two := user(t, "alice", "one"), user(t, "alice", "two")
	bob := user(t, "bob", "x")
	seed := "@seed " + base64.StdEncoding.EncodeToString(make([]byte, 32))
	path := file(t, one+"\n"+seed)
	synctest.Test(t, func(t *testing.T) {
		var told reports
		s, err := login.New(login.Settings{Mechanisms: []string{login.Plain, login.ScramSHA256}, UsersFile: path, Told: told.add})
		check(t, err)
		defer s.Close()
		for _, step := range []struct {
			name   string
			change func()
			told   string
			right  string // alice's password
			bob    bool
		}{
			{"at first", func() {}, "users 1 <nil> ", "one", false},
			{"another password", func() { write(t, path, two, seed) }, "users 1 <nil> ", "two", false},
			{"the same again", func() { write(t, path, two, seed) }, "", "two", false},
			{"one more", func() { write(t, path, two, bob, seed) }, "users 2 <nil> ", "two", true},
			{"nonsense", func() { write(t, path, two, "nonsense") }, "users 2 " + path + ": line 2: a user's name without a verifier ", "two", true},
			{"other nonsense", func() { write(t, path, "nonsense") }, "users 2 " + path + ": line 1: a user's name without a verifier ", "two", true},
			{"gone", func() { check(t, os.Remove(path)) }, "users 2 there is no file " + path + " ", "two", true},
			{"a folder", func() { check(t, os.Mkdir(path, 0o700)) }, "users 2 " + path + " is no file ", "two", true},
			{"back", func() { check(t, os.Remove(path)); write(t, path, one, seed) }, "users 1 <nil> ", "one", false},
			{"written in place", func() { check(t, os.WriteFile(path, []byte(two+"\n"+seed), 0o600)) }, "users 1 <nil> ", "two", false},
			{"readable", func() { check(t, os.Chmod(path, 0o644)) }, "users 1 <nil> " + path + " can be read by everybody (mode 0644); chmod it to 0600 or 0640", "two", false},
			{"writable", func() { check(t, os.Chmod(path, 0o620)) }, "users 1 <nil> " + path + " can be written by others (mode 0620); chmod it to 0600 or 0640", "two", false},
			{"for its group", func() { check(t, os.Chmod(path, 0o640)) }, "users 1 <nil> ", "two", false},
			{"empty", func() { write(t, path) }, "users 0 <nil> ", "", false},
		} {
			step.change()
			for range 3 {
				<-time.After(time.Second)
			}
			synctest.Wait()
			if got := told.take(); got != step.told {
				t.Errorf("%s: told %q, want %q", step.name, got, step.told)
			}
			for _, password := range []string{"one", "two"} {
				_, plain, _ := begin(t, s, login.Plain).Step([]byte("\x00alice\x00" + password))
				scram, _ := converse(s, login.ScramSHA256, "alice", password, "")
				if (plain != nil) != (password == step.right) || (scram != nil) != (password == step.right) {
					t.Errorf("%s: %s: PLAIN %v, SCRAM %v", step.name, password, plain, scram)
				}
			}
			if _, who, _ := begin(t, s, login.Plain).Step([]byte("\x00bob\x00x")); (who != nil) != step.bob {
				t.Errorf("%s: bob is %v", step.name, who)
			}
		}
	})
}

// A file that cannot be used from the beginning has no server made of it.
func TestUsersThatAreWrongAtFirst(t *testing.T) {
	t.Parallel()
	big, pipe := file(t, strings.Repeat("#\n", 5<<20)), filepath.Join(t.TempDir(), "pipe")
	check(t, syscall.Mkfifo(pipe, 0o600))
	for path, want := range map[string]string{
		file(t, "nonsense"):      ": line 1: a user's name without a verifier",
		t.TempDir():              " is no file",
		"/nowhere/at all":        `UsersFile: there is no file "/nowhere/at all"`,
		big:                      " has more than 8388608 bytes",
		"/proc/self/mem":         "",
		"/dev/zero":              "/dev/zero is no file",
		pipe:                     " is no file",
		file(t, "a \x00") + "\n": "there is no file \"",
	} {
		_, err := login.New(login.Settings{Mechanisms: []string{login.Plain}, UsersFile: path})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
