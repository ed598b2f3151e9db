package redirect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// name is by what clients call the mesh where they use TLS.
const name = "kafka.orders.example.com"

// mesh is an Envoy's mesh without an advertised address, before an embedded cluster.
func mesh(t *testing.T) string {
	t.Helper()
	cluster := stack.Fake(t, stack.FakeOptions{})
	return fmt.Sprintf(`{upstream_clusters: [{cluster_name: main, bootstrap_servers: %q}], forwarding_rules: [{target_cluster: main, topic_prefix: ""}]}`, cluster.Addr())
}

// listenerFilters are those of a listener, by name.
func listenerFilters(names ...string) string {
	classes := map[string]string{"original_dst": "OriginalDst", "tls_inspector": "TlsInspector"}
	all := make([]map[string]any, 0, len(names))
	for _, n := range names {
		all = append(all, map[string]any{"name": "envoy.filters.listener." + n, "typed_config": map[string]any{
			"@type": "type.googleapis.com/envoy.extensions.filters.listener." + n + ".v3." + classes[n],
		}})
	}
	text, _ := json.Marshal(all) // texts can always be marshaled
	return string(text)
}

// address is one for Envoy.
func address(host string, port int, both bool) string {
	return fmt.Sprintf("{socket_address: {address: %q, port_value: %d, ipv4_compat: %t}}", host, port, both)
}

const nowhere = `{name: envoy.filters.network.tcp_proxy, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: nowhere, cluster: nowhere}}`

// bootstrap is an Envoy's with some listeners.
func bootstrap(listeners ...string) string {
	text := "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\nstatic_resources:\n  clusters: [{name: nowhere, type: STATIC, connect_timeout: 1s}]\n  listeners:\n"
	var all strings.Builder
	all.WriteString(text)
	for i, l := range listeners {
		fmt.Fprintf(&all, "  - {name: listener-%d, %s}\n", i, l)
	}
	return all.String()
}

// chain is a filter chain with the mesh, on a transport socket if one is given.
func chain(mesh, transport string) string {
	if transport != "" {
		transport = "transport_socket: " + transport + ", "
	}
	return fmt.Sprintf(`{%sfilters: [{name: envoy.filters.network.dynamic_modules, typed_config: {
      "@type": type.googleapis.com/envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter,
      dynamic_module_config: {name: kafkamesh, metrics_namespace: kafkamesh}, filter_name: kafka_mesh, terminal_filter: true, filter_config: %s}}]}`,
		transport, stack.AsStruct(mesh))
}

// TestRedirected has clients dial virtual addresses, which are redirected to Envoy: they are told what they dialled, and can produce there.
//
//nolint:paralleltest // all is redirected to one port
func TestRedirected(t *testing.T) {
	alone(t)
	port := strconv.Itoa(virtualPort)
	virtual := map[string]string{"IPv4": net.JoinHostPort(virtual4, port), "IPv6": net.JoinHostPort(virtual6, port)}
	ca, err := authority.New("ca")
	stack.Check(t, err)
	transport := stack.IssuedTLS(t, ca, name)
	for _, tc := range []struct {
		name      string
		listeners func(mesh string) []string
		tls       bool
	}{
		{name: "the listener restores it", listeners: func(mesh string) []string {
			return []string{fmt.Sprintf("address: %s, listener_filters: %s, filter_chains: [%s]", address("::", inboundPort, true), listenerFilters("original_dst"), chain(mesh, ""))}
		}},
		{name: "a listener for the virtual address", listeners: func(mesh string) []string {
			return []string{
				fmt.Sprintf("address: %s, use_original_dst: true, filter_chains: [{filters: [%s]}]", address("::", inboundPort, true), nowhere),
				fmt.Sprintf("address: %s, bind_to_port: false, filter_chains: [%s]", address(virtual4, virtualPort, false), chain(mesh, "")),
				fmt.Sprintf("address: %s, bind_to_port: false, filter_chains: [%s]", address(virtual6, virtualPort, false), chain(mesh, "")),
			}
		}},
		{name: "TLS by name", tls: true, listeners: func(mesh string) []string {
			return []string{fmt.Sprintf("address: %s, listener_filters: %s, filter_chains: [%s]", address("::", inboundPort, true), listenerFilters("original_dst", "tls_inspector"), chain(mesh, transport))}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stack.Envoy(t, stack.EnvoyOptions{Config: bootstrap(tc.listeners(mesh(t))...)})
			for family, addr := range virtual {
				t.Run(family, func(t *testing.T) {
					if tc.tls {
						wantTold(t, addr, net.JoinHostPort(name, port), byName(ca, addr))
						return
					}
					wantTold(t, addr, addr, plain)
				})
			}
		})
	}
}

// TestNotRedirected has clients dial addresses that Envoy listens on itself.
func TestNotRedirected(t *testing.T) {
	t.Parallel()
	alone(t)
	for _, tc := range []struct{ listen, dial string }{
		{"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"0.0.0.0", "127.0.0.1"}, {"0.0.0.0", "10.78.0.1"}, {"::", "::1"}, {"::", "fd00:78::1"}, {"::", "10.78.0.1"},
	} {
		t.Run(tc.listen+" by "+tc.dial, func(t *testing.T) {
			t.Parallel()
			port, err := stack.FreePort()
			stack.Check(t, err)
			stack.Envoy(t, stack.EnvoyOptions{Config: bootstrap(fmt.Sprintf("address: %s, filter_chains: [%s]", address(tc.listen, port, tc.listen == "::"), chain(mesh(t), "")))})
			addr := net.JoinHostPort(tc.dial, strconv.Itoa(port))
			wantTold(t, addr, addr, plain)
		})
	}
}

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// plain dials what it is told to.
func plain(ctx context.Context, network, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// byName dials a virtual address whatever it is told to, which is the name of the mesh, and uses that in TLS.
func byName(ca *authority.Authority, virtual string) dialer {
	trusted := x509.NewCertPool()
	trusted.AddCert(ca.Certificate)
	d := tls.Dialer{Config: &tls.Config{ServerName: name, RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, virtual)
	}
}

// wantTold sees which address a client of addr is told, and that it can produce there.
func wantTold(t *testing.T, addr, want string, dial dialer) {
	t.Helper()
	client := stack.Client(t, addr, kgo.Dialer(dial), kgo.AllowAutoTopicCreation())
	answer, err := rawkafka.Metadata("apples").RequestWith(t.Context(), client)
	stack.Check(t, err)
	b := answer.Brokers[0]
	if got := net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))); got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	stack.Check(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "apples", Value: []byte("one")}).FirstErr())
}
