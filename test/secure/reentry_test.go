package secure

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/dialtest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var sockets atomic.Int32

// abstract is the name of a socket that nobody else has.
func abstract() string { return fmt.Sprintf("@kafkamesh-secure-%d-%d", os.Getpid(), sockets.Add(1)) }

// through is the field dial of a cluster whose brokers are reached through a socket.
func through(socket string) map[string]any {
	return map[string]any{"proxy_protocol": map[string]any{"socket": socket}}
}

// egress is an Envoy's listener on a socket, which restores the broker's address from the header; and the cluster that connects there.
const (
	egress = `{name: egress, address: {pipe: {path: %q}}, use_original_dst: %t,
    listener_filters: [{name: envoy.filters.listener.proxy_protocol, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol}}],
    filter_chains: [{filters: [%s]}]}`
	tcpProxy = `{name: envoy.filters.network.tcp_proxy, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: %s, cluster: %s}}`
	clusters = `
  clusters:
  - {name: brokers, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 5s}
  - {name: nowhere, type: STATIC, connect_timeout: 5s}
`
)

// ownCluster is what Envoy has beside the mesh where connections go on to a cluster of our own.
func ownCluster(socket string) string {
	return "  - " + fmt.Sprintf(egress, socket, false, fmt.Sprintf(tcpProxy, "egress", "brokers")) + clusters
}

// meshListeners is what Envoy has where they are handed to the listeners that a mesh has for its addresses, as Istio's sidecars have.
func meshListeners(socket string, brokers ...string) string {
	var text strings.Builder
	text.WriteString("  - " + fmt.Sprintf(egress, socket, true, fmt.Sprintf(tcpProxy, "nowhere", "nowhere")))
	for i, addr := range brokers {
		host, port, _ := net.SplitHostPort(addr)
		fmt.Fprintf(&text, "\n  - {name: broker-%d, address: {socket_address: {address: %s, port_value: %s}}, bind_to_port: false, filter_chains: [{filters: [%s]}]}",
			i, host, port, fmt.Sprintf(tcpProxy, "egress", "brokers"))
	}
	return text.String() + clusters
}

// TestReentry has the mesh in an Envoy reach Kafka through a socket of the same Envoy: in plain text, with TLS, and with TLS and a login
// inside.
func TestReentry(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	for name, tc := range map[string]struct {
		socket string
		beside func(socket string) string
	}{
		"own cluster, abstract socket":   {abstract(), ownCluster},
		"mesh's listeners, a path":       {filepath.Join(t.TempDir(), "mesh.sock"), func(s string) string { return meshListeners(s, b.Addr(), b.Listener("TLS"), b.Listener("SASLTLS")) }},
		"own cluster, a path":            {filepath.Join(t.TempDir(), "mesh.sock"), ownCluster},
		"mesh's listeners, by an @ name": {abstract(), func(s string) string { return meshListeners(s, b.Addr(), b.Listener("TLS"), b.Listener("SASLTLS")) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prefix := "reentry" + strconv.Itoa(int(sockets.Add(1)))
			m := meshOf(t, reentering(b, prefix, tc.socket)...)
			config, err := m.Bootstrap()
			check(t, err)
			envoy := stack.Envoy(t, stack.EnvoyOptions{Config: config + tc.beside(tc.socket)})
			mesh := watched(t, &mesh{envoy.Process, m.Addr})
			mesh.wantAllReached(t, b, m)
			wantNoOther(t, envoy)
		})
	}
}

// TestReentryAlone has the plain binary reach Kafka through a socket of an Envoy.
func TestReentryAlone(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	socket := abstract()
	proxy := stack.Envoy(t, stack.EnvoyOptions{Config: bootstrapOf(ownCluster(socket))})
	m := meshOf(t, reentering(b, "reentryalone", socket)...)
	mesh := watched(t, &mesh{stack.Standalone(t, m).Process, m.Addr})
	mesh.wantAllReached(t, b, m)
	if n, err := proxy.Stats(t.Context(), "tcp.egress.downstream_cx_total"); n < 3 || err != nil {
		t.Errorf("%d connections through the socket, %v", n, err)
	}
}

// bootstrapOf is an Envoy's with what is beside the mesh, alone.
func bootstrapOf(beside string) string {
	return "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\nnode: {id: test, cluster: test}\nstatic_resources:\n  listeners:\n" + beside
}

// reentering are three ways to the broker, all through a socket.
func reentering(b *broker, prefix, socket string) []stack.MeshCluster {
	ca := map[string]any{"ca": filed(b.ca.file)}
	return []stack.MeshCluster{
		{Name: prefix + "plain", Bootstrap: b.Addr(), Dial: through(socket)},
		{Name: prefix + "tls", Bootstrap: b.Listener("TLS"), TLS: ca, Dial: through(socket)},
		{Name: prefix + "sasl", Bootstrap: b.Listener("SASLTLS"), TLS: ca, Dial: through(socket), SASL: byPassword("MECHANISM_SCRAM_SHA_512", password)},
	}
}

// named is a listener whose clients are told a name.
type named struct {
	net.Listener

	addr string
}

// Addr is what clients are told.
func (n named) Addr() net.Addr { return name(n.addr) }

type name string

func (name) Network() string  { return "tcp" }
func (n name) String() string { return string(n) }

// TestNamesOfAMesh has brokers with names that one DNS server knows: in bootstrap_servers, and in what the cluster says of itself.
func TestNamesOfAMesh(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			wantNamesKnown(t, host)
		})
	}
}

func wantNamesKnown(t *testing.T, host string) {
	t.Helper()
	const domain = ".kafka.mesh.test"
	here := []netip.Addr{netip.MustParseAddr(host)}
	dns := dialtest.ServeDNS(t, map[string][]netip.Addr{"bootstrap" + domain: here, "broker-0" + domain: here, "broker-1" + domain: here})
	var listeners []net.Listener
	stack.Fake(t, stack.FakeOptions{Nodes: 2, More: []kfake.Opt{kfake.ListenFn(func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, l)
		_, port, err := net.SplitHostPort(l.Addr().String())
		return named{l, fmt.Sprintf("broker-%d%s:%s", len(listeners)-1, domain, port)}, err
	})}})
	_, port, err := net.SplitHostPort(listeners[0].Addr().String())
	check(t, err)
	socket := abstract()
	direct, reentering := map[string]any{"dns_server": dns.Addr}, through(socket)
	reentering["dns_server"] = dns.Addr
	m := meshOf(t,
		stack.MeshCluster{Name: "direct", Bootstrap: "bootstrap" + domain + ":" + port, Dial: direct},
		stack.MeshCluster{Name: "reentering", Bootstrap: "bootstrap" + domain + ":" + port, Dial: reentering},
	)
	config, err := m.Bootstrap()
	check(t, err)
	envoy := stack.Envoy(t, stack.EnvoyOptions{Config: config + ownCluster(socket)})
	mesh := watched(t, &mesh{envoy.Process, m.Addr})
	for _, c := range m.Clusters {
		for i := range 10 { // so that both brokers lead one
			check(t, mesh.produce(t, fmt.Sprintf("%s-%d", c.Name, i), 10))
		}
	}
	asked := strings.Join(dns.Asked(), " ")
	for _, want := range []string{"bootstrap", "broker-0", "broker-1"} {
		if !strings.Contains(asked, want+domain) {
			t.Errorf("nobody asked for %s, but for %s", want, asked)
		}
	}
}

// wantAllReached produces to each cluster, and sees what is stored.
func (m *mesh) wantAllReached(t *testing.T, b *broker, of *stack.Mesh) {
	t.Helper()
	const records = 50
	for _, c := range of.Clusters {
		check(t, m.produce(t, c.Name+"-a", records))
		verify(t, b.KafkaCluster, c.Name+"-a", records)
	}
}

// wantNoOther sees that as many connections went through the socket as the mesh has made, and that none of them failed.
func wantNoOther(t *testing.T, envoy *stack.EnvoyProcess) {
	t.Helper()
	text, err := stack.Page(t.Context(), http.MethodGet, "http://"+envoy.Admin()+"/stats?filter=^kafkamesh.cluster")
	check(t, err)
	made := 0
	for name, n := range parseMetrics(text, `(?m)^kafkamesh\.(\S+): (\d+)$`) {
		switch {
		case strings.HasSuffix(name, ".connects"):
			made += n
		case strings.HasSuffix(name, ".connect_failures") && n > 0:
			t.Errorf("%s is %d", name, n)
		}
	}
	passed, err := envoy.Stats(t.Context(), "tcp.egress.downstream_cx_total")
	check(t, err)
	if made == 0 || int(passed) < made {
		t.Errorf("%d connections were made, %d went through the socket", made, passed)
	}
}
