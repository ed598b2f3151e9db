package credential_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jcmturner/gokrb5/v8/keytab"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/credential"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// logins are the ways that the mesh is let in to clusters.
func logins() map[string]dial.Settings {
	file := func(name string) dial.Source { return dial.Source{File: name} }
	inline := func(text string) dial.Source { return dial.Source{Inline: text} }
	return map[string]dial.Settings{
		"passwords": passwords,
		"certificates": {TLS: &dial.TLS{
			CA: file("ca"), Certificate: file("ours"), Key: file("our-key"), KeyPassword: inline("hush-mesh"), ServerName: "kafka", SkipName: true,
		}},
		"tokens": {TLS: &dial.TLS{CA: file("ca")}, SASL: &dial.SASL{Mechanism: dial.OAuthBearer, OAuth: &dial.OAuth{
			At: "upstream_clusters[0].sasl.oauth", TokenURL: "https://idp.test/token", ClientID: inline("mesh"), ClientSecret: inline("hush-mesh"),
			Assertion: &dial.Assertion{}, Scope: "kafka", Parameters: map[string]string{"audience": "kafka"}, CA: file("token-ca"),
			Extensions: map[string]string{"logicalCluster": "lkc-1"},
		}}},
		"token files": {SASL: &dial.SASL{Mechanism: dial.OAuthBearer, OAuth: &dial.OAuth{TokenFile: file("ours")}}},
		"keytabs":     {SASL: &dial.SASL{Mechanism: dial.GSSAPI, Kerberos: &dial.Kerberos{Service: "kafka", TicketCache: "ours", Config: "krb5.conf"}}},
	}
}

// files are what lines name, in a folder.
type files struct {
	t   *testing.T
	dir string
}

func (f files) write(name string, content []byte) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// filesOf are those of alice and bob, and what is wrong in some way.
func filesOf(t *testing.T) files {
	t.Helper()
	f := files{t, t.TempDir()}
	ca, err := authority.New("ca")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*x509.Certificate){
		"alice": nil, "bob": nil,
		"old":  func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(1, 0), time.Unix(2, 0) },
		"soon": func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) },
	} {
		if change == nil {
			change = func(c *x509.Certificate) { c.NotBefore = time.Unix(1, 0) } // in fake time too
		}
		leaf, err := ca.Issue(name, nil, change)
		if err != nil {
			t.Fatal(err)
		}
		f.write(name+".pem", leaf.Certificate)
		f.write(name+".key", leaf.Key)
	}
	part := base64.RawURLEncoding.EncodeToString
	jwt := func(more string) []byte {
		return []byte(part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(`{"sub":"x"`+more+`}`)) + ".c2ln")
	}
	f.write("alice.token", jwt(""))
	f.write("old.token", jwt(`,"exp":1`))
	f.write("unsigned.token", []byte(part([]byte(`{"alg":"none"}`))+"."+part([]byte(`{"sub":"x"}`))+"."))
	f.write("empty", nil)
	f.write("krb5.conf", []byte("[libdefaults]\n default_realm = MESH.TEST\n"))
	keys := keytab.New()
	if err := keys.AddEntry("alice", "MESH.TEST", "hush", time.Unix(1, 0), 1, 18); err != nil {
		t.Fatal(err)
	}
	raw, err := keys.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	f.write("alice.keytab", raw)
	return f
}

// logins are those of before, with the files that are read of the mesh's own.
func (f files) logins() map[string]dial.Settings {
	all := logins()
	all["keytabs"].SASL.Kerberos.Config = filepath.Join(f.dir, "krb5.conf")
	return all
}

// open reads a file of credentials. DIR is where the other files are.
func (f files) open(login string, lines ...string) (file *credential.File, warning string, err error) {
	f.t.Helper()
	path := f.write("credentials", []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "DIR", f.dir)))
	file, err = credential.Open(path, f.logins()[login], nil, func(r follower.Report) { warning = r.Warning }, nil)
	return file, strings.ReplaceAll(warning, f.dir, "DIR"), err
}

// TestSettings has principals be let in to clusters as the mesh is, by what is their own.
func TestSettings(t *testing.T) {
	t.Parallel()
	f := filesOf(t)
	for name, tt := range map[string]struct {
		login, line string
		want        func(s *dial.Settings)
	}{
		"a password": {"passwords", "alice a hush", func(s *dial.Settings) {
			s.SASL.Username, s.SASL.Password = dial.Source{Inline: "a"}, dial.Source{Inline: "hush"}
		}},
		"a certificate": {"certificates", "alice DIR/alice.pem DIR/alice.key", func(s *dial.Settings) {
			s.TLS.Certificate, s.TLS.Key = dial.Source{File: f.dir + "/alice.pem"}, dial.Source{File: f.dir + "/alice.key"}
			s.TLS.KeyPassword = dial.Source{}
		}},
		"a client of the token server": {"tokens", "alice a hush", func(s *dial.Settings) {
			o := s.SASL.OAuth
			o.At, o.ClientID, o.ClientSecret, o.Assertion = "identity.mapped.credentials_file", dial.Source{Inline: "a"}, dial.Source{Inline: "hush"}, nil
		}},
		"a token": {"tokens", "alice DIR/alice.token", func(s *dial.Settings) {
			s.SASL.OAuth = &dial.OAuth{
				At: "identity.mapped.credentials_file", TokenFile: dial.Source{File: f.dir + "/alice.token"}, Extensions: s.SASL.OAuth.Extensions,
			}
		}},
		"a token, as the mesh": {"token files", "alice DIR/alice.token", func(s *dial.Settings) {
			s.SASL.OAuth = &dial.OAuth{At: "identity.mapped.credentials_file", TokenFile: dial.Source{File: f.dir + "/alice.token"}}
		}},
		"a keytab": {"keytabs", "alice alice@MESH.TEST DIR/alice.keytab", func(s *dial.Settings) {
			s.SASL.Kerberos.Principal, s.SASL.Kerberos.Keytab, s.SASL.Kerberos.TicketCache = "alice@MESH.TEST", f.dir+"/alice.keytab", ""
		}},
	} {
		file, warning, err := f.open(tt.login, tt.line)
		if err != nil || warning != "" {
			t.Errorf("%s: %v %s", name, err, warning)
			continue
		}
		c, _ := file.Table().Of("alice")
		got, want := file.Settings(c), f.logins()[tt.login]
		tt.want(&want)
		if l := got.SASL; l != nil {
			if again := file.Settings(c); (l.Tokens != nil) != (l.OAuth != nil) || again.SASL.Tokens != l.Tokens {
				t.Errorf("%s: workers do not share tokens", name)
			}
			l.Tokens = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRefusesFiles has a line be refused for what it names, with the field, and without what may be a secret in a wrong place.
func TestRefusesFiles(t *testing.T) {
	t.Parallel()
	f := filesOf(t)
	for _, tt := range []struct{ login, line, want string }{
		{"certificates", "alice DIR/alice.pem DIR/bob.key", "line 1: key: the private key in DIR/bob.key does not belong to the certificate in DIR/alice.pem"},
		{"certificates", "alice team-a hush", "line 1: certificate: there is no file of this name"},
		{"certificates", "alice hush hush", "line 1: certificate: there is no file of this name"},
		{"certificates", "alice DIR/alice.pem hush", "line 1: key: there is no file of this name"},
		{"certificates", "alice DIR/empty DIR/alice.key", "line 1: certificate: DIR/empty is empty"},
		{"certificates", "alice DIR/alice.key DIR/alice.key", "line 1: certificate: there is no certificate in DIR/alice.key"},
		{"certificates", "alice DIR/alice.pem", "line 1: not a principal, the file of a certificate and the file of its private key"},
		{"tokens", "alice hush", "line 1: token file: there is no file of this name"},
		{"tokens", "alice DIR/empty", "line 1: token file: DIR/empty is empty"},
		{"tokens", "alice DIR/unsigned.token", "line 1: token file: the token in DIR/unsigned.token is not signed"},
		{"tokens", "alice", "line 1: not a principal and the file of a token, or a principal, a client id and its secret"},
		{"token files", "alice a hush", "line 1: not a principal and the file of a token; put"},
		{"keytabs", "alice alice@MESH.TEST hush", "line 1: keytab: there is no file of this name"},
		{"keytabs", "alice alice@MESH.TEST DIR/alice.pem", "line 1: keytab: DIR/alice.pem is not a keytab"},
		{"keytabs", "alice DIR/alice.keytab", "line 1: not a principal, a principal of Kerberos and the file of its keytab"},
		{"certificates", "# a comment\n@default hush hush", "line 2: certificate: there is no file"},
	} {
		_, _, err := f.open(tt.login, tt.line)
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), f.dir, "DIR"), tt.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s, %q: %v, want %s", tt.login, tt.line, err, tt.want)
		}
	}
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprintf("p%d hush hush", i))
	}
	if _, _, err := f.open("certificates", lines...); err == nil || strings.Count(err.Error(), "\n") != 10 || !strings.Contains(err.Error(), "and perhaps more") {
		t.Errorf("of 20 mistakes: %v", err)
	}
}

// TestTooOldIsOnesTrouble has what is too old be a warning: who else is in the file is served.
func TestTooOldIsOnesTrouble(t *testing.T) {
	t.Parallel()
	f := filesOf(t)
	for _, tt := range []struct{ login, line, want string }{
		{"certificates", "old DIR/old.pem DIR/old.key", `line 1: certificate: our certificate "old" has expired on 1970-01-01`},
		{"certificates", "soon DIR/soon.pem DIR/soon.key", `line 1: certificate: our certificate "soon" expires on`},
		{"tokens", "old DIR/old.token", "line 1: token file: the token in DIR/old.token has expired on 1970-01-01T00:00:01Z"},
	} {
		_, warning, err := f.open(tt.login, tt.line)
		if err != nil || !strings.Contains(warning, tt.want) {
			t.Errorf("%s, %q: %v, %q, want %s", tt.login, tt.line, err, warning, tt.want)
		}
	}
}

// TestRevokingIsNotHindered has a line be taken out while what another one names cannot be read; a line that is new has to be right.
func TestRevokingIsNotHindered(t *testing.T) {
	t.Parallel()
	f := filesOf(t)
	write := func(lines ...string) {
		t.Helper()
		next := f.write("next", []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "DIR", f.dir)))
		if err := os.Rename(next, filepath.Join(f.dir, "credentials")); err != nil {
			t.Fatal(err)
		}
	}
	const alice, bob, carol = "alice DIR/alice.pem DIR/alice.key", "bob DIR/bob.pem DIR/bob.key", "carol DIR/none.pem DIR/none.key"
	write(alice, bob)
	synctest.Test(t, func(t *testing.T) {
		var last follower.Report
		file, err := credential.Open(filepath.Join(f.dir, "credentials"), f.logins()["certificates"], nil, func(r follower.Report) { last = r }, nil)
		if err != nil {
			t.Fatal(err)
		}
		file.Resume()
		defer file.Close()
		if err := os.Remove(filepath.Join(f.dir, "bob.key")); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			lines         []string
			count         int
			warned, wrong string
		}{
			{[]string{bob}, 1, "line 1: key: there is no file of this name", ""},
			{[]string{bob, alice}, 2, "line 1: key", ""},
			{[]string{bob, alice, carol}, 2, "line 1: key", "line 3: certificate: there is no file of this name"},
			{[]string{alice}, 1, "", ""},
		} {
			write(step.lines...)
			bubble.Advance(3 * time.Second)
			synctest.Wait()
			wrong := fmt.Sprint(last.Err)
			if last.Count != step.count || !strings.Contains(last.Warning, step.warned) || (step.warned == "") != (last.Warning == "") ||
				(last.Err != nil) != (step.wrong != "") || !strings.Contains(wrong, step.wrong) {
				t.Errorf("%q: %d, %q, %v", step.lines, last.Count, last.Warning, last.Err)
			}
		}
	})
}
