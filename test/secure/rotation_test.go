package secure

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const renewed = "certificates or passwords have been replaced; connecting anew"

// TestRotationLosesNothing replaces a client certificate and a password while two clients produce, one of which is not idempotent: no
// record fails, and all are stored once and in order.
func TestRotationLosesNothing(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	dir := t.TempDir()
	first := b.ca.issue(t, dir, "client", nil, nil)
	secret := filepath.Join(dir, "password")
	write(t, secret, []byte(password))
	m := start(t,
		stack.MeshCluster{Name: "rotatedtls", Bootstrap: b.Listener("MTLS"), TLS: map[string]any{
			"ca": filed(b.ca.file), "certificate": filed(first.certificate), "key": filed(first.key),
		}},
		stack.MeshCluster{Name: "rotatedsasl", Bootstrap: b.Listener("SASLTLS"), TLS: map[string]any{"ca": filed(b.ca.file)}, SASL: map[string]any{
			"mechanism": "MECHANISM_SCRAM_SHA_512", "username": text("rotated"), "password": filed(secret),
		}},
	)
	setPassword(t, b, "rotated", password)
	loads := []*load{
		m.startLoad(t, "rotatedtls-a"),
		m.startLoad(t, "rotatedsasl-a", kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1)),
	}
	wantMore(t, loads, 100)
	second := b.ca.issue(t, dir, "client-2", nil, nil)
	move(t, second.key, first.key) // there is a moment in which they do not belong together
	move(t, second.certificate, first.certificate)
	setPassword(t, b, "rotated", secondPassword)
	write(t, secret, []byte(secondPassword))
	stack.Wait(t, "new connections for each cluster", func() error {
		if n := strings.Count(m.Log(), renewed); n < 2 {
			return fmt.Errorf("%d times it is said that there are", n)
		}
		return nil
	})
	m.wantLog(t, "cluster=rotatedtls")
	m.wantLog(t, "cluster=rotatedsasl")
	wantMore(t, loads, 100)
	for _, l := range loads {
		l.finish(t, b)
	}
	if strings.Contains(m.Log(), "a broker") {
		t.Errorf("a connection was lost:\n%s", m.Log())
	}
}

// TestBadRotationKeepsConnections replaces a password by a wrong one: the connections that are there go on.
func TestBadRotationKeepsConnections(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	secret := filepath.Join(t.TempDir(), "password")
	write(t, secret, []byte(password))
	m := start(t, stack.MeshCluster{Name: "badrotation", Bootstrap: b.Listener("SASL"), SASL: map[string]any{
		"mechanism": "MECHANISM_PLAIN", "username": text("mesh"), "password": filed(secret),
	}})
	l := m.startLoad(t, "badrotation-a")
	l.wantMore(t, 100)
	write(t, secret, []byte(wrongPassword))
	m.wantLog(t, "the broker refuses our login by PLAIN")
	write(t, secret, []byte(password))
	l.wantMore(t, 100)
	l.finish(t, b)
}

// session is how long a login by the listener SHORT is good. The broker ends it then.
const session = 3 * time.Second

// TestConnectionsAreReplacedBeforeLoginsEnd has the broker end every login after a session: connections are replaced before, and
// no record fails.
func TestConnectionsAreReplacedBeforeLoginsEnd(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	ca := map[string]any{"ca": filed(b.ca.file)}
	var clusters []stack.MeshCluster
	for name, mechanism := range map[string]string{
		"shortplain": "MECHANISM_PLAIN", "shortscram256": "MECHANISM_SCRAM_SHA_256", "shortscram512": "MECHANISM_SCRAM_SHA_512",
	} {
		clusters = append(clusters, stack.MeshCluster{Name: name, Bootstrap: b.Listener("SHORT"), TLS: ca, SASL: byPassword(mechanism, password)})
	}
	clusters = append(clusters, stack.MeshCluster{
		Name: "shortoauth", Bootstrap: b.Listener("SHORT"), TLS: ca, SASL: byTokens(b, clientSecret),
	}, stack.MeshCluster{Name: "shortassertion", Bootstrap: b.Listener("SHORT"), TLS: ca, SASL: map[string]any{
		"mechanism": "MECHANISM_OAUTHBEARER", "oauth": map[string]any{"token_url": b.tokens.url + "/token", "scope": "produce", "assertion": map[string]any{
			"private_key": filed(b.own.key), "algorithm": "ALGORITHM_ES256", "subject": "mesh", "audience": b.tokens.url,
		}},
	}})
	m := start(t, clusters...)
	var loads []*load
	for _, c := range clusters {
		loads = append(loads, m.startLoad(t, c.Name+"-a"))
	}
	time.Sleep(3*session + time.Second) // the broker counts time, so it has to pass
	wantMore(t, loads, 1)
	for _, l := range loads {
		l.finish(t, b)
	}
	if strings.Contains(m.Log(), "a broker") {
		t.Errorf("a connection was lost:\n%s", m.Log())
	}
}

func wantMore(t *testing.T, loads []*load, records int64) {
	t.Helper()
	for _, l := range loads {
		l.wantMore(t, records)
	}
}

// setPassword gives a user a password for SCRAM-SHA-512.
func setPassword(t *testing.T, b *broker, user, password string) {
	t.Helper()
	client := stack.Client(t, b.Addr())
	const iterations = 4096
	upsert := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	upsert.Name, upsert.Mechanism, upsert.Iterations, upsert.Salt = user, 2, iterations, []byte("salt")
	salted, err := pbkdf2.Key(sha512.New, password, upsert.Salt, iterations, sha512.Size)
	check(t, err)
	upsert.SaltedPassword = salted
	req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	req.Upsertions = append(req.Upsertions, upsert)
	answer, err := req.RequestWith(t.Context(), client)
	check(t, err)
	for _, r := range answer.Results {
		check(t, kerr.ErrorForCode(r.ErrorCode))
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	check(t, os.Rename(from, to))
}
