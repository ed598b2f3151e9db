package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// ServerTLS is a transport socket of an Envoy's listener, as JSON: with a certificate and its key, and the authorities of clients that may
// show one, all of them files. Without authorities clients are not asked.
func ServerTLS(certificate, key, authorities string) string {
	validation := ""
	if authorities != "" {
		validation = fmt.Sprintf(`, "validation_context": {"trusted_ca": {"filename": %q}}`, authorities)
	}
	return fmt.Sprintf(`{"name": "envoy.transport_sockets.tls", "typed_config": {`+
		`"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": {`+
		`"tls_certificates": [{"certificate_chain": {"filename": %q}, "private_key": {"filename": %q}}]%s}}}`, certificate, key, validation)
}

// IssuedTLS is ServerTLS with a certificate for a host, of an authority's.
func IssuedTLS(tb testing.TB, ca *authority.Authority, host string) string {
	tb.Helper()
	leaf, err := ca.Issue("envoy", []string{host}, nil)
	Check(tb, err)
	dir := tb.TempDir()
	certificate, key := filepath.Join(dir, "certificate"), filepath.Join(dir, "key")
	Check(tb, os.WriteFile(certificate, leaf.Certificate, 0o600))
	Check(tb, os.WriteFile(key, leaf.Key, 0o600))
	return ServerTLS(certificate, key, "")
}

// WithTransport is a bootstrap of Mesh.Bootstrap whose listener has a transport socket.
func WithTransport(bootstrap, transport string) string {
	return strings.Replace(bootstrap, "filter_chains: [{", "filter_chains: [{transport_socket: "+transport+", ", 1)
}

// Hosts start a mesh, in Envoy and alone, by the name of the host.
func Hosts() map[string]func(tb testing.TB, m *Mesh) *Process {
	return map[string]func(tb testing.TB, m *Mesh) *Process{
		"envoy": func(tb testing.TB, m *Mesh) *Process { tb.Helper(); return Envoy(tb, EnvoyOptions{Mesh: m}).Process },
		"serve": func(tb testing.TB, m *Mesh) *Process { tb.Helper(); return Standalone(tb, m).Process },
	}
}
