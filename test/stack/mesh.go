package stack

import (
	"encoding/json"
	"fmt"
)

// Mesh is a mesh's configuration as tests need it.
type Mesh struct {
	Addr       string // where clients reach it, host:port
	Clusters   []MeshCluster
	Rules      []MeshRule
	Groups     []MeshGroups
	Limits     map[string]int64 // the fields of KafkaMesh.limits; the defaults if nil
	Verify     bool             // verify_upstreams
	Topics     string           // administration.topics, such as ACCESS_ALL; its default if empty
	Deleting   bool             // administration.groups is ACCESS_ALL: groups can be deleted
	Logins     map[string]any   // authentication.sasl; nil: clients do not log in
	Authorized []map[string]any // authorization.rules; none if nil
	Quotas     []map[string]any // quotas.rules; none if nil
	Text       string           // the configuration as it is, instead of these fields
}

// MeshCluster is one Kafka cluster behind the mesh.
type MeshCluster struct {
	Name       string            `json:"cluster_name"`
	Bootstrap  string            `json:"bootstrap_servers"`
	Partitions int               `json:"partition_count,omitempty"`
	Producer   map[string]string `json:"producer_config,omitempty"`
	TLS        map[string]any    `json:"tls,omitempty"`
	SASL       map[string]any    `json:"sasl,omitempty"`
	Dial       map[string]any    `json:"dial,omitempty"`
	Identity   map[string]any    `json:"identity,omitempty"`
}

// MeshRule sends the topics that start with Prefix to Cluster.
type MeshRule struct {
	Cluster string `json:"target_cluster"`
	Prefix  string `json:"topic_prefix"`
}

// MeshGroups has Cluster be the home of the groups whose ids start with Prefix.
type MeshGroups struct {
	Cluster string `json:"target_cluster"`
	Prefix  string `json:"group_prefix"`
}

// TwoClusters is a mesh that sends topics that begin with apples to one cluster, kafka_c1, and with bananas to another, kafka_c2.
func TwoClusters(addr, apples, bananas string) Mesh {
	return Mesh{
		Addr:     addr,
		Clusters: []MeshCluster{{Name: "kafka_c1", Bootstrap: apples}, {Name: "kafka_c2", Bootstrap: bananas}},
		Rules:    []MeshRule{{Cluster: "kafka_c1", Prefix: "apples"}, {Cluster: "kafka_c2", Prefix: "bananas"}},
	}
}

// Config is the KafkaMesh message as JSON, which is YAML too: what `kafkamesh serve --config` reads.
func (m *Mesh) Config() (string, error) {
	if m.Text != "" {
		return m.Text, nil
	}
	host, port, err := splitPort(m.Addr)
	if err != nil {
		return "", fmt.Errorf("the mesh's address: %w", err)
	}
	config := map[string]any{
		"advertised_host":   host,
		"advertised_port":   port,
		"upstream_clusters": m.Clusters,
		"forwarding_rules":  m.Rules,
	}
	if m.Verify {
		config["verify_upstreams"] = true
	}
	if m.Groups != nil {
		config["group_rules"] = m.Groups
	}
	if administration := m.administration(); len(administration) > 0 {
		config["administration"] = administration
	}
	if m.Authorized != nil {
		config["authorization"] = map[string]any{"rules": m.Authorized}
	}
	if m.Quotas != nil {
		config["quotas"] = map[string]any{"rules": m.Quotas}
	}
	if m.Logins != nil {
		config["authentication"] = map[string]any{"sasl": m.Logins}
	}
	if m.Limits != nil {
		config["limits"] = m.Limits
	}
	text, err := json.Marshal(config)
	return string(text), err
}

// Bootstrap is an Envoy bootstrap with the mesh as its only listener.
func (m *Mesh) Bootstrap() (string, error) {
	config, err := m.Config()
	if err != nil {
		return "", err
	}
	return Bootstrap(m.Addr, AsStruct(config)), nil
}

// administration is what clients may do beside writing and reading, as far as that is not the default.
func (m *Mesh) administration() map[string]string {
	a := map[string]string{}
	if m.Topics != "" {
		a["topics"] = m.Topics
	}
	if m.Deleting {
		a["groups"] = "ACCESS_ALL"
	}
	return a
}

// AsStruct is a filter_config that holds a KafkaMesh, given as JSON, as a protobuf Struct: what people write in YAML.
func AsStruct(config string) string {
	return fmt.Sprintf(`{"@type": type.googleapis.com/google.protobuf.Struct, value: %s}`, config)
}

// AsString is a filter_config that holds a KafkaMesh, given as YAML or JSON text, as a protobuf StringValue.
func AsString(config string) string {
	text, _ := json.Marshal(config) // a string can always be marshaled
	return fmt.Sprintf(`{"@type": type.googleapis.com/google.protobuf.StringValue, value: %s}`, text)
}

// AsBytes is a filter_config that holds a KafkaMesh, given as YAML or JSON text, as a protobuf BytesValue.
func AsBytes(config string) string {
	text, _ := json.Marshal([]byte(config)) // bytes can always be marshaled
	return fmt.Sprintf(`{"@type": type.googleapis.com/google.protobuf.BytesValue, value: %s}`, text)
}

// Bootstrap is an Envoy bootstrap whose only listener is the mesh on addr with the given filter_config.
func Bootstrap(addr, filterConfig string) string {
	return bootstrap + "static_resources:\n  listeners:\n  - " + Listener(addr, filterConfig) + "\n"
}

// DynamicBootstrap is an Envoy bootstrap that takes its listeners from a file, and from whatever is moved there later.
func DynamicBootstrap(file string) string {
	return bootstrap + fmt.Sprintf(`node: {id: test, cluster: test}
dynamic_resources:
  lds_config:
    resource_api_version: V3
    path_config_source: {path: %q}
`, file)
}

// Listeners is the content of that file: the mesh on addr with the given filter_config.
func Listeners(addr, filterConfig string) string {
	listener := Listener(addr, filterConfig)
	return "resources:\n- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, " + listener[1:] + "\n"
}

// Listener is an Envoy listener in YAML's flow style: the mesh on addr with the given filter_config.
func Listener(addr, filterConfig string) string {
	host, port, err := splitPort(addr)
	if err != nil {
		return fmt.Sprintf("{not_an_address: %q}", addr) // Envoy refuses it and shows it
	}
	return fmt.Sprintf(`{name: kafka, address: {socket_address: {address: %s, port_value: %d}}, filter_chains: [{filters: [{
    name: envoy.filters.network.dynamic_modules,
    typed_config: {
      "@type": type.googleapis.com/envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter,
      dynamic_module_config: {name: kafkamesh, metrics_namespace: kafkamesh},
      filter_name: kafka_mesh,
      terminal_filter: true,
      filter_config: %s
    }}]}]}`, host, port, filterConfig)
}

// bootstrap is what every bootstrap begins with. Its extension tells the filter of drains, of updates and of the end.
const bootstrap = `admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
bootstrap_extensions:
- name: envoy.bootstrap.dynamic_modules
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.bootstrap.dynamic_modules.v3.DynamicModuleBootstrapExtension
    dynamic_module_config: {name: kafkamesh}
    extension_name: kafka_mesh
`
