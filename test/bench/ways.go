package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// Versions of what is compared.
const (
	envoyVersion        = "1.40.0"
	kroxyliciousVersion = "0.12.0"
	shotoverVersion     = "0.7.4"
)

// way is a way from clients to clusters.
type way struct {
	name  string
	about string
	start func(ctx context.Context, c *clusters, dir string) (*running, error)
}

// Names of ways.
const (
	directWay       = "direct"
	tcpProxyWay     = "Envoy tcp_proxy"
	envoyWay        = "Kafka mesh in Envoy"
	standaloneWay   = "kafkamesh serve"
	kroxyliciousWay = "Kroxylicious"
	shotoverWay     = "Shotover"
	relayWay        = "Go relay"
)

// ways are all that there are. Direct is the first: the others are compared with it.
func ways() []way {
	return []way{
		{directWay, "no proxy", startDirect},
		{tcpProxyWay, "Envoy " + envoyVersion + ", two workers; parses nothing, one listener for each cluster", startTCPProxy},
		{envoyWay, "Envoy " + envoyVersion + ", two workers, our module", startEnvoy},
		{standaloneWay, "the plain binary", startStandalone},
		{kroxyliciousWay, "runtime " + kroxyliciousVersion + ", no filters, one virtual cluster for each cluster", startKroxylicious},
		{shotoverWay, shotoverVersion + ", one cluster only", startShotover},
		{relayWay, "reads and writes, nothing else: the floor for a proxy in Go; one cluster only", startRelay},
	}
}

// running is a way that has been started.
type running struct {
	to        []load.Destination
	ca        string // with TLS from the client on
	processes []*stack.Process
	close     func()
}

// through has every cluster's topic produced to through addrs: one for each cluster, or one for all.
func through(addrs ...string) func(c *clusters) []load.Destination {
	return func(c *clusters) []load.Destination {
		var to []load.Destination
		for i := range c.addrs {
			to = append(to, load.Destination{Addr: addrs[min(i, len(addrs)-1)], Topic: topicOf(i)})
		}
		return to
	}
}

func startDirect(_ context.Context, c *clusters, _ string) (*running, error) {
	return &running{to: through(c.addrs...)(c), ca: c.ca, close: func() {}}, nil
}

func startEnvoy(ctx context.Context, c *clusters, _ string) (*running, error) {
	mesh, err := meshOf(c)
	if err != nil {
		return nil, err
	}
	config, err := mesh.Bootstrap()
	if err != nil {
		return nil, err
	}
	envoy, err := stack.StartEnvoy(ctx, stack.EnvoyOptions{Config: config, Version: envoyVersion})
	if err != nil {
		return nil, err
	}
	return &running{through(mesh.Addr)(c), "", []*stack.Process{envoy.Process}, envoy.Close}, nil
}

func startStandalone(ctx context.Context, c *clusters, _ string) (*running, error) {
	mesh, err := meshOf(c)
	if err != nil {
		return nil, err
	}
	serve, err := stack.StartStandalone(ctx, mesh)
	if err != nil {
		return nil, err
	}
	return &running{through(mesh.Addr)(c), "", []*stack.Process{serve.Process}, serve.Close}, nil
}

func meshOf(c *clusters) (*stack.Mesh, error) {
	port, err := stack.FreePort()
	if err != nil {
		return nil, err
	}
	mesh := &stack.Mesh{Addr: stack.Local(port)}
	for i, addr := range c.addrs {
		cluster := stack.MeshCluster{Name: fmt.Sprint("c", i), Bootstrap: addr}
		if c.ca != "" {
			cluster.Producer = map[string]string{"security.protocol": "ssl", "ssl.ca.location": c.ca}
		}
		mesh.Clusters = append(mesh.Clusters, cluster)
		mesh.Rules = append(mesh.Rules, stack.MeshRule{Cluster: cluster.Name, Prefix: topicOf(i)})
	}
	return mesh, nil
}

func startTCPProxy(ctx context.Context, c *clusters, _ string) (*running, error) {
	var listeners, upstreams strings.Builder
	var addrs []string
	for i, addr := range c.addrs {
		port, err := stack.FreePort()
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, stack.Local(port))
		fmt.Fprintf(&listeners, `  - {name: l%d, address: {socket_address: {address: 127.0.0.1, port_value: %d}}, filter_chains: [{filters: [{
      name: envoy.filters.network.tcp_proxy,
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: p, cluster: c%d}}]}]}
`, i, port, i)
		security := ""
		if c.ca != "" {
			security = fmt.Sprintf(`, transport_socket: {name: envoy.transport_sockets.tls, typed_config: {
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext,
      common_tls_context: {tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3},
        validation_context: {trusted_ca: {filename: %q}}}}}`, c.ca)
		}
		_, upstream, _ := strings.Cut(addr, ":")
		fmt.Fprintf(&upstreams, `  - {name: c%d, type: STATIC, circuit_breakers: {thresholds: [{max_connections: 100000}]}, load_assignment: {cluster_name: c%d, endpoints: [{lb_endpoints: [{endpoint: {
      address: {socket_address: {address: 127.0.0.1, port_value: %s}}}}]}]}%s}
`, i, i, upstream, security)
	}
	envoy, err := stack.StartEnvoy(ctx, stack.EnvoyOptions{Version: envoyVersion, Config: `admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
` + listeners.String() + `  clusters:
` + upstreams.String()})
	if err != nil {
		return nil, err
	}
	return &running{through(addrs...)(c), "", []*stack.Process{envoy.Process}, envoy.Close}, nil
}

// kroxyliciousPort is the first that Kroxylicious listens on: for each cluster one, and one behind it for each node id. It is below
// those that stack chooses from.
const kroxyliciousPort = 19_000

func startKroxylicious(ctx context.Context, c *clusters, dir string) (*running, error) {
	home, err := stack.Kroxylicious(ctx, kroxyliciousVersion)
	if err != nil {
		return nil, err
	}
	if !private() {
		return nil, fmt.Errorf("%w: it listens on all addresses", errLeftOut)
	}
	var config strings.Builder
	config.WriteString("virtualClusters:\n")
	var addrs []string
	for i, addr := range c.addrs {
		addrs = append(addrs, stack.Local(kroxyliciousPort+4*i))
		security := ""
		if c.ca != "" {
			security = fmt.Sprintf(", tls: {trust: {storeFile: %q, storeType: PEM}}", c.ca)
		}
		fmt.Fprintf(&config, `- name: c%d
  targetCluster: {bootstrapServers: "%s"%s}
  gateways:
  - name: gw
    portIdentifiesNode: {bootstrapAddress: "%s", nodeIdRanges: [{name: brokers, start: 0, end: 1}]}
`, i, addr, security, addrs[i])
	}
	file := filepath.Join(dir, "kroxylicious.yaml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return nil, err
	}
	p, err := stack.Start(ctx, kroxyliciousWay, exec.Command("java", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
		filepath.Join(home, "classes")+":"+filepath.Join(home, "lib", "*"), "Launch", file), addrs[len(addrs)-1])
	if err != nil {
		return nil, err
	}
	return &running{through(addrs...)(c), "", []*stack.Process{p}, p.Stop}, nil
}

func startShotover(ctx context.Context, c *clusters, dir string) (*running, error) {
	binary, err := stack.Shotover(ctx, shotoverVersion)
	if err != nil {
		return nil, err
	}
	addr, err := c.plainAddr()
	if err != nil {
		return nil, err
	}
	topology, settings := filepath.Join(dir, "topology.yaml"), filepath.Join(dir, "shotover.yaml")
	for file, text := range map[string]string{
		settings: "main_log_level: error\n",
		topology: fmt.Sprintf(`sources:
- Kafka:
    name: bench
    listen_addr: "%[1]s"
    connection_limit: 100000
    chain:
    - KafkaSinkCluster:
        first_contact_points: ["%[2]s"]
        shotover_nodes:
        - {address_for_clients: "%[1]s", address_for_peers: "%[1]s", rack: bench, broker_id: 0}
        local_shotover_broker_id: 0
        connect_timeout_ms: 3000
`, addr, c.addrs[0]),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	p, err := stack.Start(ctx, shotoverWay, exec.Command(binary, "--topology-file", topology, "--config-file", settings), addr)
	if err != nil {
		return nil, err
	}
	return &running{through(addr)(c), "", []*stack.Process{p}, p.Stop}, nil
}

// plainAddr is an address to listen on, for a way that is measured with one cluster without TLS only.
func (c *clusters) plainAddr() (string, error) {
	if len(c.addrs) > 1 || c.ca != "" {
		return "", fmt.Errorf("%w: it is measured with one cluster, without TLS", errLeftOut)
	}
	port, err := stack.FreePort()
	return stack.Local(port), err
}
