package secure

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// Who is who in the mesh that the broker is part of.
const (
	kafkaID = "spiffe://cluster.local/ns/kafka/sa/kafka"
	oursID  = "spiffe://cluster.local/ns/orders/sa/orders"
	otherID = "spiffe://cluster.local/ns/kafka/sa/zookeeper"
)

// sidecar is an Envoy before the broker, as a mesh under STRICT mTLS has one: who has no certificate of the mesh is not let in.
type sidecar struct {
	*stack.EnvoyProcess

	shown, trusted string // files: its certificate, and its authorities
}

// sidecarConfig has an Envoy take TLS that says by ALPN that it is the mesh's, on one address, and go on to another.
const sidecarConfig = `  - {name: inbound, address: {socket_address: {address: %s, port_value: %s}},
    listener_filters: [{name: envoy.filters.listener.tls_inspector, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}],
    filter_chains: [{filter_chain_match: {transport_protocol: tls, application_protocols: [istio]}, filters: [%s], transport_socket: {name: envoy.transport_sockets.tls, typed_config: {
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, require_client_certificate: true,
      common_tls_context: {alpn_protocols: [istio-peer-exchange, istio],
        tls_certificate_sds_secret_configs: [{name: default, sds_config: {resource_api_version: V3, path_config_source: {path: %q}}}],
        combined_validation_context: {default_validation_context: {match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: "%[6]s"}}]},
          validation_context_sds_secret_config: {name: ROOTCA, sds_config: {resource_api_version: V3, path_config_source: {path: %[5]q}}}}}}}}]}
  clusters:
  - {name: broker, type: STATIC, connect_timeout: 5s, load_assignment: {cluster_name: broker, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: %[7]s, port_value: %[8]s}}}}]}]}}
`

func startSidecar(t *testing.T, b *broker, ca *authority.Authority) *sidecar {
	t.Helper()
	dir := t.TempDir()
	s := &sidecar{shown: filepath.Join(dir, "shown.yaml"), trusted: filepath.Join(dir, "trusted.yaml")}
	s.show(t, ca, ca)
	split := func(addr string) (host, port string) {
		host, port, err := net.SplitHostPort(addr)
		check(t, err)
		return host, port
	}
	host, port := split(b.sidecar)
	brokerHost, brokerPort := split(b.Listener("MESH"))
	s.EnvoyProcess = stack.Envoy(t, stack.EnvoyOptions{Config: bootstrapOf(fmt.Sprintf(sidecarConfig,
		host, port, fmt.Sprintf(tcpProxy, "inbound", "broker"), s.shown, s.trusted, oursID, brokerHost, brokerPort))})
	return s
}

// show has the sidecar show a new certificate of an authority, and trust some.
func (s *sidecar) show(t *testing.T, by *authority.Authority, trusted ...*authority.Authority) {
	t.Helper()
	leaf := workload(t, by, kafkaID)
	inline := func(pem []byte) map[string]any { return map[string]any{"inline_string": string(pem)} }
	put := func(file string, fields map[string]any) {
		t.Helper()
		fields["@type"] = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
		text, err := json.Marshal(map[string]any{"resources": []any{fields}})
		check(t, err)
		write(t, file, text)
	}
	put(s.shown, map[string]any{"name": "default", "tls_certificate": map[string]any{"certificate_chain": inline(leaf.Certificate), "private_key": inline(leaf.Key)}})
	put(s.trusted, map[string]any{"name": "ROOTCA", "validation_context": map[string]any{"trusted_ca": inline(roots(trusted...))}})
}

// replace has it show and trust others, and waits until it does: so many of the two have changed.
func (s *sidecar) replace(t *testing.T, b *broker, changed int64, by *authority.Authority, trusted ...*authority.Authority) {
	t.Helper()
	name := "listener." + strings.ReplaceAll(b.sidecar, ":", "_") + ".server_ssl_socket_factory.ssl_context_update_by_sds"
	before, err := s.Stats(t.Context(), name)
	check(t, err)
	s.show(t, by, trusted...)
	check(t, s.WaitStats(t.Context(), name, before+changed))
}

// workload makes a certificate as a mesh gives it: it has an identity, and no name.
func workload(t *testing.T, by *authority.Authority, id string) *authority.Leaf {
	t.Helper()
	leaf, err := by.Issue("", nil, func(c *x509.Certificate) {
		u, err := url.Parse(id)
		check(t, err)
		c.URIs = []*url.URL{u}
	})
	check(t, err)
	return leaf
}

func roots(of ...*authority.Authority) []byte {
	var all [][]byte
	for _, a := range of {
		all = append(all, a.PEM)
	}
	return bytes.Join(all, nil)
}

// files are those that an agent of the mesh writes for us, one after another.
type files struct {
	t   *testing.T
	dir string
}

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

func (f *files) write(name string, content []byte) {
	f.t.Helper()
	write(f.t, f.path(name), content)
}

// tls is the field of a cluster whose brokers are part of the mesh.
func (f *files) tls(ids ...string) map[string]any {
	file := func(name string) map[string]any { return filed(f.path(name)) }
	return map[string]any{
		"ca": file("root-cert.pem"), "certificate": file("cert-chain.pem"), "key": file("key.pem"), "alpn": []string{"istio"}, "spiffe_ids": ids,
	}
}

// TestWorkloadCertificates has brokers be behind a sidecar that takes only who is of the mesh.
//
//nolint:paralleltest,tparallel // the last of them replaces what the others need
func TestWorkloadCertificates(t *testing.T) {
	t.Parallel()
	b := sharedBroker(t)
	old, err := authority.New("mesh 1")
	check(t, err)
	fresh, err := authority.New("mesh 2")
	check(t, err)
	side := startSidecar(t, b, old)
	ours := &files{t, t.TempDir()}
	first := workload(t, old, oursID)
	ours.write("key.pem", first.Key)
	ours.write("cert-chain.pem", first.Certificate)
	ours.write("root-cert.pem", roots(old))

	t.Run("without", func(t *testing.T) {
		m := start(t, stack.MeshCluster{Name: "strict", Bootstrap: b.sidecar})
		m.wantLog(t, "the broker resets connections at once: is it behind STRICT mTLS? see docs/istio.md")
	})
	t.Run("another's", func(t *testing.T) {
		m := start(t, stack.MeshCluster{Name: "other", Bootstrap: b.sidecar, TLS: ours.tls(otherID)})
		m.wantLog(t, "the broker's certificate is for "+kafkaID+", which is none of tls.spiffe_ids")
	})
	t.Run("later", func(t *testing.T) {
		late := &files{t, t.TempDir()}
		m := start(t, stack.MeshCluster{Name: "late", Bootstrap: b.sidecar, TLS: late.tls(kafkaID)})
		m.wantLog(t, "upstream_clusters[0].tls.ca: there is no file "+late.path("root-cert.pem")+"; connections wait until that is right")
		m.wantLog(t, "our authorities: there is no file "+late.path("root-cert.pem"))
		late.write("key.pem", first.Key)
		late.write("cert-chain.pem", first.Certificate)
		late.write("root-cert.pem", roots(old))
		check(t, m.produce(t, "late-a", 10))
		verify(t, b.KafkaCluster, "late-a", 10)
	})
	t.Run("rotation", func(t *testing.T) { rotate(t, b, side, ours, old, fresh) })
}

// rotate replaces all that both ends show and trust, file by file, while a client produces. No record fails.
func rotate(t *testing.T, b *broker, side *sidecar, ours *files, old, fresh *authority.Authority) {
	t.Helper()
	clusters := []stack.MeshCluster{{Name: "workload", Bootstrap: b.sidecar, TLS: ours.tls(otherID, kafkaID)}}
	for i := range 4 { // nobody has produced to these before
		clusters = append(clusters, stack.MeshCluster{Name: fmt.Sprintf("workload%d", i), Bootstrap: b.sidecar, TLS: ours.tls(kafkaID)})
	}
	m := start(t, clusters...)
	l := m.startLoad(t, "workload-a")
	l.wantMore(t, 100)
	renewals := 0
	step := func(what string, change func()) {
		t.Helper()
		change()
		l.wantMore(t, 100)
		check(t, m.produce(t, fmt.Sprintf("workload%d-a", renewals), 10))
		t.Log(what)
	}
	isRenewed := func() {
		t.Helper()
		renewals++
		stack.Wait(t, "new connections for each cluster", func() error {
			if n := strings.Count(m.Log(), renewed); n < renewals*len(clusters) {
				return fmt.Errorf("%d times it is said that there are", n)
			}
			return nil
		})
	}
	second := workload(t, fresh, oursID)
	side.replace(t, b, 2, old, old, fresh)
	step("we trust both authorities", func() { ours.write("root-cert.pem", roots(old, fresh)) })
	isRenewed()
	step("we have a new key", func() { ours.write("key.pem", second.Key) })
	m.wantLog(t, "certificates or keys were replaced by what cannot be used; connecting with those from before")
	step("and its certificate", func() { ours.write("cert-chain.pem", second.Certificate) })
	isRenewed()
	side.replace(t, b, 1, fresh, old, fresh)
	step("so has the broker", func() { ours.write("root-cert.pem", roots(fresh)) })
	isRenewed()
	side.replace(t, b, 2, fresh, fresh)
	l.wantMore(t, 100)
	l.finish(t, b)
	if strings.Contains(m.Log(), "out of reach") || strings.Contains(m.Log(), "a broker") {
		t.Errorf("a connection was lost:\n%s", m.Log())
	}
}
