package main

import (
	"strings"
	"testing"
)

const explained = `
advertised_host: kafka.example.com
advertised_port: 9092
upstream_clusters:
- {cluster_name: plain, bootstrap_servers: "<plain>", partition_count: 4}
- cluster_name: secured
  bootstrap_servers: "<secured>"
  tls: {ca: {filename: DIR/ca.pem}}
  sasl: {mechanism: MECHANISM_SCRAM_SHA_256, username: {inline_string: mesh}, password: {inline_string: ` + rightPassword + `}}
- {cluster_name: nobody, bootstrap_servers: "<nobody>"}
- {cluster_name: moved, bootstrap_servers: "<moved>"}
- {cluster_name: closed, bootstrap_servers: "<other>", producer_config: {allow.auto.create.topics: "false"}}
forwarding_rules:
- {target_cluster: plain, topic_prefix: apples}
- {target_cluster: secured, topic_prefix: bananas}
- {target_cluster: secured, topic_prefix: cherries}
- {target_cluster: secured, topic_prefix: dates}
- {target_cluster: nobody, topic_prefix: elder.berries}
- {target_cluster: moved, topic_prefix: moved}
- {target_cluster: closed, topic_prefix: closed}
- {target_cluster: plain, topic_prefix: app}
`

func TestExplain(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	var said strings.Builder
	file := e.config(explained)
	for _, args := range [][]string{
		{"apples"},
		{"apples-wide"},
		{"apples-missing"},
		{"bananas"},
		{"cherries"},
		{"dates"},
		{"elder.berries"},
		{"moved"},
		{"closed"},
		{"Apples"},
		{"elder-berries"},
		{"Elder_Berries"},
		{"ap"},
		{"eu.apples"},
		{"banananas"},
		{"figs"},
		{"green apples"},
		{"..", "--offline"},
		{strings.Repeat("a", 250)},
		{"apples", "--offline"},
		{"elder.berries", "--offline"},
	} {
		said.WriteString("$ kafkamesh explain CONFIG " + strings.Join(args, " ") + "\n" +
			e.run(append([]string{"explain", file}, args...)...) + "\n")
	}
	compare(t, "testdata/survey/explain.golden", said.String())
}

const explainedApart = `
upstream_clusters:
- {cluster_name: plain, bootstrap_servers: "<plain>", partition_count: 4}
- {cluster_name: other, bootstrap_servers: "<other>", partition_count: 2}
- cluster_name: secured
  bootstrap_servers: "<secured>"
  tls: {ca: {filename: DIR/ca.pem}}
  sasl: {mechanism: MECHANISM_SCRAM_SHA_256, username: {inline_string: mesh}, password: {inline_string: ` + rightPassword + `}}
forwarding_rules:
- {target_cluster: plain, topic_prefix: apples, operations: [OPERATION_READ]}
- {target_cluster: other, topic_prefix: apples}
- {target_cluster: secured, topic_prefix: bananas, operations: [OPERATION_READ]}
- {target_cluster: secured, topic_prefix: berries, operations: [OPERATION_WRITE]}
- {target_cluster: other, topic_prefix: dates, operations: [OPERATION_READ]}
- {target_cluster: plain, topic_prefix: dates, operations: [OPERATION_WRITE]}
- {target_cluster: plain, topic_prefix: a, operations: [OPERATION_WRITE]}
group_rules: [{target_cluster: other, group_prefix: billing.}]
default_group_cluster: secured
`

// TestExplainApart has topics explained that are read and written on different clusters, or only one of the two.
func TestExplainApart(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	var said strings.Builder
	file := e.config(explainedApart)
	for _, args := range [][]string{{"apples"}, {"bananas"}, {"berries"}, {"dates"}, {"apples", "--offline"}, {"bananas", "--offline"}} {
		said.WriteString("$ kafkamesh explain CONFIG " + strings.Join(args, " ") + "\n" +
			e.run(append([]string{"explain", file}, args...)...) + "\n")
	}
	said.WriteString("$ kafkamesh check CONFIG\n" + e.run("check", file) + "$ kafkamesh check --json CONFIG\n")
	for line := range strings.Lines(e.run("check", "--json", file)) {
		if strings.Contains(line, `"rights"`) {
			said.WriteString(line)
		}
	}
	compare(t, "testdata/survey/apart.golden", said.String())
}

// TestExplainToldCode sees that the code which the configuration chooses is that which clients are told.
func TestExplainToldCode(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	for value, code := range map[string]string{
		"UNSPECIFIED": "TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PARTITION": "UNKNOWN_TOPIC_OR_PARTITION",
		"INVALID_TOPIC_EXCEPTION": "INVALID_TOPIC_EXCEPTION",
	} {
		said := e.run("explain", "--offline", e.config(explained+"unmatched_topic: UNMATCHED_TOPIC_"+value), "figs")
		if !strings.Contains(said, "of the topic: "+code) {
			t.Errorf("with %s it says\n%s\nwant %s", value, said, code)
		}
	}
}

// TestExplainChoosesAFilter has one of the filters of a file explained.
func TestExplainChoosesAFilter(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	const two = `
filter_chains:
- filters:
  - typed_config:
      plugin_name: kafkamesh
      plugin_config:
        "@type": type.googleapis.com/xds.type.v3.TypedStruct
        value: {upstream_clusters: [{cluster_name: c, bootstrap_servers: "<plain>"}], forwarding_rules: [{target_cluster: c, topic_prefix: apples}]}
- filters:
  - typed_config:
      plugin_name: kafkamesh
      plugin_config:
        "@type": type.googleapis.com/xds.type.v3.TypedStruct
        value: {upstream_clusters: [{cluster_name: c, bootstrap_servers: "<other>"}], forwarding_rules: [{target_cluster: c, topic_prefix: bananas}]}
`
	file := e.config(two)
	for _, tc := range []struct{ args, want string }{
		{"explain FILE apples", "holds 2 filters; choose one with --filter:\n  1: DIR/mesh.yaml: filter_chains[0]"},
		{"explain FILE apples --filter 3", "holds 2 filters"},
		{"explain FILE apples --filter 1", "Records to apples are served."},
		{"explain FILE apples --filter 2", "no rule takes it"},
		{"check FILE", "DIR/mesh.yaml: filter_chains[1].filters[0].typed_config.plugin_config\nCLUSTER"},
		{"check --json FILE", `{"filter":"filter_chains[1].filters[0].typed_config.plugin_config","cluster":"c",`},
	} {
		if said := e.run(strings.Fields(strings.ReplaceAll(tc.args, "FILE", file))...); !strings.Contains(said, tc.want) {
			t.Errorf("%s says\n%s\nwant %q", tc.args, said, tc.want)
		}
	}
}
