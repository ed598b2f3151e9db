package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// goodConfig is what the bad ones are made from.
const goodConfig = `
advertised_host: 127.0.0.1
advertised_port: 19092
upstream_clusters:
- {cluster_name: c1, bootstrap_servers: "127.0.0.1:9"}
- {cluster_name: c2, bootstrap_servers: "127.0.0.1:9"}
forwarding_rules:
- {target_cluster: c1, topic_prefix: apples}
- {target_cluster: c2, topic_prefix: bananas}
`

// badConfigs are mistakes, made by replacing text in goodConfig, and the field that Envoy's log must name.
var badConfigs = []struct{ name, old, new, field string }{
	{"unknown field", "advertised_port:", "advertised_prt:", "advertised_prt"},
	{"unknown field of a cluster", "cluster_name: c1,", "cluster_name: c1, bootstrap: x,", "bootstrap"},
	{"wrong type", "advertised_port: 19092", "advertised_port: kafka", "advertised_port"},
	{"not YAML", "upstream_clusters:", "upstream_clusters: [", "line"},
	{"port out of range", "19092", "190920", "advertised_port"},
	{"host without port", "advertised_port: 19092", "", "advertised_port"},
	{"no clusters", goodConfig, "forwarding_rules: [{target_cluster: c1, topic_prefix: a}]", "upstream_clusters"},
	{"no rules", goodConfig, `upstream_clusters: [{cluster_name: c1, bootstrap_servers: "h:1"}]`, "forwarding_rules"},
	{"empty", goodConfig, "", "upstream_clusters"},
	{"cluster without a name", "cluster_name: c1,", "", "upstream_clusters[0].cluster_name"},
	{"duplicate cluster", "cluster_name: c2", "cluster_name: c1", "upstream_clusters[1].cluster_name"},
	{"rule without a cluster", "target_cluster: c2, ", "", "forwarding_rules[1].target_cluster"},
	{"rule to an unknown cluster", "target_cluster: c2", "target_cluster: c3", "forwarding_rules[1].target_cluster"},
	{"hidden rule", "topic_prefix: bananas", "topic_prefix: apples-red", "forwarding_rules[1].topic_prefix"},
	{"rule behind a catch-all", "topic_prefix: apples", `topic_prefix: ""`, "forwarding_rules[1].topic_prefix"},
	{"duplicate prefix", "topic_prefix: bananas", "topic_prefix: apples", "forwarding_rules[1].topic_prefix"},
	{"no bootstrap servers", `, bootstrap_servers: "127.0.0.1:9"`, "", "upstream_clusters[0].bootstrap_servers"},
	{"bad bootstrap port", "127.0.0.1:9", "127.0.0.1:kafka", "upstream_clusters[0].bootstrap_servers"},
	{"negative partitions", "cluster_name: c1,", "cluster_name: c1, partition_count: -1,", "upstream_clusters[0].partition_count"},
	{
		"unknown property", "cluster_name: c1,", "cluster_name: c1, producer_config: {lingr.ms: '5'},",
		`upstream_clusters[0].producer_config["lingr.ms"]`,
	},
	{
		"bad value of a property", "cluster_name: c1,", "cluster_name: c1, producer_config: {acks: some},",
		`upstream_clusters[0].producer_config["acks"]`,
	},
}

// TestBadConfigurationIsRefused starts Envoy with each mistake: it ends, and its log names the field.
func TestBadConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range badConfigs {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			config := strings.Replace(goodConfig, bad.old, bad.new, 1)
			if config == goodConfig {
				t.Fatal("the configuration is still good")
			}
			envoy, err := stack.LaunchEnvoy(t.Context(), stack.EnvoyOptions{
				Config: stack.Bootstrap(stack.Addr(t), stack.AsString(config)),
			})
			stack.Check(t, err)
			defer envoy.Close()
			select {
			case <-envoy.Done():
			case <-t.Context().Done():
			}
			log := envoy.Log()
			if code := envoy.ExitCode(); code <= 0 {
				t.Errorf("Envoy's exit code = %d, want an error; its log:\n%s", code, stack.Tail(log))
			}
			if !strings.Contains(log, bad.field) {
				t.Errorf("Envoy's log does not name %s:\n%s", bad.field, stack.Tail(log))
			}
		})
	}
}

// TestGoodConfigurationStarts proves that what is bad above is what was replaced.
func TestGoodConfigurationStarts(t *testing.T) {
	t.Parallel()
	stack.Envoy(t, stack.EnvoyOptions{Config: stack.Bootstrap(stack.Addr(t), stack.AsString(goodConfig))})
}

// TestUpdatesAreTakenOrRefused gives a running Envoy a bad listener, which it refuses with the reason while the old one goes on
// serving, and then a good one.
func TestUpdatesAreTakenOrRefused(t *testing.T) {
	t.Parallel()
	broker := stack.Fake(t, stack.FakeOptions{})
	mesh := stack.TwoClusters(stack.Addr(t), broker.Addr(), broker.Addr())
	apples := mesh
	apples.Rules = mesh.Rules[:1]
	bad := mesh
	bad.Rules = append([]stack.MeshRule{{Cluster: "kafka_c3", Prefix: "cherries"}}, mesh.Rules...)

	dir := t.TempDir()
	file := filepath.Join(dir, "listeners.yaml")
	update(t, file, &apples)
	envoy := stack.Envoy(t, stack.EnvoyOptions{Config: stack.DynamicBootstrap(file)})
	wait(t, envoy, "listener_manager.listener_create_success", 1)
	franz := clients()[2]
	franz.mustSend(t, mesh.Addr, 10, "apples-1")

	update(t, file, &bad)
	wait(t, envoy, "listener_manager.lds.update_rejected", 1)
	if err := envoy.WaitLog(t.Context(), "forwarding_rules[0].target_cluster"); err != nil {
		t.Error(err)
	}
	franz.mustSend(t, mesh.Addr, 10, "apples-2")

	update(t, file, &mesh)
	wait(t, envoy, "listener_manager.listener_modified", 1)
	franz.mustSend(t, mesh.Addr, 10, "apples-3", "bananas-3")
}

// update moves a new version of the listeners' file into place, which is what Envoy looks for.
func update(t *testing.T, file string, m *stack.Mesh) {
	t.Helper()
	config, err := m.Config()
	if err != nil {
		t.Fatal(err)
	}
	stack.Replace(t, file, stack.Listeners(m.Addr, stack.AsStruct(config)))
}

// reference is the configuration in the documentation of Envoy's own C++ filter.
const reference = `
advertised_host: 127.0.0.1
advertised_port: 19092
upstream_clusters:
- {cluster_name: kafka_c1, bootstrap_servers: "cluster1_node1:9092,cluster1_node2:9092,cluster1_node3:9092", partition_count: 1}
- {cluster_name: kafka_c2, bootstrap_servers: "cluster2_node1:9092,cluster2_node2:9092,cluster2_node3:9092", partition_count: 1}
- {cluster_name: kafka_c3, bootstrap_servers: "cluster3_node1:9092,cluster3_node2:9092", partition_count: 5, producer_config: {acks: "1", linger.ms: "500"}}
forwarding_rules:
- {target_cluster: kafka_c1, topic_prefix: apples}
- {target_cluster: kafka_c2, topic_prefix: bananas}
- {target_cluster: kafka_c3, topic_prefix: cherries}
`
