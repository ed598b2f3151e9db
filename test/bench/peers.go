package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// Versions of our peers.
const (
	kroxyliciousVersion = "0.12.0"
	kafkaProxyVersion   = "0.4.3"
	shotoverVersion     = "0.7.4"
)

// kroxyliciousPort is the first that Kroxylicious listens on: for each cluster one, and one behind it for each node id. It is below
// those that stack chooses from.
const kroxyliciousPort = 19_000

func startKroxylicious(ctx context.Context, s *site) (*running, error) {
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
	for i, addr := range s.addrs {
		addrs = append(addrs, stack.Local(kroxyliciousPort+4*i))
		security := ""
		if s.ca != "" {
			security = fmt.Sprintf(", tls: {trust: {storeFile: %q, storeType: PEM}}", s.ca)
		}
		fmt.Fprintf(&config, `- name: c%d
  targetCluster: {bootstrapServers: "%s"%s}
  gateways:
  - name: gw
    portIdentifiesNode: {bootstrapAddress: "%s", nodeIdRanges: [{name: brokers, start: 0, end: 1}]}
`, i, addr, security, addrs[i])
	}
	file := filepath.Join(s.dir, "kroxylicious.yaml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return nil, err
	}
	p, err := stack.Start(ctx, kroxyliciousWay, exec.Command("java", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
		filepath.Join(home, "classes")+":"+filepath.Join(home, "lib", "*"), "Launch", file), addrs[len(addrs)-1])
	if err != nil {
		return nil, err
	}
	return &running{to: s.through(addrs...), processes: []*stack.Process{p}, close: p.Stop}, nil
}

func startKafkaProxy(ctx context.Context, s *site) (*running, error) {
	binary, err := stack.KafkaProxy(ctx, kafkaProxyVersion)
	if err != nil {
		return nil, err
	}
	addrs, err := s.freeAddrs()
	if err != nil {
		return nil, err
	}
	args := []string{"server", "--http-disable", "--dynamic-listeners-disable", "--log-level", "error", "--default-listener-ip", "127.0.0.1"}
	if s.ca != "" {
		args = append(args, "--tls-enable", "--tls-ca-chain-cert-file", s.ca)
	}
	for i, addr := range s.addrs {
		args = append(args, "--bootstrap-server-mapping", addr+","+addrs[i])
	}
	p, err := stack.Start(ctx, kafkaProxyWay, exec.Command(binary, args...), addrs[len(addrs)-1])
	if err != nil {
		return nil, err
	}
	return &running{to: s.through(addrs...), processes: []*stack.Process{p}, close: p.Stop}, nil
}

func startShotover(ctx context.Context, s *site) (*running, error) {
	binary, err := stack.Shotover(ctx, shotoverVersion)
	if err != nil {
		return nil, err
	}
	addr, err := s.plainAddr()
	if err != nil {
		return nil, err
	}
	topology, settings := filepath.Join(s.dir, "topology.yaml"), filepath.Join(s.dir, "shotover.yaml")
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
`, addr, s.addrs[0]),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	p, err := stack.Start(ctx, shotoverWay, exec.Command(binary, "--topology-file", topology, "--config-file", settings), addr)
	if err != nil {
		return nil, err
	}
	return &running{to: s.through(addr), processes: []*stack.Process{p}, close: p.Stop}, nil
}
