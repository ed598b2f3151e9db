package secure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// withFields is the text of a mesh's configuration with more fields.
func withFields(t *testing.T, m *stack.Mesh, more map[string]any) string {
	t.Helper()
	text, err := m.Config()
	check(t, err)
	fields := map[string]any{}
	check(t, json.Unmarshal([]byte(text), &fields))
	maps.Copy(fields, more)
	all, err := json.Marshal(fields)
	check(t, err)
	return string(all)
}

// oddSubject has what there is to be escaped, turned round and written as numbers in a name.
func oddSubject(t *testing.T) []byte {
	t.Helper()
	part := func(oid asn1.ObjectIdentifier, value any) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: oid, Value: value}
	}
	raw := func(tag int, text string) asn1.RawValue { return asn1.RawValue{Tag: tag, Bytes: []byte(text)} }
	name := pkix.RDNSequence{
		{part(asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, raw(asn1.TagIA5String, "example"))},
		{part(asn1.ObjectIdentifier{2, 5, 4, 10}, "Ünï, \"Co\" <\\>;+")},
		{part(asn1.ObjectIdentifier{2, 5, 4, 11}, "#one"), part(asn1.ObjectIdentifier{2, 5, 4, 12}, "title")},
		{part(asn1.ObjectIdentifier{2, 5, 4, 5}, "17")},
		{part(asn1.ObjectIdentifier{1, 2, 3, 4}, "unknown")},
		{part(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, raw(asn1.TagIA5String, "a@example"))},
		{part(asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, "uid")},
		{part(asn1.ObjectIdentifier{2, 5, 4, 4}, raw(asn1.TagT61String, "M\xfcller")), part(asn1.ObjectIdentifier{2, 5, 4, 42}, raw(asn1.TagBMPString, "\x00J\x00\xf6"))},
		{part(asn1.ObjectIdentifier{2, 5, 4, 3}, " orders ")},
	}
	der, err := asn1.Marshal(name)
	check(t, err)
	return der
}

// principals has clients show their certificates to a mesh, and returns what the access log calls each, by the client's id.
func principals(t *testing.T, host, from string, b *broker, server leaf, clients map[string]leaf) map[string]string {
	t.Helper()
	m := meshOf(t, stack.MeshCluster{Name: "named", Bootstrap: b.Addr()})
	log := filepath.Join(t.TempDir(), "access.log")
	more := map[string]any{
		"authentication": map[string]any{"tls": map[string]any{"from": from}}, "access_log": map[string]any{"path": log, "share": 1},
		"authorization": map[string]any{"rules": []any{map[string]any{
			"effect": "EFFECT_ALLOW", "principals": []string{"*"}, "operations": []string{"OPERATION_ALL"}, "topics": []string{"*"}, "cluster": true,
		}}},
	}
	if host == "serve" {
		more["listen_tls"] = map[string]any{
			"certificate": filed(server.certificate), "key": filed(server.key), "client_ca": filed(b.ca.file), "client_certificate_optional": true,
		}
		m.Text = withFields(t, m, more)
		watched(t, &mesh{stack.Standalone(t, m).Process, m.Addr})
	} else {
		m.Text = withFields(t, m, more)
		config, err := m.Bootstrap()
		check(t, err)
		config = stack.WithTransport(config, stack.ServerTLS(server.certificate, server.key, b.ca.file))
		watched(t, &mesh{stack.Envoy(t, stack.EnvoyOptions{Config: config}).Process, m.Addr})
	}
	for name, own := range clients {
		client := stack.Client(t, m.Addr, kgo.ClientID(name), kgo.DialTLSConfig(shows(t, b.ca, own)), kgo.AllowAutoTopicCreation())
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: "named-" + name, Value: []byte("x")}).FirstErr(); err != nil {
			t.Errorf("%s of %s: %v", name, host, err)
		}
		cancel()
	}
	named := map[string]string{}
	stack.Check(t, stack.Await(t.Context(), "lines of all clients", func() error {
		text, err := os.ReadFile(log)
		for line := range strings.Lines(string(text)) {
			var entry struct {
				Client    string `json:"client_id"`
				Principal string `json:"principal"`
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Principal != "" {
				named[entry.Client] = entry.Principal
			}
		}
		if err == nil && len(named) < len(clients) {
			err = fmt.Errorf("there are those of %v", named)
		}
		return err
	}))
	return named
}

// shows is TLS of a client that shows a certificate, unless that is none.
func shows(t *testing.T, server *signer, own leaf) *tls.Config {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AddCert(server.Certificate)
	if own.Leaf != nil {
		pair, err := tls.LoadX509KeyPair(own.certificate, own.key)
		check(t, err)
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

// TestPrincipalsAreEnvoys has clients with plain and odd certificates connect to an Envoy and to the plain binary, and wants them to be called
// the same.
func TestPrincipalsAreEnvoys(t *testing.T) {
	t.Parallel()
	b, dir := sharedBroker(t), t.TempDir()
	server := b.ca.issue(t, dir, "mesh-server", []string{"127.0.0.1"}, nil)
	uri := func(text string) *url.URL {
		u, err := url.Parse(text)
		check(t, err)
		return u
	}
	clients := map[string]leaf{
		"plain": b.ca.issue(t, dir, "orders", []string{"orders.example", "second.example"}, func(c *x509.Certificate) {
			c.URIs = []*url.URL{uri("spiffe://mesh.example/ns/shop/sa/orders"), uri("https://second.example/")}
		}),
		"odd": b.ca.issue(t, dir, "odd", []string{"*.Example.com"}, func(c *x509.Certificate) {
			c.URIs, c.RawSubject = []*url.URL{{Scheme: "URN", Opaque: "a:%7Eb?c"}}, oddSubject(t)
		}),
		"bare": b.ca.issue(t, dir, "bare", nil, nil),
		"none": {},
	}
	for _, from := range []string{"FROM_URI_SAN", "FROM_DNS_SAN", "FROM_SUBJECT"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			want := principals(t, "envoy", from, b, server, clients)
			if diff := cmp.Diff(want, principals(t, "serve", from, b, server, clients)); diff != "" {
				t.Errorf("(-envoy +serve):\n%s", diff)
			}
			t.Logf("%q", want)
			if want["none"] != "ANONYMOUS" || want["plain"] == "ANONYMOUS" {
				t.Errorf("they are called %q", want)
			}
		})
	}
}

// encryptedClients send a record each with a certificate in a file, and say what has kept it from being stored.
func encryptedClients() map[string]func(ctx context.Context, t *testing.T, addr, ca, own string) error {
	return map[string]func(ctx context.Context, t *testing.T, addr, ca, own string) error{
		"java": func(ctx context.Context, t *testing.T, addr, ca, own string) error {
			t.Helper()
			clients, err := stack.Clients(ctx)
			stack.Check(t, err)
			file := filepath.Join(t.TempDir(), "client.properties")
			write(t, file, fmt.Appendf(nil, "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=%s\n"+
				"ssl.keystore.type=PEM\nssl.keystore.location=%s\nmax.block.ms=15000\n", ca, own))
			tool := exec.CommandContext(ctx, "java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
				"-cp", filepath.Join(clients, "tools-4.3.1", "libs", "*"), "org.apache.kafka.tools.ConsoleProducer",
				"--bootstrap-server", addr, "--topic", "encrypted-java", "--command-config", file)
			tool.Stdin = strings.NewReader("x\n")
			said, err := tool.CombinedOutput()
			if err == nil && strings.Contains(string(said), "ERROR") {
				err = errors.New("it failed")
			}
			if err != nil {
				return fmt.Errorf("%w: %.400s", err, said)
			}
			return nil
		},
		"confluent-kafka": func(ctx context.Context, t *testing.T, addr, ca, own string) error {
			t.Helper()
			clients, err := stack.Clients(ctx)
			stack.Check(t, err)
			program := exec.CommandContext(ctx, "python3", "testdata/produce.py", "encrypted-librdkafka", "bootstrap.servers="+addr,
				"security.protocol=SSL", "ssl.ca.location="+ca, "ssl.certificate.location="+own, "ssl.key.location="+own)
			program.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(clients, "python"))
			said, err := program.CombinedOutput()
			if err == nil && !strings.Contains(string(said), "stored") {
				err = errors.New(strings.TrimSpace(string(said)))
			}
			return err
		},
	}
}

// TestClientsSpeakTLS has clients store records through the plain binary by TLS, with a certificate that it takes, and with a stranger's.
func TestClientsSpeakTLS(t *testing.T) {
	t.Parallel()
	b, dir := sharedBroker(t), t.TempDir()
	server := b.ca.issue(t, dir, "mesh-server", []string{"127.0.0.1"}, nil)
	right := b.ca.issue(t, dir, "orders", nil, nil)
	wrong := newSigner(t, dir, "strangers").issue(t, dir, "stranger", nil, nil)
	m := meshOf(t, stack.MeshCluster{Name: "encrypted", Bootstrap: b.Addr()})
	m.Text = withFields(t, m, map[string]any{"listen_tls": map[string]any{
		"certificate": filed(server.certificate), "key": filed(server.key), "client_ca": filed(b.ca.file),
	}})
	running := watched(t, &mesh{stack.Standalone(t, m).Process, m.Addr})
	for name, send := range encryptedClients() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := send(ctx, t, m.Addr, b.ca.file, right.both); err != nil {
				t.Errorf("with a certificate: %v; the log:\n%s", err, running.Log())
			}
			if err := send(ctx, t, m.Addr, b.ca.file, wrong.both); err == nil {
				t.Error("with a stranger's certificate: the record is stored")
			} else {
				t.Logf("with a stranger's certificate: %v", err)
			}
		})
	}
}

// TestListenTLSFollowsFiles replaces the certificate under a load: nobody fails, and who connects then is shown the new one. What cannot be
// used leaves the old one.
func TestListenTLSFollowsFiles(t *testing.T) {
	t.Parallel()
	b, dir := sharedBroker(t), t.TempDir()
	server := b.ca.issue(t, dir, "mesh-server", []string{"127.0.0.1"}, nil)
	m := meshOf(t, stack.MeshCluster{Name: "followed", Bootstrap: b.Addr()})
	m.Text = withFields(t, m, map[string]any{"listen_tls": map[string]any{"certificate": filed(server.certificate), "key": filed(server.key)}})
	running := watched(t, &mesh{stack.Standalone(t, m).Process, m.Addr})
	l := running.startLoad(t, "followed-a", kgo.DialTLSConfig(shows(t, b.ca, leaf{})))
	l.wantMore(t, 1)
	write(t, server.key, []byte("no key"))
	running.wantLog(t, "what was there before stays")
	dialled := func(ca *signer) error {
		client := stack.Client(t, m.Addr, kgo.DialTLSConfig(shows(t, ca, leaf{})))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return client.Ping(ctx)
	}
	if err := dialled(b.ca); err != nil {
		t.Errorf("with a file that is no key: %v", err)
	}
	others := newSigner(t, dir, "others")
	next := others.issue(t, dir, "next", []string{"127.0.0.1"}, nil)
	write(t, server.certificate, slices.Clone(next.Certificate))
	write(t, server.key, slices.Clone(next.Key))
	running.wantLog(t, "what clients' connections are encrypted with was read")
	stack.Check(t, stack.Await(t.Context(), "the new certificate", func() error { return dialled(others) }))
	l.wantMore(t, 10)
	l.finish(t, b)
}
