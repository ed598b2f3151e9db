package main

import (
	"strings"
	"testing"
)

const identities = `
upstream_clusters:
- cluster_name: secured
  bootstrap_servers: "<secured>"
  tls: {ca: {filename: "DIR/ca.pem"}}
  sasl: {mechanism: MECHANISM_SCRAM_SHA_256, username: {inline_string: mesh}, password: {inline_string: hush-the-password}}
  identity: {IDENTITY}
forwarding_rules: [{target_cluster: secured, topic_prefix: ""}]
authentication: {tls: {from: FROM_URI_SAN}}
`

// TestIdentities has check and explain look at a cluster as who it sees principals as.
func TestIdentities(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.write("right", []byte("alice fruit "+rightPassword+"\n"))
	e.write("wrong", []byte("alice fruit "+rightPassword+"\nbob fruit "+wrongPassword+"\n@default nobody "+wrongPassword+"\n"))
	identity := map[string]string{
		"RIGHT": "mapped: {credentials_file: DIR/right}", "WRONG": "mapped: {credentials_file: DIR/wrong}", "NAMED": "client_id: {}",
	}
	var said strings.Builder
	for _, line := range []string{
		"check RIGHT", "check WRONG",
		"explain --as alice RIGHT cherries", "explain --as alice RIGHT bananas", "explain --as carol RIGHT cherries",
		"explain --as carol WRONG cherries", "explain RIGHT bananas", "explain --as alice NAMED bananas",
		"explain --offline --as alice RIGHT cherries", "explain --offline --as carol RIGHT cherries", "explain --offline --as alice --group g NAMED",
		"explain --as alice --group g RIGHT", "explain --as carol --group g RIGHT",
	} {
		args := strings.Fields(line)
		for i, arg := range args {
			if identity[arg] != "" {
				args[i] = e.config(strings.Replace(identities, "IDENTITY", identity[arg], 1))
			}
		}
		said.WriteString("$ kafkamesh " + line + "\n" + e.run(args...) + "\n")
	}
	compare(t, "testdata/survey/identity.golden", said.String())
}
