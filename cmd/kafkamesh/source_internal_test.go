package main

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// envoy is a listener whose filter is configured with packed, an Any in YAML's flow style. module is its name, or all of its configuration.
func envoy(module, packed string) string {
	if !strings.HasPrefix(module, "{") {
		module = "{name: " + module + "}"
	}
	return `
static_resources:
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter
          dynamic_module_config: ` + module + `
          terminal_filter: true
          filter_config: ` + packed + "\n"
}

// configMap is a ConfigMap of Kubernetes with these lines of data.
func configMap(lines ...string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  " + strings.Join(lines, "\n  ") + "\n"
}

func TestEnvoysFiles(t *testing.T) {
	t.Parallel()
	const (
		where = "-: static_resources.listeners[0].filter_chains[0].filters[0].typed_config"
		typed = `"@type": type.googleapis.com/`
		body  = `upstream_clusters: [{cluster_name: c, bootstrap_servers: "h:1"}], forwarding_rules: [{target_cluster: c, topic_prefix: t}]`
	)
	packed := base64.StdEncoding.EncodeToString([]byte("{" + body + "}"))
	for _, tc := range []struct {
		name, text string
		code       int
		out        string
	}{
		{"struct", envoy("kafkamesh", "{"+typed+"google.protobuf.Struct, value: {"+body+"}}"), exitOK, where + ".filter_config: valid\n"},
		{"text", envoy("kafkamesh", "{"+typed+"google.protobuf.StringValue, value: '{"+body+"}'}"), exitOK, where + ".filter_config: valid\n"},
		{"bytes", envoy("kafkamesh", "{"+typed+"google.protobuf.BytesValue, value: "+packed+"}"), exitOK, where + ".filter_config: valid\n"},
		{
			"message", envoy("kafkamesh", "{"+typed+"kafkamesh.v1.KafkaMesh, "+body+"}"), exitFailed,
			"-:10:36: Envoy does not know this type; write type.googleapis.com/google.protobuf.Struct, and the fields into value\n",
		},
		{
			"mistake", envoy("kafkamesh", "{"+typed+"google.protobuf.Struct, value: {"+body+", advertised_port: 9}}"), exitFailed,
			"-:10:87: advertised_host: missing, while advertised_port is set; set both, or neither\n",
		},
		{
			"not bytes", envoy("kafkamesh", "{"+typed+"google.protobuf.BytesValue, value: '?'}"), exitFailed,
			"-:10:26: value is not base64\n",
		},
		{
			"another message", envoy("kafkamesh", "{"+typed+"google.protobuf.Duration, value: 1s}"), exitFailed,
			"-:10:36: this type cannot hold a configuration; write type.googleapis.com/google.protobuf.Struct\n",
		},
		{
			"nothing", envoy("kafkamesh", ""), exitFailed, "-:10:25: filter_config must be a message with an @type; " +
				"write \"@type\": type.googleapis.com/google.protobuf.Struct, and the fields into value\n",
		},
		{
			"another module", envoy("other", "{}"), exitFailed,
			"-: this is a configuration of Envoy or Kubernetes (it has static_resources), and no filter in it uses the module or plugin kafkamesh\n",
		},
		{
			"Envoy's own kafka_mesh, to be replaced", "filter_chains: [{filters: [{typed_config: {" + typed +
				"envoy.extensions.filters.network.kafka_mesh.v3alpha.KafkaMesh, " + body + "}}]}]",
			exitFailed, "-:1:53: this configures Envoy's own filter, which is in the contrib image alone; kafkamesh convert FILE writes the same for this one\n",
		},
		{
			"a plugin of the contrib image", "filter_chains: [{filters: [{typed_config: {plugin_name: kafkamesh, plugin_config: {" + typed +
				"xds.type.v3.TypedStruct, value: {" + body + "}}}}]}]",
			exitOK, "-: filter_chains[0].filters[0].typed_config.plugin_config: valid\n",
		},
		{
			"a name twice", "static_resources: {}\nstatic_resources: {}\n", exitFailed, "-:2:1: the field here is given twice; keep one\n",
		},
		{
			"a module by its file", envoy("{module: {local: {filename: /etc/kafka-mesh/libkafkamesh.so}}}", "{"+typed+"google.protobuf.Struct, value: {"+body+"}}"),
			exitOK, where + ".filter_config: valid\n",
		},
		{
			"another module by its file", envoy("{module: {local: {filename: /lib/libother.so}}}", "{"+body+"}"), exitFailed,
			"-: a filter in it uses the module \"other\"; ours is called kafkamesh, because its file is libkafkamesh.so\n",
		},
		{
			"texts in a ConfigMap", configMap("mesh.yaml: '{"+body+"}'", "notes: 'forward, march'", "envoy.yaml: \""+
				"{filter_chains: [{filters: [{typed_config: {plugin_name: kafkamesh, plugin_config: {'@type': xds.type.v3.TypedStruct, value: {"+
				strings.ReplaceAll(body, `"`, "'")+"}}}}]}]}\""),
			exitOK, "-: data[\"mesh.yaml\"]: valid\n-: data[\"envoy.yaml\"]: filter_chains[0].filters[0].typed_config.plugin_config: valid\n",
		},
		{
			"a mistake in a ConfigMap's text", configMap("mesh.yaml: |", "  upstream_clusters: [{cluster_name: c, bootstrap_servers: h}]",
				"  forwarding_rules: [{target_cluster: d, topic_prefix: t}]"),
			exitFailed, "-: data[\"mesh.yaml\"]:2:21: forwarding_rules[0].target_cluster: there is no cluster \"d\"; write the cluster_name of one of upstream_clusters\n",
		},
		{
			"a ConfigMap's text that is broken", configMap(`mesh.yaml: "forwarding_rules: ["`), exitFailed, "-: data[\"mesh.yaml\"]:",
		},
		{
			"two", "resources: [{" + typed + "x.KafkaMesh, " + body + "}, {" + typed + "x.KafkaMesh}]", exitFailed,
			"-: resources[0]: valid\n-:1:",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, out := runValidate(t, tc.text, "-")
			if code != tc.code || !strings.HasPrefix(out, tc.out) {
				t.Errorf("validate = %d, %q, want %d, %q", code, out, tc.code, tc.out)
			}
		})
	}
}

// What the plain binary alone does is a warning in a file of Envoy's, and there only.
func TestWarningsOfEnvoy(t *testing.T) {
	t.Parallel()
	body := `{open_telemetry: {endpoint: "http://127.0.0.1:4318"}, upstream_clusters: [{cluster_name: c, bootstrap_servers: h}], ` +
		"forwarding_rules: [{target_cluster: c, topic_prefix: t}]}"
	const warning = "warning: open_telemetry: has no effect in Envoy"
	for text, want := range map[string]bool{
		body: false,
		envoy("kafkamesh", `{"@type": type.googleapis.com/google.protobuf.Struct, value: `+body+"}"): true,
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"validate", "-"}, streams{strings.NewReader(text), printer{&out}, printer{&errs}})
		if code != exitOK || strings.Contains(errs.String(), warning) != want {
			t.Errorf("validate of\n%s\n= %d, %q; want a warning: %v", text, code, &errs, want)
		}
	}
}

// Nothing that is printed shows a secret in a wrong place, wherever in the file the configuration is.
func TestOutputsKeepSecrets(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-passw0rd"
	for _, fields := range []string{
		"sasl: {mechanism: MECHANISM_PLAIN, username: joe, password: " + secret + "}", "sasl: PLAIN joe " + secret, "sasl: {" + secret + "}",
		"producer_config: sasl.password=" + secret, "producer_config: {sasl.password=" + secret + "}", "producer_config: [" + secret + "]",
		"tls: {key: {filename: " + secret + "}}", "tls: {key_password: *" + secret + "}", "bootstrap_servers: 'joe:" + secret + "@kafka'",
	} {
		body := "{upstream_clusters: [{cluster_name: c, " + fields + "}], forwarding_rules: [{target_cluster: c, topic_prefix: t}]}"
		for _, text := range []string{
			body, envoy("kafkamesh", `{"@type": type.googleapis.com/google.protobuf.Struct, value: `+body+"}"),
			envoy("kafkamesh", `{"@type": type.googleapis.com/google.protobuf.Struct, `+body[1:]), envoy("other", body), secret, secret + ": [",
		} {
			if code, out := runValidate(t, text, "-"); code != exitFailed || strings.Contains(out, secret) {
				t.Errorf("validate of\n%s\n= %d, %q", text, code, out)
			}
		}
	}
}
