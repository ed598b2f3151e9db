package login_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// user is a line of a file of users.
func user(tb testing.TB, name, password string, mechanisms ...string) string {
	tb.Helper()
	if len(mechanisms) == 0 {
		mechanisms = []string{login.ScramSHA256, login.ScramSHA512}
	}
	words := []string{name}
	for _, m := range mechanisms {
		v, err := login.NewVerifier(m, password, login.MinIterations)
		check(tb, err)
		words = append(words, v.Encode())
	}
	return strings.Join(words, " ")
}

// file is a new one.
func file(tb testing.TB, lines ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "file")
	write(tb, path, lines...)
	return path
}

// write replaces a file as whole, as it should be.
func write(tb testing.TB, path string, lines ...string) {
	tb.Helper()
	check(tb, os.WriteFile(path+".new", []byte(strings.Join(lines, "\n")), 0o600))
	check(tb, os.Rename(path+".new", path))
}

func serve(tb testing.TB, s login.Settings) *login.Server {
	tb.Helper()
	s.Caught = func(where string, reason any, stack []byte) { tb.Errorf("panic in %s: %v\n%s", where, reason, stack) }
	server, err := login.New(s)
	check(tb, err)
	tb.Cleanup(server.Close)
	return server
}

// serveUsers has alice, whose password is wonderland, and what else lines say.
func serveUsers(tb testing.TB, lines ...string) *login.Server {
	tb.Helper()
	return serve(tb, login.Settings{
		Mechanisms: []string{login.Plain, login.ScramSHA256, login.ScramSHA512},
		UsersFile:  file(tb, append(lines, user(tb, "alice", "wonderland"))...),
	})
}

func begin(tb testing.TB, s *login.Server, mechanism string) login.Exchange { //nolint:ireturn // it is what Begin returns
	tb.Helper()
	e, ok := s.Begin(mechanism)
	if !ok {
		tb.Fatalf("%s is not offered", mechanism)
	}
	return e
}

// refusal is what a *Failure says.
type refusal struct {
	Message string
	Reason  login.Reason
}

// refused is what err says, if it is a *Failure.
func refused(err error) refusal {
	if f, ok := errors.AsType[*login.Failure](err); ok {
		return refusal{f.Message, f.Reason}
	}
	return refusal{}
}

func invalid(mechanism string, reason login.Reason) refusal {
	return refusal{"Authentication failed during authentication due to invalid credentials with SASL mechanism " + mechanism, reason}
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := serveUsers(t)
	if diff := cmp.Diff([]string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, s.Names()); diff != "" {
		t.Error(diff)
	}
	for _, mechanism := range []string{"OAUTHBEARER", "GSSAPI", "plain", ""} {
		if _, ok := s.Begin(mechanism); ok {
			t.Errorf("%q can be begun", mechanism)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	users, keys := file(t, user(t, "alice", "wonderland")), file(t, `{"keys":[`+rsaKey().jwk("a")+`]}`)
	bearer := func(change func(*login.TokenSettings)) login.Settings {
		tokens := login.TokenSettings{KeysFile: keys, Audiences: []string{"kafka"}}
		change(&tokens)
		return login.Settings{Mechanisms: []string{login.OAuthBearer}, Tokens: &tokens}
	}
	for name, tt := range map[string]struct {
		settings login.Settings
		want     []string // fields
	}{
		"nothing":           {login.Settings{}, []string{"Mechanisms"}},
		"unknown":           {login.Settings{Mechanisms: []string{"GSSAPI"}}, []string{"Mechanisms"}},
		"twice":             {login.Settings{Mechanisms: []string{login.Plain, login.Plain}, UsersFile: users}, []string{"Mechanisms"}},
		"no users":          {login.Settings{Mechanisms: []string{login.Plain}}, []string{"UsersFile"}},
		"users for nothing": {func() login.Settings { s := bearer(func(*login.TokenSettings) {}); s.UsersFile = users; return s }(), []string{"UsersFile"}},
		"missing users":     {login.Settings{Mechanisms: []string{login.Plain}, UsersFile: users + "x"}, []string{"UsersFile"}},
		"no tokens":         {login.Settings{Mechanisms: []string{login.OAuthBearer}}, []string{"Tokens"}},
		"no keys":           {bearer(func(s *login.TokenSettings) { s.KeysFile = "" }), []string{"Tokens.KeysURL"}},
		"both keys":         {bearer(func(s *login.TokenSettings) { s.KeysURL = "https://a/b" }), []string{"Tokens.KeysURL"}},
		"missing keys":      {bearer(func(s *login.TokenSettings) { s.KeysFile = users + "x" }), []string{"Tokens.KeysFile"}},
		"wrong keys":        {bearer(func(s *login.TokenSettings) { s.KeysFile = users }), []string{"Tokens.KeysFile"}},
		"no URL":            {bearer(func(s *login.TokenSettings) { s.KeysFile, s.KeysURL = "", "file:///a" }), []string{"Tokens.KeysURL"}},
		"URL with a login":  {bearer(func(s *login.TokenSettings) { s.KeysFile, s.KeysURL = "", "https://u:p@h/" }), []string{"Tokens.KeysURL"}},
		"for everybody":     {bearer(func(s *login.TokenSettings) { s.Audiences = nil }), []string{"Tokens.Audiences"}},
		"empty audience":    {bearer(func(s *login.TokenSettings) { s.Audiences = []string{""} }), []string{"Tokens.Audiences"}},
		"no scope":          {bearer(func(s *login.TokenSettings) { s.Scopes = []string{`a"b`} }), []string{"Tokens.Scopes"}},
		"no signature":      {bearer(func(s *login.TokenSettings) { s.Algorithms = []string{"none"} }), []string{"Tokens.Algorithms"}},
		"shared secrets":    {bearer(func(s *login.TokenSettings) { s.Algorithms = []string{"HS256"} }), []string{"Tokens.Algorithms"}},
		"skew":              {bearer(func(s *login.TokenSettings) { s.ClockSkew = -1 }), []string{"Tokens.ClockSkew"}},
		"refresh":           {bearer(func(s *login.TokenSettings) { s.Refresh = 1 }), []string{"Tokens.Refresh"}},
		"several": {
			login.Settings{Mechanisms: []string{login.Plain}, Tokens: &login.TokenSettings{KeysFile: keys}},
			[]string{"UsersFile", "Tokens", "Tokens.Audiences"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := login.New(tt.settings)
			if diff := cmp.Diff(tt.want, fields(err)); diff != "" {
				t.Errorf("%v: %s", err, diff)
			}
		})
	}
}

// fields are those that an error of New is about.
func fields(err error) (found []string) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			found = append(found, fields(e)...)
		}
		return slices.Compact(found)
	}
	if e, ok := errors.AsType[*login.SettingError](err); ok {
		return []string{e.Field}
	}
	return nil
}

// What was refused says nothing that a client has sent, and names the reason.
func TestFailure(t *testing.T) {
	t.Parallel()
	_, _, err := begin(t, serveUsers(t), login.ScramSHA256).Step([]byte("secret"))
	if want := "login with SCRAM-SHA-256 refused: malformed"; err == nil || err.Error() != want {
		t.Errorf("Step = %v, want %s", err, want)
	}
	f, _ := errors.AsType[*login.Failure](err)
	if want := "Authentication failed during re-authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256"; f.Again() != want {
		t.Errorf("Again = %s, want %s", f.Again(), want)
	}
	if !slices.Contains(login.Reasons(), f.Reason) {
		t.Errorf("%s is none of the reasons", f.Reason)
	}
}
