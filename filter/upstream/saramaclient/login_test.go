package saramaclient_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
)

// loggedInBy has a cluster's logins done by our own server, one at a time.
func loggedInBy(c *kfake.Cluster, s *login.Server) {
	var exchange login.Exchange
	c.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
		answer.SupportedMechanisms = s.Names()
		var offered bool
		if exchange, offered = s.Begin(r.(*kmsg.SASLHandshakeRequest).Mechanism); !offered {
			answer.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		}
		return answer, nil, true
	})
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		token, who, err := exchange.Step(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		answer.SASLAuthBytes = token
		if f, refused := errors.AsType[*login.Failure](err); refused {
			answer.ErrorCode, answer.ErrorMessage = kerr.SaslAuthenticationFailed.Code, &f.Message
		}
		if who != nil && !who.Expires.IsZero() {
			answer.SessionLifetimeMillis = time.Until(who.Expires).Milliseconds()
		}
		return answer, nil, true
	})
}

// A mesh can be a cluster of another one: what sarama says to log in is what our own server understands.
func TestLogsInToOurOwnServer(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, content string) dial.Source {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return dial.Source{File: path}
	}
	encode := base64.RawURLEncoding.EncodeToString
	token := func(audience string) string {
		text := encode([]byte(`{"alg":"EdDSA"}`)) + "." +
			encode(fmt.Appendf(nil, `{"sub":"mesh","aud":%q,"exp":%d}`, audience, time.Now().Add(time.Hour).Unix()))
		return text + "." + encode(ed25519.Sign(private, []byte(text)))
	}
	var users login.UsersFile
	line := login.User{Name: "mesh"}
	for _, mechanism := range []string{login.ScramSHA256, login.ScramSHA512} {
		v, err := login.NewVerifier(mechanism, "right", login.MinIterations)
		if err != nil {
			t.Fatal(err)
		}
		line.Verifiers = append(line.Verifiers, v)
	}
	if _, err := users.Set(line); err != nil {
		t.Fatal(err)
	}
	server, err := login.New(login.Settings{
		Mechanisms: []string{login.Plain, login.ScramSHA256, login.ScramSHA512, login.OAuthBearer},
		UsersFile:  write("users", string(users.Encode())).File,
		Tokens: &login.TokenSettings{
			KeysFile:  write("keys", `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"`+encode(public)+`"}]}`).File,
			Audiences: []string{"kafka"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	inline := func(text string) dial.Source { return dial.Source{Inline: text} }
	for _, tt := range []struct {
		mechanism dial.Mechanism
		password  string // or the audience of a token
		fine      bool
	}{
		{dial.Plain, "right", true},
		{dial.Plain, "wrong", false},
		{dial.SCRAM256, "right", true},
		{dial.SCRAM256, "wrong", false},
		{dial.SCRAM512, "right", true},
		{dial.SCRAM512, "wrong", false},
		{dial.OAuthBearer, "kafka", true},
		{dial.OAuthBearer, "others", false},
	} {
		t.Run(string(tt.mechanism)+" "+tt.password, func(t *testing.T) {
			t.Parallel()
			c, s := cluster(t)
			loggedInBy(c, server)
			s.Dial.SASL = &dial.SASL{Mechanism: tt.mechanism, Username: inline("mesh"), Password: inline(tt.password)}
			if tt.mechanism == dial.OAuthBearer {
				s.Dial.SASL = &dial.SASL{Mechanism: tt.mechanism, OAuth: &dial.OAuth{
					TokenFile: inline(token(tt.password)), Extensions: map[string]string{"logicalCluster": "x"},
				}}
			}
			conn, err := newClient(t, s).Dial(t.Context(), c.ListenAddrs()[0])
			if err == nil {
				conn.Close()
			}
			_, refused := errors.AsType[*dial.LoginError](err)
			if tt.fine && err != nil || !tt.fine && (!refused || !strings.Contains(err.Error(), "refuses our login by "+string(tt.mechanism))) {
				t.Errorf("Dial = %v, want it refused: %t", err, !tt.fine)
			}
		})
	}
}
