package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// everywhere has a cluster for each thing that may be wrong, and two that work.
const everywhere = `
upstream_clusters:
- {cluster_name: plain, bootstrap_servers: "<plain>"}
- cluster_name: secured
  bootstrap_servers: "<secured>"
  tls: {ca: {filename: DIR/ca.pem}, certificate: {filename: DIR/old.pem}, key: {filename: DIR/old-key.pem}}
  sasl: {mechanism: MECHANISM_SCRAM_SHA_256, username: {inline_string: mesh}, password: {inline_string: ` + rightPassword + `}}
- cluster_name: wrong_password
  bootstrap_servers: "<secured>"
  tls: {ca: {filename: DIR/ca.pem}}
  sasl: {mechanism: MECHANISM_SCRAM_SHA_256, username: {inline_string: mesh}, password: {inline_string: ` + wrongPassword + `}}
- cluster_name: aged
  bootstrap_servers: "<aged>"
  sasl: {mechanism: MECHANISM_PLAIN, username: {inline_string: mesh}, password: {inline_string: ` + rightPassword + `}}
- {cluster_name: ancient, bootstrap_servers: "<ancient>"}
- {cluster_name: expiring, bootstrap_servers: "<old>", tls: {ca: {filename: DIR/ca.pem}}}
- {cluster_name: plain_to_tls, bootstrap_servers: "<secured>"}
- {cluster_name: unknown_authority, bootstrap_servers: "<secured>", tls: {}}
- {cluster_name: nobody, bootstrap_servers: "<nobody>"}
- {cluster_name: unresolved, bootstrap_servers: "no-such-host.invalid:9092"}
- {cluster_name: two_clusters, bootstrap_servers: "<plain>,<other>"}
- {cluster_name: one_of_two, bootstrap_servers: "<nobody>,<other>"}
- {cluster_name: itself, bootstrap_servers: "<mesh>"}
- {cluster_name: moved, bootstrap_servers: "<moved>"}
forwarding_rules:
- {target_cluster: plain, topic_prefix: apples}
- {target_cluster: secured, topic_prefix: bananas}
- {target_cluster: secured, topic_prefix: berries}
- {target_cluster: secured, topic_prefix: cherries}
`

// unanswering has clusters that say nothing: one for no reason, and one because it is waiting for Kafka and gets TLS.
const unanswering = `
upstream_clusters:
- {cluster_name: silent, bootstrap_servers: "<silent>"}
- {cluster_name: tls_to_plain, bootstrap_servers: "<plain>", tls: {ca: {filename: DIR/ca.pem}}}
forwarding_rules: [{target_cluster: silent, topic_prefix: a}, {target_cluster: tls_to_plain, topic_prefix: b}]
`

// inAMesh has clusters that are reached as in a service mesh, and what may be wrong with that.
const inAMesh = `
upstream_clusters:
- {cluster_name: reentered, bootstrap_servers: "<plain>", dial: {proxy_protocol: {socket: "<socket>"}}}
- {cluster_name: tls_inside, bootstrap_servers: "<old>", dial: {proxy_protocol: {socket: "<socket>"}}, tls: {ca: {filename: DIR/ca.pem}}}
- {cluster_name: named, bootstrap_servers: "NAMED", dial: {proxy_protocol: {socket: "<socket>"}, dns_server: "<dns>"}}
- {cluster_name: workload, bootstrap_servers: "<workload>", tls: {ca: {filename: DIR/ca.pem}, alpn: [istio], spiffe_ids: ["spiffe://cluster.local/ns/kafka/sa/kafka"]}}
- {cluster_name: another, bootstrap_servers: "<workload>", tls: {ca: {filename: DIR/ca.pem}, spiffe_ids: ["spiffe://cluster.local/ns/kafka/sa/other"]}}
- {cluster_name: by_address, bootstrap_servers: "<workload>", tls: {ca: {filename: DIR/ca.pem}}}
- {cluster_name: nobody_at_the_socket, bootstrap_servers: "<plain>", dial: {proxy_protocol: {socket: "@kafkamesh-check-nobody"}}}
- {cluster_name: leads_nowhere, bootstrap_servers: "<nobody>", dial: {proxy_protocol: {socket: "<socket>"}}}
- {cluster_name: unknown_to_dns, bootstrap_servers: "other.mesh.test", dial: {dns_server: "<dns>"}}
- {cluster_name: no_dns, bootstrap_servers: "kafka.mesh.test", dial: {dns_server: "127.0.0.1:1"}}
- {cluster_name: strict, bootstrap_servers: "<strict>"}
forwarding_rules: [{target_cluster: reentered, topic_prefix: apples}]
`

func TestCheckInAMesh(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.mesh()
	named := strings.ReplaceAll(e.addrs["other"], "127.0.0.1", "kafka.mesh.test")
	said := e.run("check", e.config(strings.ReplaceAll(inAMesh, "NAMED", named)))
	compare(t, "testdata/survey/mesh.golden", strings.ReplaceAll(said, named, "NAMED"))
}

func TestCheck(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	compare(t, "testdata/survey/check.golden", e.run("check", e.config(everywhere)))
	compare(t, "testdata/survey/silent.golden", e.run("check", e.config(unanswering), "--timeout=300ms"))
	works := strings.ReplaceAll(unanswering, "<silent>", "<other>")
	works = strings.ReplaceAll(works, ", tls: {ca: {filename: DIR/ca.pem}}", "")
	compare(t, "testdata/survey/works.golden", e.run("check", e.config(works)))
}

// TestCheckAsJSON sees that each line is an object, and that together they say the same as the table.
func TestCheckAsJSON(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	said := e.run("check", "--json", e.config(everywhere))
	lines := strings.Split(strings.TrimSpace(said), "\n")
	states := map[any]int{}
	for _, line := range lines {
		if !strings.HasPrefix(line, "{") {
			continue // warnings, and the exit code
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		states[object["state"]]++
	}
	if states["ok"] < 5 || states["fails"] < 9 || lines[len(lines)-1] != "exit code 1" {
		t.Errorf("states = %v, and the last line %q", states, lines[len(lines)-1])
	}
	compare(t, "testdata/survey/check-json.golden", said)
}
