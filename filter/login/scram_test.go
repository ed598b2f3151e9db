package login_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	franz "github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/xdg-go/scram"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

var hashes = map[string]scram.HashGeneratorFcn{
	login.ScramSHA256: func() hash.Hash { return sha256.New() },
	login.ScramSHA512: func() hash.Hash { return sha512.New() },
}

// pencil is the user of RFC 7677's example.
const pencil = "user SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

func TestScramOfRFC7677(t *testing.T) {
	t.Parallel()
	s := serveUsers(t, pencil)
	s.SetNonce("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
	e := begin(t, s, login.ScramSHA256)
	for _, step := range []struct{ token, want string }{
		{"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
		{"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
	} {
		if e.Laborious([]byte(step.token)) {
			t.Error("it is laborious")
		}
		answer, who, err := e.Step([]byte(step.token))
		check(t, err)
		if string(answer) != step.want {
			t.Errorf("answer %s, want %s", answer, step.want)
		}
		if strings.HasPrefix(step.want, "v=") {
			checkIdentity(t, who, "user", login.ScramSHA256)
		}
	}
}

// converse has a client of xdg-go log in.
func converse(s *login.Server, mechanism, name, password, authorization string) (*login.Identity, error) {
	client, err := hashes[mechanism].NewClientUnprepped(name, password, authorization)
	if err != nil {
		return nil, err
	}
	e, _ := s.Begin(mechanism)
	c := client.NewConversation()
	var answer []byte
	var who *login.Identity
	for !c.Done() {
		token, err := c.Step(string(answer))
		switch {
		case err != nil:
			return nil, err
		case c.Done():
			return who, nil
		}
		if answer, who, err = e.Step([]byte(token)); err != nil {
			return nil, err
		}
	}
	return who, nil
}

func TestScram(t *testing.T) {
	t.Parallel()
	s := serveUsers(t, user(t, "a,b=c", "x"), user(t, "only512", "p", login.ScramSHA512), user(t, "ünïcode", "pässwörd"))
	for name, tt := range map[string]struct {
		mechanism, name, password, authorization string
		want                                     refusal
	}{
		"right":                {login.ScramSHA256, "alice", "wonderland", "", refusal{}},
		"right, 512":           {login.ScramSHA512, "alice", "wonderland", "", refusal{}},
		"512 alone":            {login.ScramSHA512, "only512", "p", "", refusal{}},
		"as himself":           {login.ScramSHA256, "alice", "wonderland", "alice", refusal{}},
		"a name with a comma":  {login.ScramSHA256, "a,b=c", "x", "a,b=c", refusal{}},
		"beyond ASCII":         {login.ScramSHA512, "ünïcode", "pässwörd", "", refusal{}},
		"wrong":                {login.ScramSHA256, "alice", "wonderlanD", "", invalid(login.ScramSHA256, login.WrongPassword)},
		"wrong, 512":           {login.ScramSHA512, "alice", "", "", invalid(login.ScramSHA512, login.WrongPassword)},
		"no such user":         {login.ScramSHA256, "bob", "wonderland", "", invalid(login.ScramSHA256, login.UnknownUser)},
		"not by this":          {login.ScramSHA256, "only512", "p", "", invalid(login.ScramSHA256, login.UnknownUser)},
		"a name by the prefix": {login.ScramSHA256, "alic", "wonderland", "", invalid(login.ScramSHA256, login.UnknownUser)},
		"as another": {
			login.ScramSHA256, "alice", "wonderland", "bob",
			refusal{"Authentication failed: Client requested an authorization id that is different from username", login.OtherIdentity},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who, err := converse(s, tt.mechanism, tt.name, tt.password, tt.authorization)
			if diff := cmp.Diff(tt.want, refused(err)); diff != "" {
				t.Fatalf("%v: %s", err, diff)
			}
			if tt.want.Reason == "" {
				check(t, err)
				checkIdentity(t, who, tt.name, tt.mechanism)
			}
		})
	}
}

func TestScramOfFranz(t *testing.T) {
	t.Parallel()
	s := serveUsers(t)
	auth := franz.Auth{User: "alice", Pass: "wonderland"}
	for _, m := range []interface{ Name() string }{auth.AsSha256Mechanism(), auth.AsSha512Mechanism()} {
		mechanism := auth.AsSha256Mechanism()
		if m.Name() == login.ScramSHA512 {
			mechanism = auth.AsSha512Mechanism()
		}
		e := begin(t, s, mechanism.Name())
		client, token, err := mechanism.Authenticate(t.Context(), "host")
		check(t, err)
		var who *login.Identity
		for done := false; !done; {
			var answer []byte
			answer, who, err = e.Step(token)
			check(t, err)
			done, token, err = client.Challenge(answer)
			check(t, err)
		}
		checkIdentity(t, who, "alice", mechanism.Name())
	}
}

func TestScramRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	s := serveUsers(t)
	for name, tt := range map[string]struct {
		token string
		want  login.Reason
	}{
		"empty":                   {"", login.Malformed},
		"a client's final":        {"c=biws,r=abc,p=YQ==", login.Malformed},
		"no nonce":                {"n,,n=alice", login.Malformed},
		"an empty nonce":          {"n,,n=alice,r=", login.Malformed},
		"a nonce with a space":    {"n,,n=alice,r=a b", login.Malformed},
		"a nonce beyond ASCII":    {"n,,n=alice,r=ä", login.Malformed},
		"an empty name":           {"n,,n=,r=abc", login.Malformed},
		"no name":                 {"n,,r=abc,n=alice", login.Malformed},
		"a name with an equals":   {"n,,n=a=b,r=abc", login.Malformed},
		"a name in small letters": {"n,,n=a=2cb,r=abc", login.Malformed},
		"a name encoded twice":    {"n,,n=a=3=2CD,r=abc", login.Malformed},
		"a long name":             {"n,,n=" + strings.Repeat("a", 256) + ",r=abc", login.Malformed},
		"a zero byte":             {"n,,n=al\x00ce,r=abc", login.Malformed},
		"not UTF-8":               {"n,,n=al\xffce,r=abc", login.Malformed},
		"long":                    {"n,,n=alice,r=" + strings.Repeat("a", 4096), login.Malformed},
		"no authorization id":     {"n,alice,n=alice,r=abc", login.Malformed},
		"an empty one":            {"n,a=,n=alice,r=abc", login.Malformed},
		"no header":               {"n=alice,r=abc,s=x,i=y", login.Malformed},
		"another flag":            {"x,,n=alice,r=abc", login.Malformed},
		"could bind":              {"y,,n=alice,r=abc", login.Unsupported},
		"binds":                   {"p=tls-exporter,,n=alice,r=abc", login.Unsupported},
		"a mandatory extension":   {"n,,m=x,n=alice,r=abc", login.Unsupported},
		"a delegation token":      {"n,,n=alice,r=abc,tokenauth=true", login.Unsupported},
		"one in capitals":         {"n,,n=alice,r=abc,x=y,tokenauth=TRUE", login.Unsupported},
		"an extension of nothing": {"n,,n=alice,r=abc,", login.Malformed},
		"one without a value":     {"n,,n=alice,r=abc,x=", login.Malformed},
		"none of tokens":          {"n,,n=alice,r=abc,tokenauth=false", ""},
		"extensions":              {"n,,n=alice,r=abc,x=y,z=a=b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := begin(t, s, login.ScramSHA256)
			_, who, err := e.Step([]byte(tt.token))
			want := refusal{}
			if tt.want != "" {
				want = invalid(login.ScramSHA256, tt.want)
			}
			if diff := cmp.Diff(want, refused(err)); diff != "" || who != nil || tt.want == "" && err != nil {
				t.Errorf("%v, %v: %s", who, err, diff)
			}
			if tt.want == "" {
				return
			}
			if _, _, err := e.Step([]byte("n,,n=alice,r=abc")); refused(err).Reason != login.Malformed {
				t.Errorf("another Step: %v, want it refused", err)
			}
		})
	}
}

func TestScramRefusesFinals(t *testing.T) {
	t.Parallel()
	s := serveUsers(t)
	s.SetNonce("xyz")
	proof := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, tt := range map[string]struct {
		token string
		want  login.Reason
	}{
		"empty":                 {"", login.Malformed},
		"a first":               {"n,,n=alice,r=abc", login.Malformed},
		"no proof":              {"c=biws,r=abcxyz", login.Malformed},
		"an empty proof":        {"c=biws,r=abcxyz,p=", login.Malformed},
		"a short proof":         {"c=biws,r=abcxyz,p=YQ==", login.Malformed},
		"a proof in no base64":  {"c=biws,r=abcxyz,p=$$$$", login.Malformed},
		"another's nonce":       {"c=biws,r=abcxyZ,p=" + proof, login.Malformed},
		"his own nonce":         {"c=biws,r=abc,p=" + proof, login.Malformed},
		"his nonce twice":       {"c=biws,r=abcabcxyz,p=" + proof, login.NonceTwice},
		"his nonce three times": {"c=biws,r=abcabcabcxyz,p=" + proof, login.Malformed},
		"bound to something":    {"c=eSws,r=abcxyz,p=" + proof, login.Malformed},
		"a wrong proof":         {"c=biws,r=abcxyz,p=" + proof, login.WrongPassword},
		"with an extension":     {"c=biws,r=abcxyz,x=y,p=" + proof, login.WrongPassword},
		"a server's final":      {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", login.Malformed},
		"something behind it":   {"c=biws,r=abcxyz,p=" + proof + ",x=y", login.Malformed},
		"a long one":            {"c=biws,r=abcxyz,x=" + strings.Repeat("a", 4096) + ",p=" + proof, login.Malformed},
		"not UTF-8":             {"c=biws,r=abcxyz,x=\xff,p=" + proof, login.Malformed},
		"base64 without an end": {"c=biws,r=abcxyz,p=" + strings.TrimRight(proof, "="), login.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := begin(t, s, login.ScramSHA256)
			_, _, err := e.Step([]byte("n,,n=alice,r=abc"))
			check(t, err)
			answer, who, err := e.Step([]byte(tt.token))
			if diff := cmp.Diff(invalid(login.ScramSHA256, tt.want), refused(err)); diff != "" || who != nil || answer != nil {
				t.Errorf("%q, %v: %s", answer, who, diff)
			}
		})
	}
}
