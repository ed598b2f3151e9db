package credential_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/credential"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// passwords is how a cluster is reached by a user name and a password.
var passwords = dial.Settings{SASL: &dial.SASL{Mechanism: dial.SCRAM512}}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	t.Parallel()
	const file = "\ufeff# who is who\r\n\nalice a hush-a\n  bob\tb   hush-b \r\n\"CN=carol, O=x\" \"c d\" \"hush \\\"c\\\\\"\n\"@default\" e hush-e\n@default d hush-d"
	table, err := credential.Parse([]byte(file), passwords)
	if err != nil {
		t.Fatal(err)
	}
	for principal, want := range map[string]struct {
		user, password string
		by             credential.Kind
	}{
		"alice": {"a", "hush-a", credential.Own}, "bob": {"b", "hush-b", credential.Own}, "CN=carol, O=x": {"c d", `hush "c\`, credential.Own},
		"@default": {"e", "hush-e", credential.Own}, "dora": {"d", "hush-d", credential.Default}, "Alice": {"d", "hush-d", credential.Default},
	} {
		if c, by := table.Of(principal); c.Name != want.user || c.Secret != want.password || by != want.by {
			t.Errorf("%s is %s with %q (%d), want %+v", principal, c.Name, c.Secret, by, want)
		}
	}
	if table.Len() != 5 {
		t.Errorf("%d credentials, want 5", table.Len())
	}
	table, err = credential.Parse([]byte("alice a hush"), passwords)
	if err != nil {
		t.Fatal(err)
	}
	if c, by := table.Of("bob"); by != credential.None || c != (credential.Credential{}) {
		t.Errorf("bob is %q (%d), want nobody", c.Name, by)
	}
	c, _ := table.Of("alice")
	if said := fmt.Sprintf("%v %+v %#v %s", c, c, c, c); strings.Contains(said, "hush") {
		t.Errorf("a credential is printed as %s", said)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"":                                "no principal in it",
		"# nobody\n":                      "no principal in it",
		"alice a":                         "line 1: not a principal, a user name and a password",
		"alice a hush b":                  "line 1: not a principal",
		"alice a hush\nalice b hush":      "line 2: the principal of line 1 again",
		"@default a hush\n@default b h":   "line 2: a second @default",
		"@other a hush":                   "line 1: a word with @ that is not @default",
		`"alice a hush`:                   "line 1: a quotation mark without its end",
		`"alice"a hush`:                   "line 1: something right behind a quotation mark",
		`"" a hush`:                       "line 1: an empty principal",
		`alice "" hush`:                   "line 1: an empty word behind the principal",
		`alice a ""`:                      "line 1: an empty word behind the principal",
		"User:alice a hush":               "line 1: a principal that begins with User:",
		`"a\tb" a hush`:                   "line 1: a principal with control characters",
		"alice a hush\xff":                "line 1: not UTF-8",
		strings.Repeat("x", 256) + " a b": "line 1: a principal of more than 255 bytes",
		"a " + strings.Repeat("x", 9000):  "line 1: longer than 8192 bytes",
		strings.Repeat("hush\n", 12):      "line 10: not a principal, a user name and a password; put what has blanks in it into quotation marks\nand perhaps more",
	} {
		_, err := credential.Parse([]byte(file), passwords)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", file, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%.40q: the error has what is in the file: %v", file, err)
		}
	}
}

// TestFile has a file be replaced, broken and repaired.
func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "credentials")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path+".next", []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".next", path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := credential.Open(path, passwords, nil, nil, nil); err == nil || !strings.Contains(err.Error(), "there is no file") {
		t.Errorf("Open of a file that is not there: %v", err)
	}
	write("alice a hush-1\n", 0o644)
	synctest.Test(t, func(t *testing.T) {
		var told []string
		changes := 0
		file, err := credential.Open(path, passwords, nil, func(r follower.Report) {
			told = append(told, fmt.Sprintf("%s %d %v %t", r.Subject, r.Count, r.Err, r.Warning != ""))
		}, func() { changes++ })
		if err != nil {
			t.Fatal(err)
		}
		password := func() string {
			c, _ := file.Table().Of("alice")
			return c.Secret
		}
		file.Resume()
		step := func(text string, wantPassword string, wantChanges int, wantTold string) {
			t.Helper()
			if text != "" {
				write(text, 0o600)
			}
			bubble.Advance(3 * time.Second)
			synctest.Wait()
			if got := password(); got != wantPassword || changes != wantChanges || told[len(told)-1] != wantTold {
				t.Errorf("after %q: %s, %d changes, %q; want %s, %d, %q", text, got, changes, told[len(told)-1], wantPassword, wantChanges, wantTold)
			}
		}
		step("", "hush-1", 1, "credentials 1 <nil> true")
		step("alice a hush-2\nbob b hush\n", "hush-2", 2, "credentials 2 <nil> false")
		step("alice a", "hush-2", 2, "credentials 2 "+path+": line 1: not a principal, a user name and a password; put what has blanks in it into quotation marks false")
		step("# nobody yet\n", "hush-2", 2, "credentials 2 "+path+": no principal in it false")
		step("alice a hush-3\n", "hush-3", 3, "credentials 1 <nil> false")
		file.Close()
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"alice a p\n@default d p", `"x \" y" "\u00e9" p`, "# c\r\n\"", "a\tb c", "alice token"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for name, of := range logins() {
			table, err := credential.Parse(raw, of)
			if err != nil && len(err.Error()) > 4096 || err == nil && table.Len() == 0 {
				t.Errorf("%s: Parse(%q) = %d credentials, %v", name, raw, table.Len(), err)
			}
		}
	})
}
