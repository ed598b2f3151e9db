package login_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

const (
	invalidToken      = `{"status":"invalid_token"}`
	insufficientScope = `{"status":"insufficient_scope", "scope":"kafka"}`
)

// bearers has the keys a (RSA), b (EC), c (Ed25519), and d for encryption.
func bearers(tb testing.TB, change func(*login.TokenSettings)) *login.Server {
	tb.Helper()
	set := []string{
		rsaKey().jwk("a", "use", "sig", "alg", "RS256"), ecKey().jwk("b"), edKey().jwk("c"), strangerKey().jwk("d", "use", "enc"),
		smallKey().jwk("small"), strangerKey().jwk("other algorithm", "alg", "RS512"),
		`{"kid":"unknown","kty":"new"}`, `{"kid":"secret","kty":"oct","k":"c2VjcmV0"}`, `{}`,
	}
	tokens := &login.TokenSettings{
		KeysFile: file(tb, `{"keys":[`+strings.Join(set, ",")+`], "more": 1}`), Issuer: "https://idp", Audiences: []string{"kafka", "mesh"}, Scopes: []string{"kafka"},
	}
	if change != nil {
		change(tokens)
	}
	return serve(tb, login.Settings{Mechanisms: []string{login.OAuthBearer}, Tokens: tokens})
}

func TestBearerMessages(t *testing.T) {
	t.Parallel()
	s := bearers(t, nil)
	token := rsaKey().token("a", claims())
	auth := "auth=Bearer " + token + "\x01"
	var many strings.Builder
	for i := range 40 {
		many.WriteString("x" + strings.Repeat("y", i) + "=z\x01")
	}
	const other = "Authentication failed: Client requested an authorization id that is different from the token's principal name"
	malformed := invalid(login.OAuthBearer, login.Malformed)
	for name, tt := range map[string]struct {
		message string
		want    refusal
	}{
		"right":                     {"n,,\x01" + auth + "\x01", refusal{}},
		"as himself":                {"n,a=alice,\x01" + auth + "\x01", refusal{}},
		"extensions":                {"n,,\x01" + auth + "logicalCluster=lkc-1\x01identityPoolId=a=b c\x01\x01", refusal{}},
		"extensions before it":      {"n,,\x01x=y\x01" + auth + "\x01", refusal{}},
		"small letters":             {"n,,\x01auth=bearer   " + token + "\x01\x01", refusal{}},
		"as another":                {"n,a=bob,\x01" + auth + "\x01", refusal{other, login.OtherIdentity}},
		"empty":                     {"", malformed},
		"the end of a refusal":      {"\x01", malformed},
		"a header alone":            {"n,,", malformed},
		"nothing in it":             {"n,,\x01\x01", malformed},
		"nothing at all in it":      {"n,,\x01", malformed},
		"no end":                    {"n,,\x01" + auth, malformed},
		"something behind the end":  {"n,,\x01" + auth + "\x01x", malformed},
		"no header":                 {"\x01" + auth + "\x01", malformed},
		"half a header":             {"n,\x01" + auth + "\x01", malformed},
		"too much of a header":      {"n,,,\x01" + auth + "\x01", malformed},
		"another flag":              {"x,,\x01" + auth + "\x01", malformed},
		"no authorization id":       {"n,alice,\x01" + auth + "\x01", malformed},
		"an empty one":              {"n,a=,\x01" + auth + "\x01", malformed},
		"binds":                     {"p=tls-exporter,,\x01" + auth + "\x01", invalid(login.OAuthBearer, login.Unsupported)},
		"could bind":                {"y,,\x01" + auth + "\x01", invalid(login.OAuthBearer, login.Unsupported)},
		"no auth":                   {"n,,\x01x=y\x01\x01", malformed},
		"an empty auth":             {"n,,\x01auth=\x01\x01", malformed},
		"no token":                  {"n,,\x01auth=Bearer \x01\x01", malformed},
		"no scheme":                 {"n,,\x01auth=" + token + "\x01\x01", malformed},
		"another scheme":            {"n,,\x01auth=Basic " + token + "\x01\x01", malformed},
		"a token with a space":      {"n,,\x01auth=Bearer " + token + " x\x01\x01", malformed},
		"a token of =":              {"n,,\x01auth=Bearer ===\x01\x01", malformed},
		"a token with = in it":      {"n,,\x01auth=Bearer a=b\x01\x01", malformed},
		"auth twice":                {"n,,\x01" + auth + auth + "\x01", malformed},
		"an extension twice":        {"n,,\x01" + auth + "x=1\x01x=2\x01\x01", malformed},
		"an extension of nothing":   {"n,,\x01" + auth + "x=\x01\x01", malformed},
		"an extension without name": {"n,,\x01" + auth + "=x\x01\x01", malformed},
		"a name with a digit":       {"n,,\x01" + auth + "x1=y\x01\x01", malformed},
		"a value beyond ASCII":      {"n,,\x01" + auth + "x=ä\x01\x01", malformed},
		"a value with a zero byte":  {"n,,\x01" + auth + "x=\x00\x01\x01", malformed},
		"many extensions":           {"n,,\x01" + auth + many.String() + "\x01", malformed},
		"long":                      {"n,,\x01" + auth + "x=" + strings.Repeat("y", 64<<10) + "\x01\x01", malformed},
		"not UTF-8":                 {"n,,\x01" + auth + "x=\xff\x01\x01", malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := begin(t, s, login.OAuthBearer)
			answer, who, err := e.Step([]byte(tt.message))
			if diff := cmp.Diff(tt.want, refused(err)); diff != "" || len(answer) > 0 {
				t.Errorf("answer %q: %s", answer, diff)
			}
			if (who != nil) != (tt.want.Reason == "") {
				t.Errorf("logged in as %v", who)
			}
			if _, who, err := e.Step(hello(token)); who != nil || refused(err).Reason != login.Malformed {
				t.Errorf("a second Step = %v, %v, want it refused", who, err)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	plain := bearers(t, nil)
	at := func(after time.Duration) int64 { return time.Now().Add(after).Unix() }
	right := rsaKey().token("a", claims())
	parts := strings.Split(right, ".")
	stolen := map[string]any{"alg": "RS256", "jwk": strangerKey().public, "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/"}
	for name, tt := range map[string]struct {
		token string
		want  login.Reason // empty: it is taken
	}{
		"RSA":                          {right, ""},
		"EC":                           {ecKey().token("b", claims()), ""},
		"Ed25519":                      {edKey().token("c", claims()), ""},
		"no key id":                    {rsaKey().raw(map[string]any{"alg": "RS256"}, claims()), ""},
		"several audiences":            {rsaKey().token("a", claims("aud", []string{"x", "mesh"})), ""},
		"scopes in a list":             {rsaKey().token("a", claims("scope", []string{"x", "kafka"})), ""},
		"just expired":                 {rsaKey().token("a", claims("exp", at(-10*time.Second))), ""},
		"another's":                    {strangerKey().token("a", claims()), login.UnknownKey},
		"another's without id":         {strangerKey().raw(map[string]any{"alg": "RS256"}, claims()), login.UnknownKey},
		"another's that brings a key":  {strangerKey().raw(stolen, claims()), login.UnknownKey},
		"an unknown id":                {strangerKey().token("zz", claims()), login.UnknownKey},
		"another's id":                 {rsaKey().token("b", claims()), login.UnknownKey},
		"by a key for encryption":      {strangerKey().token("d", claims()), login.UnknownKey},
		"by a key for something else":  {strangerKey().token("other algorithm", claims()), login.UnknownKey},
		"by a small key":               {smallKey().token("small", claims()), login.UnknownKey},
		"other claims":                 {parts[0] + "." + encode([]byte(`{"sub":"bob"}`)) + "." + parts[2], login.UnknownKey},
		"no signature":                 {parts[0] + "." + parts[1] + ".", login.UnknownKey},
		"half a signature":             {right[:len(right)-20], login.UnknownKey},
		"none":                         {encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", login.Unsupported},
		"none, in capitals":            {encode([]byte(`{"alg":"NONE"}`)) + "." + parts[1] + "." + parts[2], login.Unsupported},
		"a shared secret":              {secretOf(rsaKey()).token("a", claims()), login.Unsupported},
		"a shared secret of the set":   {secretOf(rsaKey()).token("secret", claims()), login.Unsupported},
		"no algorithm":                 {encode([]byte(`{}`)) + "." + parts[1] + "." + parts[2], login.Unsupported},
		"a critical header":            {rsaKey().raw(map[string]any{"alg": "RS256", "kid": "a", "crit": []string{"x"}, "x": 1}, claims()), login.Malformed},
		"two parts":                    {parts[0] + "." + parts[1], login.Malformed},
		"five parts":                   {right + ".a.b", login.Malformed},
		"no base64":                    {"a.b~.c", login.Malformed},
		"no JSON":                      {rsaKey().raw(nil, nil), login.Malformed},
		"an opaque one":                {"abcdef", login.Malformed},
		"a deep header":                {encode([]byte(`{"alg":"RS256","x":`+strings.Repeat("[", 40000))) + "." + parts[1] + "." + parts[2], login.Malformed},
		"expired":                      {rsaKey().token("a", claims("exp", at(-40*time.Second))), login.Expired},
		"not yet valid":                {rsaKey().token("a", claims("nbf", at(40*time.Second))), login.Expired},
		"issued later":                 {rsaKey().token("a", claims("iat", at(40*time.Second))), login.Expired},
		"never expires":                {rsaKey().token("a", claims("exp", nil)), login.WrongClaims},
		"expires some day":             {rsaKey().token("a", claims("exp", "tomorrow")), login.Malformed},
		"another issuer":               {rsaKey().token("a", claims("iss", "https://idp/")), login.WrongClaims},
		"no issuer":                    {rsaKey().token("a", claims("iss", nil)), login.WrongClaims},
		"another audience":             {rsaKey().token("a", claims("aud", "kafkas")), login.WrongClaims},
		"no audience":                  {rsaKey().token("a", claims("aud", nil)), login.WrongClaims},
		"another scope":                {rsaKey().token("a", claims("scope", "kafkas read")), login.WrongScope},
		"no scope":                     {rsaKey().token("a", claims("scope", nil)), login.WrongScope},
		"nobody":                       {rsaKey().token("a", claims("sub", nil)), login.WrongClaims},
		"nobody in words":              {rsaKey().token("a", claims("sub", "")), login.WrongClaims},
		"a number":                     {rsaKey().token("a", claims("sub", 7)), login.Malformed},
		"who has not logged in":        {rsaKey().token("a", claims("sub", "ANONYMOUS")), login.WrongClaims},
		"who has a certificate":        {rsaKey().token("a", claims("sub", "spiffe://cluster.local/ns/x/sa/y")), login.WrongClaims},
		"somebody with a line feed":    {rsaKey().token("a", claims("sub", "alice\nbob")), login.WrongClaims},
		"somebody with a long name":    {rsaKey().token("a", claims("sub", strings.Repeat("a", 256))), login.WrongClaims},
		"somebody with a name of SGML": {rsaKey().token("a", claims("sub", "<b>")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := begin(t, plain, login.OAuthBearer)
			answer, who, err := e.Step(hello(tt.token))
			if pending, ok := errors.AsType[*login.Pending](err); ok {
				<-pending.Done
				answer, who, err = e.Step(hello(tt.token))
			}
			check(t, err)
			want := map[login.Reason]string{"": "", login.WrongScope: insufficientScope}
			if _, ok := want[tt.want]; !ok {
				want[tt.want] = invalidToken
			}
			if string(answer) != want[tt.want] || (who != nil) != (tt.want == "") {
				t.Fatalf("answer %q, %v, want %q", answer, who, want[tt.want])
			}
			if who != nil {
				if !who.Expires.After(time.Now()) || who.Expires.After(time.Now().Add(time.Hour)) || who.Mechanism != login.OAuthBearer {
					t.Errorf("logged in as %+v", who)
				}
				return
			}
			if f := e.Refused(); f == nil || f.Reason != tt.want {
				t.Errorf("refused = %v, want %s", f, tt.want)
			}
			_, who, err = e.Step([]byte{1})
			if diff := cmp.Diff(refusal{string(answer), tt.want}, refused(err)); diff != "" || who != nil {
				t.Errorf("%v: %s", who, diff)
			}
		})
	}
}

// A client that does not end a refused login as it should, as sarama does not, is refused all the same, whatever it sends, in other words.
func TestBearerEndsRefused(t *testing.T) {
	t.Parallel()
	s := bearers(t, nil)
	malformed := invalid(login.OAuthBearer, login.Malformed)
	for name, tt := range map[string]struct {
		end  []byte
		want refusal
	}{
		"as it should":          {[]byte{1}, refusal{invalidToken, login.Malformed}},
		"sarama":                {[]byte(`\x01`), malformed},
		"nothing":               {nil, malformed},
		"a token that is right": {hello(rsaKey().token("a", claims())), malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := begin(t, s, login.OAuthBearer)
			_, _, err := e.Step(hello("abc"))
			check(t, err)
			for _, want := range []refusal{tt.want, malformed} {
				_, who, err := e.Step(tt.end)
				if diff := cmp.Diff(want, refused(err)); diff != "" || who != nil {
					t.Errorf("%v: %s", who, diff)
				}
			}
		})
	}
}

// Whose a token is may be said elsewhere, and what it is for.
func TestOtherClaims(t *testing.T) {
	t.Parallel()
	s := bearers(t, func(s *login.TokenSettings) {
		s.PrincipalClaim, s.ScopeClaim, s.Issuer, s.Audiences, s.Algorithms = "client_id", "scp", "", nil, []string{"RS256"}
	})
	_, who, err := begin(t, s, login.OAuthBearer).Step(hello(rsaKey().token("a", claims("client_id", "app", "scp", []string{"kafka"}))))
	check(t, err)
	if who == nil || who.Principal != "app" {
		t.Errorf("logged in as %v, want app", who)
	}
	answer, _, err := begin(t, s, login.OAuthBearer).Step(hello(ecKey().token("b", claims())))
	if string(answer) != invalidToken || err != nil {
		t.Errorf("a token with another algorithm: %q, %v", answer, err)
	}
}

// What is put before a claim makes it a principal that is nobody else's, and a client may leave it out of its own name.
func TestPrincipalPrefix(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ prefix, claim, as, want string }{
		{"", "alice", "", "alice"},
		{"token:", "alice", "", "token:alice"},
		{"token:", "alice", "alice", "token:alice"},
		{"token:", "alice", "token:alice", "token:alice"},
		{"token:", "alice", "bob", ""},
		{"token:", "", "", ""},
		{"token:", "ANONYMOUS", "", "token:ANONYMOUS"},
		{"token:", "spiffe://td/x", "", "token:spiffe://td/x"},
		{"spiffe://tokens/", "x", "", "spiffe://tokens/x"},
		{"s", "piffe://td/x", "", ""},
		{"ANON", "YMOUS", "", ""},
		{"token:", strings.Repeat("a", 249), "", "token:" + strings.Repeat("a", 249)},
		{"token:", strings.Repeat("a", 250), "", ""},
	} {
		s := bearers(t, func(s *login.TokenSettings) { s.PrincipalPrefix = tt.prefix })
		message := "n,,"
		if tt.as != "" {
			message = "n,a=" + tt.as + ","
		}
		message += "\x01auth=Bearer " + rsaKey().token("a", claims("sub", tt.claim)) + "\x01\x01"
		got := ""
		if _, who, _ := begin(t, s, login.OAuthBearer).Step([]byte(message)); who != nil {
			got = who.Principal
		}
		if got != tt.want {
			t.Errorf("%q of a token with %q behind %q: logged in as %q, want %q", tt.as, tt.claim, tt.prefix, got, tt.want)
		}
	}
}

func TestBearerOfFranz(t *testing.T) {
	t.Parallel()
	s := bearers(t, nil)
	for _, auth := range []oauth.Auth{
		{Token: rsaKey().token("a", claims())},
		{Token: rsaKey().token("a", claims()), Zid: "alice", Extensions: map[string]string{"logicalCluster": "x", "identityPoolId": "y"}},
	} {
		client, token, err := auth.AsMechanism().Authenticate(t.Context(), "host")
		check(t, err)
		answer, who, err := begin(t, s, login.OAuthBearer).Step(token)
		check(t, err)
		if done, _, err := client.Challenge(answer); !done || err != nil || who == nil || who.Principal != "alice" {
			t.Errorf("the client says %t, %v, and is %v", done, err, who)
		}
	}
	client, token, err := oauth.Auth{Token: strangerKey().token("a", claims())}.AsMechanism().Authenticate(t.Context(), "host")
	check(t, err)
	answer, _, err := begin(t, s, login.OAuthBearer).Step(token)
	check(t, err)
	if _, _, err := client.Challenge(answer); string(answer) != invalidToken || err == nil { // it leaves, in place of ending the exchange
		t.Errorf("the client says %v of %q", err, answer)
	}
}

// No bit of a token may be another.
func TestEveryBitOfATokenCounts(t *testing.T) {
	t.Parallel()
	s := bearers(t, nil)
	token := ecKey().token("b", claims())
	for part, text := range strings.Split(token, ".") {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		check(t, err)
		for bit := range len(raw) * 8 {
			raw[bit/8] ^= 1 << (bit % 8)
			parts := strings.Split(token, ".")
			parts[part] = encode(raw)
			raw[bit/8] ^= 1 << (bit % 8)
			if _, who, _ := begin(t, s, login.OAuthBearer).Step(hello(strings.Join(parts, "."))); who != nil {
				t.Fatalf("part %d, bit %d: logged in as %s", part, bit, who.Principal)
			}
		}
	}
}
