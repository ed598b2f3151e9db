package login_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// BenchmarkStep is one step of a login, of those that the server does something for.
func BenchmarkStep(b *testing.B) {
	users := serveUsers(b)
	tokens := bearers(b, nil)
	users.SetNonce("xyz")
	final, err := finalOf(users)
	check(b, err)
	for _, bb := range []struct {
		name   string
		server *login.Server
		mech   string
		token  []byte // nil: another each time
		before string
	}{
		{"PLAIN/remembered", users, login.Plain, []byte("\x00alice\x00wonderland"), ""},
		{"PLAIN/wrong", users, login.Plain, []byte("\x00alice\x00wrong"), ""},
		{"PLAIN/unknown", users, login.Plain, []byte("\x00nobody\x00wonderland"), ""},
		{"SCRAM-SHA-256/first", users, login.ScramSHA256, []byte("n,,n=alice,r=abc"), ""},
		{"SCRAM-SHA-256/final", users, login.ScramSHA256, []byte(final), "n,,n=alice,r=abc"},
		{"OAUTHBEARER/RS256", tokens, login.OAuthBearer, hello(rsaKey().token("a", claims("exp", int64(1)<<33))), ""},
		{"OAUTHBEARER/ES256", tokens, login.OAuthBearer, hello(ecKey().token("b", claims("exp", int64(1)<<33))), ""},
		{"OAUTHBEARER/EdDSA", tokens, login.OAuthBearer, hello(edKey().token("c", claims("exp", int64(1)<<33))), ""},
		{"OAUTHBEARER/unknown_key", tokens, login.OAuthBearer, hello(strangerKey().token("a", claims())), ""},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, _ := bb.server.Begin(bb.mech)
				if bb.before != "" {
					_, _, _ = e.Step([]byte(bb.before))
				}
				e.Laborious(bb.token) // as whoever has to know asks first
				_, _, _ = e.Step(bb.token)
			}
		})
	}
}

// finalOf is a client's last token that is right for the nonce xyz.
func finalOf(s *login.Server) (string, error) {
	client, err := hashes[login.ScramSHA256].NewClientUnprepped("alice", "wonderland", "")
	if err != nil {
		return "", err
	}
	c := client.WithNonceGenerator(func() string { return "abc" }).NewConversation()
	first, err := c.Step("")
	if err != nil {
		return "", err
	}
	e, _ := s.Begin(login.ScramSHA256)
	answer, _, err := e.Step([]byte(first))
	if err != nil {
		return "", err
	}
	return c.Step(string(answer))
}

func BenchmarkLimiter(b *testing.B) {
	l := login.NewLimiter(login.LimiterSettings{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.Failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), noon)
	}
}

func BenchmarkParseUsers(b *testing.B) {
	var text []byte
	line := user(b, "", "x")
	for i := range 1000 {
		text = append(text, fmt.Sprintf("user%d%s\n", i, line)...)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := login.ParseUsers(text); err != nil {
			b.Fatal(err)
		}
	}
}
