package saramaclient_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// What keeps us from being logged in is told from everything else, and each failure names its broker and what may be wrong.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	secured, s := cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "mesh", "right"))
	open, _ := cluster(t)
	controller, _ := cluster(t)
	controller.ControlKey(int16(kmsg.ApiVersions), func(r kmsg.Request) (kmsg.Response, error, bool) {
		controller.KeepControl()
		answer := r.ResponseKind().(*kmsg.ApiVersionsResponse)
		key := kmsg.NewApiVersionsResponseApiKey()
		key.ApiKey, key.MaxVersion = int16(kmsg.ApiVersions), 3
		answer.ApiKeys = append(answer.ApiKeys, key)
		return answer, nil, true
	})
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = deaf.Close() }) // after the subtests
	inline := func(text string) dial.Source { return dial.Source{Inline: text} }
	plain := func(password dial.Source) *dial.SASL {
		return &dial.SASL{Mechanism: dial.Plain, Username: inline("mesh"), Password: password}
	}
	for _, tt := range []struct {
		name, addr string
		settings   dial.Settings
		login      bool
		want       string
	}{
		{"wrong password", secured.ListenAddrs()[0], dial.Settings{SASL: plain(inline("wrong"))}, true, "login"},
		{
			"no such file", secured.ListenAddrs()[0],
			dial.Settings{SASL: plain(dial.Source{File: filepath.Join(t.TempDir(), "none")})},
			true, "the password: ",
		},
		{"nobody there", "127.0.0.1:1", dial.Settings{}, false, "nobody listens there"},
		{"a controller", controller.ListenAddrs()[0], dial.Settings{}, false, "perhaps a controller's port"},
		{"silence", deaf.Addr().String(), dial.Settings{}, false, "says nothing; it may want TLS on this port"},
		{"silence, TLS", deaf.Addr().String(), dial.Settings{TLS: &dial.TLS{}}, false, "says nothing in the TLS handshake; it may not speak TLS"},
		{"works", open.ListenAddrs()[0], dial.Settings{}, false, ""},
		{"logs in", secured.ListenAddrs()[0], dial.Settings{SASL: plain(inline("right"))}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := s
			s.Dial = tt.settings
			timeout := 30 * time.Second
			if strings.HasPrefix(tt.name, "silence") {
				timeout = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			conn, err := newClient(t, s).Dial(ctx, tt.addr)
			if err == nil {
				conn.Close()
			}
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			_, login := errors.AsType[*dial.LoginError](err)
			broker, named := errors.AsType[*link.BrokerError](err)
			if err == nil || !strings.Contains(err.Error(), tt.want) || login != tt.login || !named || broker.Addr != tt.addr {
				t.Errorf("%v, the login's: %t; want %q of %s, the login's: %t", err, login, tt.want, tt.addr, tt.login)
			}
		})
	}
}
