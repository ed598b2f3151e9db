package secure

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// mistakes are ways to the broker that do not lead there, and what the log says of each.
func mistakes(b *broker) map[string]struct {
	cluster stack.MeshCluster
	said    string
} {
	file := func(name string) map[string]any { return map[string]any{"filename": name} }
	text := func(content string) map[string]any { return map[string]any{"inline_string": content} }
	ca := map[string]any{"ca": file(b.ca.file)}
	login := func(mechanism, password string) map[string]any {
		return map[string]any{"mechanism": mechanism, "username": text("mesh"), "password": text(password)}
	}
	type mistake = struct {
		cluster stack.MeshCluster
		said    string
	}
	return map[string]mistake{
		"wrong password, PLAIN": {
			stack.MeshCluster{Bootstrap: b.Listener("SASL"), SASL: login("MECHANISM_PLAIN", wrongPassword)},
			"the broker refuses our login by PLAIN: wrong user name, password or token",
		},
		"wrong password, SCRAM": {
			stack.MeshCluster{Bootstrap: b.Listener("SASLTLS"), TLS: ca, SASL: login("MECHANISM_SCRAM_SHA_512", wrongPassword)},
			"the broker refuses our login by SCRAM-SHA-512: wrong user name, password or token",
		},
		"wrong client secret": {
			stack.MeshCluster{Bootstrap: b.Listener("SASLTLS"), TLS: ca, SASL: map[string]any{"mechanism": "MECHANISM_OAUTHBEARER", "oauth": map[string]any{
				"token_url": b.tokens.url + "/token", "client_id": text("mesh"), "client_secret": text(wrongPassword),
			}}},
			"refuses: 401 Unauthorized invalid_client",
		},
		"unknown authority": {
			stack.MeshCluster{Bootstrap: b.Listener("TLS"), TLS: map[string]any{"ca": file(b.unknown.file)}},
			"the broker's certificate is signed by none of the known authorities (those in " + b.unknown.file + ")",
		},
		"system's authorities": {
			stack.MeshCluster{Bootstrap: b.Listener("TLS"), TLS: map[string]any{"verification": "VERIFICATION_UNSPECIFIED"}},
			"the broker's certificate is signed by none of the known authorities (the system's)",
		},
		"expired certificate": {
			stack.MeshCluster{Bootstrap: b.Listener("OLD"), TLS: ca},
			"the broker's certificate is not valid now: it is from 2020-01-01 to 2021-01-01",
		},
		"wrong host": {
			stack.MeshCluster{Bootstrap: b.Listener("WRONGHOST"), TLS: ca},
			"the broker's certificate is not for 127.0.0.1 but for kafka.example.com",
		},
		"no client certificate": {
			stack.MeshCluster{Bootstrap: b.Listener("MTLS"), TLS: ca},
			"it may want a client certificate",
		},
		"plain text to TLS": {
			stack.MeshCluster{Bootstrap: b.Listener("TLS")},
			"it may want TLS or SASL on this port: set security.protocol",
		},
		"TLS to plain text": {
			stack.MeshCluster{Bootstrap: b.Addr(), TLS: ca},
			"it may not speak TLS on this port",
		},
		"no login": {
			stack.MeshCluster{Bootstrap: b.Listener("SASL")},
			"it may want TLS or SASL on this port: set security.protocol",
		},
		"nobody there": {
			stack.MeshCluster{Bootstrap: "127.0.0.1:1"},
			"nobody listens there",
		},
		"unknown name": {
			stack.MeshCluster{Bootstrap: "no-such-host.invalid:9092"},
			"the name no-such-host.invalid cannot be resolved",
		},
	}
}

// TestMistakesAreLoggedAtStart are found by Envoy before the first client comes, and said in the log.
func TestMistakesAreLoggedAtStart(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	for name, mistake := range mistakes(b) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mistake.cluster.Name = "mistake"
			start(t, mistake.cluster).wantLog(t, mistake.said)
		})
	}
}

// TestMistakesAreRefusedWhereVerified has the same mistakes refused when the configuration says that it is to be verified.
func TestMistakesAreRefusedWhereVerified(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	good := stack.MeshCluster{Name: "good", Bootstrap: b.Addr()}
	for name, mistake := range mistakes(b) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mistake.cluster.Name = "mistake"
			m := meshOf(t, good, mistake.cluster)
			m.Verify = true
			envoy, err := stack.StartEnvoy(t.Context(), stack.EnvoyOptions{Mesh: m})
			if err == nil {
				envoy.Close()
				t.Fatal("the configuration was taken")
			}
			wantNoSecret(t, err.Error())
			if !strings.Contains(err.Error(), `upstream_clusters[1]: cannot reach "mistake"`) || !strings.Contains(err.Error(), mistake.said) {
				t.Errorf("Envoy says\n%v\nwant %q", err, mistake.said)
			}
		})
	}
	m := meshOf(t, good)
	m.Verify = true
	stack.Envoy(t, stack.EnvoyOptions{Mesh: m})
}

// TestMendedPasswordStoresWhatWaited has a client produce while the password is wrong. The broker is not stormed with
// connections, and once the password is right everything is stored.
func TestMendedPasswordStoresWhatWaited(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	counted := stack.NewRelay(t, nil)
	counted.Aim(b.Listener("SASL"))
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, []byte(wrongPassword+"\n"))
	m := start(t, stack.MeshCluster{Name: "mended", Bootstrap: counted.Addr(), SASL: map[string]any{
		"mechanism": "MECHANISM_SCRAM_SHA_256",
		"username":  map[string]any{"inline_string": "mesh"}, "password": map[string]any{"filename": file},
	}})
	client := stack.Client(t, m.addr, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1))
	const records = 50
	failures := make(chan error, records)
	for i := range records {
		client.Produce(t.Context(), &kgo.Record{Topic: "mended-a", Value: []byte(strconv.Itoa(i))}, func(_ *kgo.Record, err error) { failures <- err })
	}
	m.wantLog(t, "the broker refuses our login by SCRAM-SHA-256")
	const watched = 3 * time.Second
	time.Sleep(watched) // to see what it does meanwhile
	// Two workers and the probe, each of which waits twice as long after each failure.
	if n := counted.Accepted(); n > 60 {
		t.Errorf("%d connections in %s", n, watched)
	}
	t.Logf("%d connections while the password was wrong", counted.Accepted())
	write(t, file, []byte(password+"\n"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	check(t, client.Flush(ctx))
	for range records {
		if err := <-failures; err != nil {
			t.Errorf("a record failed: %v", err)
		}
	}
	verify(t, b.KafkaCluster, "mended-a", records)
}
