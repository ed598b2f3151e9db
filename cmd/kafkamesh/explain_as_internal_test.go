package main

import (
	"strings"
	"testing"
)

const explainedAs = `
upstream_clusters: [{cluster_name: plain, bootstrap_servers: "<plain>"}]
forwarding_rules: [{target_cluster: plain, topic_prefix: ""}]
`

const asRules = `
authorization:
  rules:
  - {name: no-secrets, effect: EFFECT_DENY, principals: ["*"], operations: [OPERATION_ALL], topics: ["secret*"]}
  - {effect: EFFECT_ALLOW, principals: ["spiffe://cluster.local/ns/*/sa/orders"], operations: [OPERATION_READ], topics: [apples, secrets], groups: ["orders-*"]}
  - {name: makers, effect: EFFECT_ALLOW, principals: ["maker-*"], operations: [OPERATION_CREATE], cluster: true}
  - {effect: EFFECT_ALLOW, principals: ["maker-*"], operations: [OPERATION_WRITE, OPERATION_ALTER_CONFIGS], topics: ["*"]}
quotas:
  rules:
  - {name: nightly, principals: ["*"], client_ids: ["nightly-*"], produce_bytes_per_second: 1048576, fetch_bytes_per_second: 2097152}
  - {principals: ["maker-1"], requests_per_second: 500, burst_seconds: 2}
  - {name: makers, principals: ["maker-*"], unlimited: true}
`

// TestExplainAs has it explained what principals may do.
func TestExplainAs(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	var said strings.Builder
	file := e.config(explainedAs + asRules)
	for _, args := range [][]string{
		{"--as", "spiffe://cluster.local/ns/shop/sa/orders", "apples"},
		{"--offline", "--as", "spiffe://cluster.local/ns/shop/sa/orders", "secrets"},
		{"--offline", "--as", "maker-1", "apples"},
		{"--offline", "--as", "ANONYMOUS", "apples"},
		{"--offline", "--as", "a\nb", "apples"},
		{"--offline", "--as", "User:maker-1", "secrets"},
		{"--offline", "--as", "spiffe://cluster.local/ns/shop/sa/orders", "--group", "orders-1"},
		{"--offline", "--as", "maker-1", "--group", "orders-1"},
		{"--offline", "--as", "maker-2", "--group", "orders-1"},
	} {
		said.WriteString("$ kafkamesh explain CONFIG " + strings.ReplaceAll(strings.Join(args, " "), "\n", "\\n") + "\n" +
			e.run(append([]string{"explain"}, reorder(file, args)...)...) + "\n")
	}
	said.WriteString("$ kafkamesh explain WITHOUT --offline --as ann apples\n" + e.run("explain", "--offline", "--as", "ann", e.config(explainedAs), "apples") + "\n")
	compare(t, "testdata/survey/as.golden", said.String())
}

// reorder puts the file before the topic, behind the flags.
func reorder(file string, args []string) []string {
	last := len(args) - 1
	if args[last-1] == "--group" {
		return append(append([]string{}, args...), file)
	}
	return append(append([]string{}, args[:last]...), file, args[last])
}
