package filter_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/xdg-go/scram"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

const (
	rightPassword = "hush-the-right-one"
	wrongPassword = "hush-the-wrong-one"
)

// twoClustersWith is twoClusters for clients that log in, as ann. more is what the configuration says besides.
func twoClustersWith(t *testing.T, more string) string {
	t.Helper()
	file := login.UsersFile{}
	user := login.User{Name: "ann"}
	for _, mechanism := range []string{login.ScramSHA256, login.ScramSHA512} {
		v, err := login.NewVerifier(mechanism, rightPassword, login.MinIterations)
		if err != nil {
			t.Fatal(err)
		}
		user.Verifiers = append(user.Verifiers, v)
	}
	if _, err := file.Set(user); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, file.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	return twoClusters + fmt.Sprintf("\nauthentication: {sasl: {plain: {}, scram: {}, users_file: %q, %s}}\n", path, more)
}

func handshake(id int32, version int16, mechanism string) []byte {
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism = mechanism
	return wiretest.Frame(wire.KeySaslHandshake, version, id, "test", r)
}

func authenticate(id int32, version int16, token string) []byte {
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes = []byte(token)
	return wiretest.Frame(wire.KeySaslAuthenticate, version, id, "test", r)
}

func bareToken(token string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...)
}

func plainToken(password string) string { return "\x00ann\x00" + password }

// authenticated reads the answer to a token.
func authenticated(t *testing.T, version int16, frame []byte) *kmsg.SASLAuthenticateResponse {
	t.Helper()
	_, response, err := wiretest.ParseResponse(wire.KeySaslAuthenticate, version, frame)
	if err != nil {
		t.Fatal(err)
	}
	return response.(*kmsg.SASLAuthenticateResponse)
}

// TestLogin has a client log in with all that comes behind it sent at once, in pieces of any size.
func TestLogin(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClustersWith(t, "allow_plain_without_tls: true, max_reauth_ms: 60000"), func(m *mesh) {
		all := slices.Concat(apiVersions(1), handshake(2, 1, "PLAIN"), authenticate(3, 2, plainToken(rightPassword)), apiVersions(4), produce(5, "apples"))
		for _, size := range []int{1, 7, len(all)} {
			c := m.connect()
			for piece := range slices.Chunk(all, size) {
				c.session.Data(piece)
			}
			frames := c.wantAnswers(1, 2, 3, 4, 5)
			if a := authenticated(t, 2, frames[2]); a.ErrorCode != 0 || a.SessionLifetimeMillis != 60_000 {
				t.Errorf("the login is answered with %+v", a)
			}
			c.session.Closed()
		}
		if got := m.filter.Clients().Logins; len(got) != 3 || got[0] != (status.Login{Mechanism: "PLAIN", Succeeded: 3}) {
			t.Errorf("the status has %+v", got)
		}
		for name, want := range map[string]int64{"logins.plain.succeeded": 3, "logins.plain.renewed": 0, "requests.sasl_handshake": 3} {
			if got := m.metric(name); got != want {
				t.Errorf("%s = %d, want %d", name, got, want)
			}
		}
	})
}

// TestLoginWithScram has a client log in with a password that it does not send, and anew.
func TestLoginWithScram(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClustersWith(t, "max_reauth_ms: 60000"), func(m *mesh) {
		c := m.connect()
		for round := range 2 {
			client, err := scram.SHA512.NewClient("ann", rightPassword, "")
			if err != nil {
				t.Fatal(err)
			}
			talk, said := client.NewConversation(), ""
			c.got = nil
			c.session.Data(handshake(1, 1, "SCRAM-SHA-512"))
			for id := int32(2); !talk.Done(); id++ {
				next, err := talk.Step(said)
				if err != nil {
					t.Fatal(err)
				}
				c.session.Data(authenticate(id, 2, next))
				_, frames := c.answers()
				a := authenticated(t, 2, frames[len(frames)-1])
				if said = string(a.SASLAuthBytes); a.ErrorCode != 0 {
					t.Fatalf("round %d is answered with %+v", round, a)
				}
				if talk.Valid() || strings.HasPrefix(said, "v=") {
					if _, err := talk.Step(said); err != nil {
						t.Fatal(err)
					}
				}
			}
			bubble.Advance(50 * time.Second)
		}
		c.session.Data(produce(9, "apples"))
		if ids, _ := c.answers(); ids[len(ids)-1] != 9 {
			t.Errorf("answers %v, want 9 as the last", ids)
		}
		bubble.Advance(time.Minute)
		c.session.Data(produce(10, "apples"))
		if !c.isClosed() {
			t.Error("the connection lives after its login has expired")
		}
		for name, want := range map[string]int64{"logins.scram_sha_512.succeeded": 1, "logins.scram_sha_512.renewed": 1, "violations.login_expired": 1} {
			if got := m.metric(name); got != want {
				t.Errorf("%s = %d, want %d", name, got, want)
			}
		}
	})
}

// TestLoginFails wants the answer to come late, nothing behind it to be served, and no word of what was wrong to be logged.
func TestLoginFails(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClustersWith(t, "allow_plain_without_tls: true"), func(m *mesh) {
		for _, user := range []string{"ann", "nobody"} {
			c := m.connect()
			c.session.Data(slices.Concat(handshake(1, 1, "PLAIN"), authenticate(2, 2, "\x00"+user+"\x00"+wrongPassword), produce(3, "apples")))
			c.wantAnswers(1)
			bubble.Advance(time.Second)
			frames := c.wantAnswers(1, 2)
			a := authenticated(t, 2, frames[1])
			if a.ErrorCode != 58 || a.ErrorMessage == nil || *a.ErrorMessage != "Authentication failed: Invalid username or password" {
				t.Errorf("the login is answered with %+v", a)
			}
			if !c.isClosed() {
				t.Error("the connection lives")
			}
			c.session.Closed()
		}
		c := m.connect()
		c.session.Data(slices.Concat(handshake(1, 0, "PLAIN"), bareToken(plainToken(wrongPassword))))
		bubble.Advance(time.Second)
		if c.wantAnswers(1); !c.isClosed() {
			t.Error("the connection lives")
		}
		bubble.Advance(time.Minute)
		log := m.log()
		for _, secret := range []string{wrongPassword, "nobody", "unknown_user", "wrong_password"} {
			if strings.Contains(log, secret) || strings.Contains(fmt.Sprintf("%+v", m.filter.Clients()), secret) {
				t.Errorf("%s is told:\n%s", secret, log)
			}
		}
		for _, want := range []string{`reason=login_failed error="login_failed: PLAIN: wrong user or password"`, "times=2"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log does not say %s:\n%s", want, log)
			}
		}
		for name, want := range map[string]int64{
			"logins.plain.failed.unknown_user": 1, "logins.plain.failed.wrong_password": 2, "violations.login_failed": 3, "logins.plain.succeeded": 0,
		} {
			if got := m.metric(name); got != want {
				t.Errorf("%s = %d, want %d", name, got, want)
			}
		}
	})
}

// TestNoLogin has clients that do not log in where they have to: whatever they ask, whatever they begin, or if they say nothing.
func TestNoLogin(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClustersWith(t, "max_reauth_ms: 60000"), func(m *mesh) {
		for name, sent := range map[string][]byte{
			"a produce":              produce(1, "apples"),
			"a long frame":           append([]byte{0, 1, 0, 1}, make([]byte, 100)...),
			"a token, first":         bareToken(plainToken(rightPassword)),
			"an API that is none":    wiretest.Frame(17, 1, 7, "test", kmsg.NewPtrSASLHandshakeRequest()),
			"PLAIN without TLS":      handshake(1, 1, "PLAIN"),
			"nothing, for a minute":  nil,
			"a part of a request":    produce(1, "apples")[:20],
			"what is served, and no": apiVersions(1),
		} {
			c := m.connect()
			c.session.Data(sent)
			bubble.Advance(time.Minute + time.Second)
			if !c.isClosed() {
				t.Errorf("%s: the connection lives", name)
			}
			if ids, _ := c.answers(); len(ids) > 1 || bytes.Contains(c.got, []byte(rightPassword)) {
				t.Errorf("%s: is answered %q", name, c.got)
			}
			c.session.Closed()
		}
		if log := m.log(); !strings.Contains(log, "security.protocol=SASL_") || !strings.Contains(log, "allow_plain_without_tls") {
			t.Errorf("the log does not say what to do:\n%s", log)
		}
	})
}

// TestLoginAfterRest has the last client leave for long: files are no longer looked at, and are when the next one comes. One that cannot be
// used then changes nothing, until it can.
func TestLoginAfterRest(t *testing.T) {
	t.Parallel()
	text := twoClustersWith(t, "allow_plain_without_tls: true")
	_, path, _ := strings.Cut(text, `users_file: "`)
	path, _, _ = strings.Cut(path, `"`)
	withMesh(t, text, func(m *mesh) {
		login := func(password string) {
			t.Helper()
			c := m.connect()
			c.session.Data(slices.Concat(handshake(1, 1, "PLAIN"), authenticate(2, 0, plainToken(password)), produce(3, "apples")))
			if password == rightPassword {
				c.wantAnswers(1, 2, 3)
			} else {
				bubble.Advance(time.Second)
				c.wantAnswers(1, 2)
			}
			bubble.Advance(3 * time.Second)
			c.session.Closed()
			bubble.Advance(2 * time.Minute)
		}
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		login(rightPassword)
		write("half a lin")
		bubble.Advance(time.Minute)
		if log := m.log(); strings.Contains(log, "half") || strings.Contains(log, "cannot be read") {
			t.Errorf("the file is looked at while nobody is there:\n%s", log)
		}
		login(rightPassword)
		if log := m.log(); strings.Count(log, "cannot be read") != 1 {
			t.Errorf("it is not said once that the file cannot be read:\n%s", log)
		}
		write("")
		c := m.connect()
		bubble.Advance(2 * time.Second)
		c.session.Closed()
		login(wrongPassword)
		if got := strings.Count(m.log(), "checked against was read"); got != 2 {
			t.Errorf("files were read %d times, want twice:\n%s", got, m.log())
		}
	})
}

// TestLoginIsOptional serves clients with and without a login.
func TestLoginIsOptional(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClustersWith(t, "allow_plain_without_tls: true, optional: true"), func(m *mesh) {
		c := m.connect()
		c.session.Data(slices.Concat(apiVersions(1), produce(2, "apples"), handshake(3, 1, "PLAIN"), produce(4, "apples")))
		c.wantAnswers(1, 2, 3, 4)
		c = m.connect()
		c.session.Data(slices.Concat(apiVersions(1), handshake(2, 1, "PLAIN"), authenticate(3, 0, plainToken(rightPassword)), produce(4, "apples")))
		c.wantAnswers(1, 2, 3, 4)
	})
}

// Where clients do not log in, there are no metrics of that.
func TestNoMetricsWithoutLogins(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]byte(twoClusters))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range filter.Metrics(c) {
		if strings.Contains(m.Name, "login_") && !strings.HasPrefix(m.Name, "cluster.") || strings.HasPrefix(m.Name, "logins.") || strings.Contains(m.Name, "sasl") {
			t.Errorf("there is %s", m.Name)
		}
	}
}
