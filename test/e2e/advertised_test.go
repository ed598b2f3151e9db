package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// dial is how a client reaches a listener.
type dial = func(ctx context.Context, network, addr string) (net.Conn, error)

// TestWithoutAdvertisedAddress: a client is told what it dialled, as far as Envoy has read it from its connection.
func TestWithoutAdvertisedAddress(t *testing.T) {
	t.Parallel()
	const name, port = "orders.kafka.example.com", 9999
	ca, err := authority.New("ca")
	stack.Check(t, err)
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(ca.PEM)
	direct := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	for _, c := range []struct {
		name, filter string
		tls          string // of the filter chain
		dial         dial
		host         string // that clients are told; the address of the listener if empty
		port         int32
	}{
		{name: "plain", dial: direct},
		{
			name: "TLS", filter: "tls_inspector", tls: stack.IssuedTLS(t, ca, name), host: name,
			dial: (&tls.Dialer{Config: &tls.Config{ServerName: name, RootCAs: trusted, MinVersion: tls.VersionTLS12}}).DialContext,
		},
		{
			name: "PROXY protocol", filter: "proxy_protocol", host: "192.0.2.7", port: port,
			dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := direct(ctx, network, addr)
				if err == nil {
					_, err = fmt.Fprintf(conn, "PROXY TCP4 192.0.2.1 192.0.2.7 1111 %d\r\n", port)
				}
				return conn, err
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr := stack.Addr(t)
			stack.Envoy(t, stack.EnvoyOptions{Config: withoutAddress(t, addr, c.filter, c.tls)})
			client := stack.Client(t, addr, kgo.Dialer(c.dial))
			answer, err := rawkafka.Metadata("apples").RequestWith(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			host, port := wantAddress(t, addr, c.host, c.port)
			if b := answer.Brokers[0]; b.Host != host || b.Port != port {
				t.Errorf("told %s:%d, want %s:%d", b.Host, b.Port, host, port)
			}
		})
	}
}

// wantAddress is the address of the listener, with what is given in its place.
func wantAddress(t *testing.T, addr, host string, port int32) (string, int32) {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp", addr)
	stack.Check(t, err)
	if host == "" {
		host = at.IP.String()
	}
	if port == 0 {
		port = int32(at.Port)
	}
	return host, port
}

// withoutAddress is a bootstrap with a mesh that has no advertised address, behind a listener filter if one is named.
func withoutAddress(t *testing.T, addr, filter, transport string) string {
	t.Helper()
	cluster := stack.Fake(t, stack.FakeOptions{})
	config := fmt.Sprintf(`{upstream_clusters: [{cluster_name: main, bootstrap_servers: %q}], forwarding_rules: [{target_cluster: main, topic_prefix: ""}]}`, cluster.Addr())
	text := stack.Bootstrap(addr, stack.AsStruct(config))
	if filter != "" {
		class := map[string]string{"tls_inspector": "TlsInspector", "proxy_protocol": "ProxyProtocol"}[filter]
		filters := fmt.Sprintf(`listener_filters: [{name: %[1]s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.%[1]s.v3.%[2]s}}], filter_chains: [{`, filter, class)
		text = strings.Replace(text, "filter_chains: [{", filters, 1)
	}
	if transport != "" {
		text = stack.WithTransport(text, transport)
	}
	return text
}
