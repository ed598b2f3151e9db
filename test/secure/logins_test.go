package secure

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/xdg-go/scram"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// loginsOf is authentication.sasl of a mesh that knows the broker's users and tokens.
func loginsOf(t *testing.T, b *broker, more map[string]any) map[string]any {
	t.Helper()
	file := login.UsersFile{}
	for name, secret := range map[string]string{"mesh": password, "other": secondPassword} {
		user := login.User{Name: name}
		for _, mechanism := range []string{login.ScramSHA256, login.ScramSHA512} {
			v, err := login.NewVerifier(mechanism, secret, login.MinIterations)
			check(t, err)
			user.Verifiers = append(user.Verifiers, v)
		}
		_, err := file.Set(user)
		check(t, err)
	}
	path := filepath.Join(t.TempDir(), "users")
	check(t, os.WriteFile(path, file.Encode(), 0o600))
	of := map[string]any{
		"plain": map[string]any{}, "scram": map[string]any{}, "users_file": path,
		"oauthbearer": map[string]any{"jwks_url": b.tokens.url + "/keys", "audiences": []string{"kafka"}},
	}
	maps.Copy(of, more)
	return of
}

// exchange is what a client sends to log in, or not, and what it sees.
type exchange struct {
	t     *testing.T
	conn  *rawkafka.Conn
	lines []string
	over  bool
	ends  time.Time // when the login that there is is no longer good, as far as its server has said
}

func (e *exchange) say(format string, args ...any) {
	e.lines = append(e.lines, fmt.Sprintf(format, args...))
}

// frame sends bytes and reads one frame of an answer, nil if the connection is closed.
func (e *exchange) frame(what string, sent []byte) []byte {
	e.t.Helper()
	if e.over {
		return nil
	}
	_, _ = e.conn.Write(sent) // it may be closed
	var head [4]byte
	if _, err := io.ReadFull(e.conn, head[:]); err != nil {
		e.say("%s: closed", what)
		e.over = true
		return nil
	}
	answer := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(e.conn, answer); err != nil {
		e.t.Fatal(err)
	}
	return answer
}

// ask asks one thing in a version, and returns the token in the answer.
func (e *exchange) ask(version int16, request kmsg.Request) []byte {
	e.t.Helper()
	request.SetVersion(version)
	what := fmt.Sprintf("%s v%d", kmsg.NameForKey(request.Key()), version)
	answer := e.frame(what, e.conn.Frame(request))
	if answer == nil {
		return nil
	}
	if request.Key() == 18 {
		e.say("%s: %s", what, codeOf(int16(binary.BigEndian.Uint16(answer[4:]))))
		return nil
	}
	response, err := rawkafka.Decode(request, version, answer[4:])
	if err != nil {
		e.t.Fatal(err)
	}
	switch r := response.(type) {
	case *kmsg.SASLHandshakeResponse:
		e.say("%s: %s %v", what, codeOf(r.ErrorCode), slices.Sorted(slices.Values(r.SupportedMechanisms)))
	case *kmsg.SASLAuthenticateResponse:
		message := ""
		if r.ErrorMessage != nil {
			message = *r.ErrorMessage
		}
		e.say("%s: %s %q, good for a while %t, a token %t", what, codeOf(r.ErrorCode), message, r.SessionLifetimeMillis != 0, len(r.SASLAuthBytes) > 0)
		e.ends = time.Now().Add(time.Duration(r.SessionLifetimeMillis) * time.Millisecond)
		return r.SASLAuthBytes
	case *kmsg.MetadataResponse:
		e.say("%s: answered %s", what, codeOf(r.ErrorCode))
	default:
		e.say("%s: answered", what)
	}
	return nil
}

// bare sends a token that is a frame.
func (e *exchange) bare(token string) {
	e.t.Helper()
	if answer := e.frame("token", rawkafka.Framed([]byte(token))); answer != nil {
		e.say("token: %q", answer)
		e.ends = time.Now().Add(session) // it is not said to such clients
	}
}

// scram logs in as mesh by SCRAM, with tokens in a version.
func (e *exchange) scram(secret string) {
	e.t.Helper()
	client, err := scram.SHA256.NewClient("mesh", secret, "")
	check(e.t, err)
	talk, said := client.NewConversation(), ""
	for !talk.Done() && !e.over {
		next, err := talk.Step(said)
		if err != nil {
			e.say("the client does not believe it")
			return
		}
		if talk.Done() {
			return
		}
		said = string(e.ask(2, token(next)))
	}
}

func codeOf(code int16) string {
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return "NONE"
}

func handshake(mechanism string) *kmsg.SASLHandshakeRequest {
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism = mechanism
	return r
}

func token(text string) *kmsg.SASLAuthenticateRequest {
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes = []byte(text)
	return r
}

func bearer(text string) *kmsg.SASLAuthenticateRequest {
	return token("n,,\x01auth=Bearer " + text + "\x01\x01")
}

func versions() *kmsg.ApiVersionsRequest {
	r := kmsg.NewPtrApiVersionsRequest()
	r.ClientSoftwareName, r.ClientSoftwareVersion = "test", "1.0"
	return r
}

func topics() *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	r.Topics = []kmsg.MetadataRequestTopic{}
	return r
}

func plainToken(name, secret string) string { return "\x00" + name + "\x00" + secret }

// loginExchange is one exchange. mesh is what the mesh shows of it in place of what a broker does, where that differs.
type loginExchange struct {
	name    string
	renewed bool // by a listener whose logins are good for a few seconds
	do      func(e *exchange)
	mesh    []string
}

// TestLoginsAreABrokers has clients log in to a broker and to a mesh, rightly and wrongly, and wants to see the same.
func TestLoginsAreABrokers(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	cluster := stack.MeshCluster{Name: "plain", Bootstrap: b.Addr()}
	forEver, short := meshOf(t, cluster), meshOf(t, cluster)
	forEver.Logins = loginsOf(t, b, map[string]any{"allow_plain_without_tls": true})
	short.Logins = loginsOf(t, b, map[string]any{"allow_plain_without_tls": true, "max_reauth_ms": session.Milliseconds()})
	for _, m := range []*stack.Mesh{forEver, short} {
		watched(t, &mesh{stack.Standalone(t, m).Process, m.Addr})
	}
	for _, x := range loginExchanges() {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			kafka, facade := b.Listener("SASL"), forEver.Addr
			if x.renewed {
				kafka, facade = b.Listener("RELOGIN"), short.Addr
			}
			want := x.play(t, kafka)
			if x.mesh != nil {
				if slices.Equal(want, x.mesh) {
					t.Error("there is no difference any more")
				}
				want = x.mesh
			}
			if diff := cmp.Diff(want, x.play(t, facade)); diff != "" {
				t.Errorf("(-want +mesh):\n%s", diff)
			}
		})
	}
}

func (x *loginExchange) play(t *testing.T, addr string) []string {
	t.Helper()
	conn, err := rawkafka.Dial(addr, "test")
	check(t, err)
	defer func() { _ = conn.Close() }()
	e := &exchange{t: t, conn: conn}
	x.do(e)
	return e.lines
}

// offered are the mechanisms, as a handshake's answer says them.
const offered = "[OAUTHBEARER PLAIN SCRAM-SHA-256 SCRAM-SHA-512]"

func loginExchanges() []loginExchange {
	right, wrong := plainToken("mesh", password), plainToken("mesh", wrongPassword)
	return append([]loginExchange{
		{name: "PLAIN", do: func(e *exchange) {
			e.ask(3, versions())
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(9, topics())
			e.ask(3, versions())
		}},
		{name: "PLAIN without asking what is served, token v0", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(0, token(right))
			e.ask(9, topics())
		}},
		{name: "PLAIN, tokens as frames", do: func(e *exchange) {
			e.ask(0, versions())
			e.ask(0, handshake("PLAIN"))
			e.bare(right)
			e.ask(9, topics())
		}},
		{name: "PLAIN, wrong", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(wrong))
			e.ask(9, topics())
		}},
		{name: "PLAIN, nobody", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(1, token(plainToken("nobody", password)))
			e.ask(9, topics())
		}},
		{name: "PLAIN, nothing", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(0, token(""))
			e.ask(9, topics())
		}},
		{name: "PLAIN as somebody else", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(0, token("other"+right))
			e.ask(9, topics())
		}},
		{name: "PLAIN, wrong, tokens as frames", do: func(e *exchange) {
			e.ask(0, handshake("PLAIN"))
			e.bare(wrong)
			e.ask(9, topics())
		}},
		{name: "SCRAM", do: func(e *exchange) {
			e.ask(3, versions())
			e.ask(1, handshake("SCRAM-SHA-256"))
			e.scram(password)
			e.ask(9, topics())
		}},
		{name: "SCRAM, wrong", do: func(e *exchange) {
			e.ask(1, handshake("SCRAM-SHA-256"))
			e.scram(wrongPassword)
		}},
		{name: "SCRAM, rubbish", do: func(e *exchange) {
			e.ask(1, handshake("SCRAM-SHA-256"))
			e.ask(2, token("rubbish"))
			e.ask(9, topics())
		}},
		{name: "OAUTHBEARER, rubbish", do: func(e *exchange) {
			e.ask(1, handshake("OAUTHBEARER"))
			e.ask(2, token("rubbish"))
			e.ask(9, topics())
		}},
		{name: "OAUTHBEARER, a token for others", do: func(e *exchange) {
			e.ask(1, handshake("OAUTHBEARER"))
			e.ask(2, bearer(running.signed().bad))
			e.ask(2, token("\x01"))
			e.ask(9, topics())
		}},
		{name: "OAUTHBEARER, a token for others, and sarama's end", do: func(e *exchange) {
			e.ask(1, handshake("OAUTHBEARER"))
			e.ask(2, bearer(running.signed().bad))
			e.ask(2, token(`\x01`))
			e.ask(9, topics())
		}},
		{name: "a mechanism that is none", do: func(e *exchange) {
			e.ask(1, handshake("NONE"))
			e.ask(9, topics())
		}},
		{name: "no login", do: func(e *exchange) {
			e.ask(3, versions())
			e.ask(9, topics())
		}},
		{name: "no login and no versions", do: func(e *exchange) { e.ask(9, topics()) }},
		{name: "versions, twice", do: func(e *exchange) {
			e.ask(3, versions())
			e.ask(3, versions())
		}},
		{name: "versions that are none, twice", do: func(e *exchange) {
			e.ask(3, kmsg.NewPtrApiVersionsRequest())
			e.ask(3, versions())
			e.ask(1, handshake("PLAIN"))
		}},
		{name: "a token first", do: func(e *exchange) { e.ask(1, token(right)) }},
		{name: "a handshake, twice", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(1, handshake("PLAIN"))
			e.ask(9, topics())
		}},
		{name: "something else during a login", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(9, topics())
			e.ask(9, topics())
		}, mesh: []string{"SASLHandshake v1: NONE " + offered, "Metadata v9: closed"}},
		{name: "versions during a login", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(0, versions())
			e.ask(9, topics())
		}},
		{name: "a token after the login", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(2, token(right))
			e.ask(9, topics())
		}},
		{name: "a handshake after the login", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(right))
			e.ask(1, handshake("PLAIN"))
			e.ask(9, topics())
		}},
		{name: "a token without a handshake", do: func(e *exchange) { e.bare(right) }},
		{name: "no Kafka", do: func(e *exchange) { e.bare("GET / HTTP/1.1") }},
		{name: "a long token", do: func(e *exchange) {
			e.ask(1, handshake("PLAIN"))
			e.ask(2, token(strings.Repeat("x", 600<<10)))
		}},
	}, renewals()...)
}
