package secure

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/dialtest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// mistake is a way to the broker that does not lead there, and what the log says of it.
type mistake struct {
	cluster stack.MeshCluster
	said    string
	login   bool // it is with the login
}

func mistakes(t *testing.T, b *broker) map[string]mistake {
	t.Helper()
	ca := map[string]any{"ca": filed(b.ca.file)}
	nobody, nowhere, everywhere, dns := abstract(), abstract(), abstract(), dialtest.ServeDNS(t, nil)
	dialtest.Listen(t, everywhere, nil)
	dialtest.Listen(t, nowhere, func(netip.AddrPort) (net.Conn, error) { return nil, errors.New("nowhere") })
	all := map[string]mistake{
		"wrong password, PLAIN": {
			stack.MeshCluster{Bootstrap: b.Listener("SASL"), SASL: byPassword("MECHANISM_PLAIN", wrongPassword)},
			"the broker refuses our login by PLAIN: wrong user name, password or token", true,
		},
		"wrong password, SCRAM": {
			stack.MeshCluster{Bootstrap: b.Listener("SASLTLS"), TLS: ca, SASL: byPassword("MECHANISM_SCRAM_SHA_512", wrongPassword)},
			"the broker refuses our login by SCRAM-SHA-512: wrong user name, password or token", true,
		},
		"wrong mechanism": {
			stack.MeshCluster{Bootstrap: b.Listener("PLAINONLY"), SASL: byPassword("MECHANISM_SCRAM_SHA_256", password)},
			"the broker does not take logins by SCRAM-SHA-256 on this port", true,
		},
		"login where none is wanted": {
			stack.MeshCluster{Bootstrap: b.Addr(), SASL: byPassword("MECHANISM_PLAIN", password)},
			"the broker wants no login on this port", true,
		},
		"wrong client secret": {
			stack.MeshCluster{Bootstrap: b.Listener("SASLTLS"), TLS: ca, SASL: byTokens(b, wrongPassword)},
			"refuses: 401 Unauthorized invalid_client", true,
		},
	}
	maps.Copy(all, map[string]mistake{
		"unknown authority": {
			cluster: stack.MeshCluster{Bootstrap: b.Listener("TLS"), TLS: map[string]any{"ca": filed(b.unknown.file)}},
			said:    "the broker's certificate is signed by none of the known authorities (those in " + b.unknown.file + ")",
		},
		"system's authorities": {
			cluster: stack.MeshCluster{Bootstrap: b.Listener("TLS"), TLS: map[string]any{"verification": "VERIFICATION_UNSPECIFIED"}},
			said:    "the broker's certificate is signed by none of the known authorities (the system's)",
		},
		"expired certificate": {
			cluster: stack.MeshCluster{Bootstrap: b.Listener("OLD"), TLS: ca},
			said:    "the broker's certificate is not valid now: it is from 2020-01-01 to 2021-01-01",
		},
		"wrong host": {
			cluster: stack.MeshCluster{Bootstrap: b.Listener("WRONGHOST"), TLS: ca},
			said:    "the broker's certificate is not for 127.0.0.1 but for kafka.example.com",
		},
		"no client certificate": {cluster: stack.MeshCluster{Bootstrap: b.Listener("MTLS"), TLS: ca}, said: "it may want a client certificate"},
		"plain text to TLS": {
			cluster: stack.MeshCluster{Bootstrap: b.Listener("TLS")}, said: "it may want TLS or SASL on this port: set security.protocol",
		},
		"TLS to plain text": {cluster: stack.MeshCluster{Bootstrap: b.Addr(), TLS: ca}, said: "it may not speak TLS on this port"},
		"no login": {
			cluster: stack.MeshCluster{Bootstrap: b.Listener("SASL")}, said: "it may want TLS or SASL on this port: set security.protocol",
		},
		"a controller": {cluster: stack.MeshCluster{Bootstrap: b.Controller()}, said: "perhaps a controller's port"},
		"silence": {
			cluster: stack.MeshCluster{Bootstrap: silent(t)},
			said:    "the broker does not answer in time: it took the connection and says nothing; it may want TLS on this port",
		},
		"silence, TLS": {
			cluster: stack.MeshCluster{Bootstrap: silent(t), TLS: ca},
			said:    "it took the connection and says nothing in the TLS handshake; it may not speak TLS on this port",
		},
		"hangs up": {
			cluster: stack.MeshCluster{Bootstrap: hangsUp(t)}, said: "it may want TLS or SASL on this port: set security.protocol",
		},
		"resets": {
			cluster: stack.MeshCluster{Bootstrap: strict(t)}, said: "the broker resets connections at once: is it behind STRICT mTLS? see docs/istio.md",
		},
		"another identity": {
			cluster: stack.MeshCluster{Bootstrap: b.Listener("TLS"), TLS: map[string]any{"ca": filed(b.ca.file), "spiffe_ids": []string{"spiffe://cluster.local/ns/kafka/sa/kafka"}}},
			said:    "the broker's certificate is for localhost, 127.0.0.1, which is none of tls.spiffe_ids",
		},
		"nobody at the socket": {
			cluster: stack.MeshCluster{Bootstrap: b.Addr(), Dial: through(nobody)}, said: "nobody listens on the socket " + nobody + " of dial.proxy_protocol",
		},
		"no socket": {
			cluster: stack.MeshCluster{Bootstrap: b.Listener("TLS"), TLS: ca, Dial: through("/no/such.sock")}, said: "there is no socket /no/such.sock of dial.proxy_protocol",
		},
		"a socket that leads nowhere": {
			cluster: stack.MeshCluster{Bootstrap: b.Addr(), Dial: through(nowhere)}, said: "the connection through " + nowhere + " ended before anything came",
		},
		"silence through a socket": {
			cluster: stack.MeshCluster{Bootstrap: silent(t), Dial: through(everywhere)}, said: "Envoy took the connection at " + everywhere + ", and nothing comes back",
		},
		"a DNS server that does not know": {
			cluster: stack.MeshCluster{Bootstrap: "kafka.mesh.test:9092", Dial: map[string]any{"dns_server": dns.Addr}},
			said:    "the name kafka.mesh.test cannot be resolved: the DNS server " + dns.Addr + " does not know it",
		},
		"no DNS server": {
			cluster: stack.MeshCluster{Bootstrap: "kafka.mesh.test:9092", Dial: map[string]any{"dns_server": "127.0.0.1:1"}},
			said:    "the name kafka.mesh.test cannot be resolved: the DNS server 127.0.0.1:1 cannot be asked",
		},
		"nobody there": {cluster: stack.MeshCluster{Bootstrap: "127.0.0.1:1"}, said: "nobody listens there"},
		"unknown name": {
			cluster: stack.MeshCluster{Bootstrap: "no-such-host.invalid:9092"}, said: "the name no-such-host.invalid cannot be resolved",
		},
	})
	return all
}

// silent is an address where connections are taken, and nothing is said.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes them
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// strict is an address where connections are reset when something comes that is no TLS, as a sidecar under STRICT mTLS does.
func strict(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = conn.Read(make([]byte, 1))
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// hangsUp is an address where connections are taken, and ended.
func hangsUp(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// TestMistakesAreLoggedAtStart are found by Envoy before the first client comes, and said in the log.
func TestMistakesAreLoggedAtStart(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	for name, mistake := range mistakes(t, b) {
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
	for name, mistake := range mistakes(t, b) {
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
		"username":  text("mesh"), "password": filed(file),
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
