package secure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestPlainIsForTLS has clients send passwords as they are to an Envoy with TLS and to one without: the latter does not offer that.
func TestPlainIsForTLS(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	server := b.ca.issue(t, t.TempDir(), "mesh-server", []string{"127.0.0.1"}, nil)
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(b.ca.PEM)
	for name, encrypted := range map[string]bool{"tls": true, "plaintext": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := meshOf(t, stack.MeshCluster{Name: "logins", Bootstrap: b.Addr()})
			m.Logins = loginsOf(t, b, nil)
			config, err := m.Bootstrap()
			check(t, err)
			options := []kgo.Opt{
				kgo.AllowAutoTopicCreation(), kgo.SASL(plain.Auth{User: "mesh", Pass: password}.AsMechanism()), kgo.RecordDeliveryTimeout(10 * time.Second),
			}
			if encrypted {
				config = stack.WithTransport(config, stack.ServerTLS(server.certificate, server.key, ""))
				options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: authorities}))
			}
			envoy := watched(t, &mesh{stack.Envoy(t, stack.EnvoyOptions{Config: config}).Process, m.Addr})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			client := stack.Client(t, m.Addr, options...)
			err = client.ProduceSync(ctx, &kgo.Record{Topic: "logins-tls", Value: []byte("x")}).FirstErr()
			if encrypted != (err == nil) {
				t.Errorf("with a password: %v; the log:\n%s", err, envoy.Log())
			}
			if !encrypted {
				envoy.wantLog(t, "PLAIN is for connections with TLS")
			}
		})
	}
}

// TestCertificateNamesClient has a client show Envoy a certificate, and rules that let its name, and no other, do something.
func TestCertificateNamesClient(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	server := b.ca.issue(t, t.TempDir(), "mesh-server", []string{"127.0.0.1"}, nil)
	const name = "spiffe://mesh.example/ns/shop/sa/orders"
	own := b.ca.issue(t, t.TempDir(), "orders", []string{"orders.example"}, func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "mesh.example", Path: "/ns/shop/sa/orders"}}
	})
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(b.ca.PEM)
	m := meshOf(t, stack.MeshCluster{Name: "logins", Bootstrap: b.Addr()})
	m.Authorized = []map[string]any{{"effect": "EFFECT_ALLOW", "principals": []string{name}, "operations": []string{"OPERATION_ALL"}, "topics": []string{"*"}, "cluster": true}}
	text, err := m.Config()
	check(t, err)
	m.Text = strings.Replace(text, "{", `{"authentication": {"tls": {"from": "FROM_URI_SAN"}}, `, 1)
	config, err := m.Bootstrap()
	check(t, err)
	config = stack.WithTransport(config, stack.ServerTLS(server.certificate, server.key, b.ca.file))
	envoy := watched(t, &mesh{stack.Envoy(t, stack.EnvoyOptions{Config: config}).Process, m.Addr})
	pair, err := tls.LoadX509KeyPair(own.certificate, own.key)
	check(t, err)
	for who, certificates := range map[string][]tls.Certificate{"orders": {pair}, "nobody": nil} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		client := stack.Client(t, m.Addr, kgo.AllowAutoTopicCreation(), kgo.RecordDeliveryTimeout(10*time.Second),
			kgo.DialTLSConfig(&tls.Config{RootCAs: authorities, Certificates: certificates}))
		err := client.ProduceSync(ctx, &kgo.Record{Topic: "logins-certified", Value: []byte("x")}).FirstErr()
		if (certificates != nil) != (err == nil) {
			t.Errorf("%s: %v; the log:\n%s", who, err, envoy.Log())
		}
		cancel()
	}
}
