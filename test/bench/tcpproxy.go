package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// envoyVersion is the Envoy that is compared, with our module and without.
const envoyVersion = "1.40.0"

func startTCPProxy(ctx context.Context, s *site) (*running, error) {
	addrs, err := s.freeAddrs()
	if err != nil {
		return nil, err
	}
	var listeners, upstreams strings.Builder
	for i, addr := range s.addrs {
		_, port, _ := strings.Cut(addrs[i], ":")
		fmt.Fprintf(&listeners, `  - {name: l%d, address: {socket_address: {address: 127.0.0.1, port_value: %s}}, filter_chains: [{filters: [{
      name: envoy.filters.network.tcp_proxy,
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: p, cluster: c%d}}]}]}
`, i, port, i)
		security := ""
		if s.ca != "" {
			security = fmt.Sprintf(`, transport_socket: {name: envoy.transport_sockets.tls, typed_config: {
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext,
      common_tls_context: {tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3},
        validation_context: {trusted_ca: {filename: %q}}}}}`, s.ca)
		}
		_, upstream, _ := strings.Cut(addr, ":")
		fmt.Fprintf(&upstreams, `  - {name: c%d, type: STATIC, circuit_breakers: {thresholds: [{max_connections: 100000}]}, load_assignment: {cluster_name: c%d, endpoints: [{lb_endpoints: [{endpoint: {
      address: {socket_address: {address: 127.0.0.1, port_value: %s}}}}]}]}%s}
`, i, i, upstream, security)
	}
	config := `admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
` + listeners.String() + `  clusters:
` + upstreams.String()
	envoy, err := stack.StartEnvoy(ctx, stack.EnvoyOptions{Version: envoyVersion, Config: config, Concurrency: s.workers})
	if err != nil {
		return nil, err
	}
	return &running{to: s.through(addrs...), processes: []*stack.Process{envoy.Process}, close: envoy.Close}, nil
}
