package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const (
	types = "type.googleapis.com/"
	// ourType and envoysType are the messages that a configuration is.
	ourType    = types + "kafkamesh.v1.KafkaMesh"
	envoysType = types + "envoy.extensions.filters.network.kafka_mesh.v3alpha.KafkaMesh"
)

// typedStruct is a filter_config that holds a KafkaMesh, given as JSON, in a TypedStruct of the xds or udpa package.
func typedStruct(pkg, of string) func(config string) string {
	if of != "" {
		of = fmt.Sprintf("type_url: %q, ", of)
	}
	return func(config string) string {
		return fmt.Sprintf(`{"@type": %s%s.TypedStruct, %svalue: %s}`, types, pkg, of, config)
	}
}

// forms are those in which Envoy takes a configuration in YAML.
var forms = map[string]func(config string) string{
	"Struct":                     stack.AsStruct,
	"StringValue":                stack.AsString,
	"BytesValue":                 stack.AsBytes,
	"TypedStruct":                typedStruct("xds.type.v3", ourType),
	"TypedStruct of Envoy's":     typedStruct("xds.type.v3", envoysType),
	"TypedStruct without a type": typedStruct("xds.type.v3", ""),
	"TypedStruct, as it was":     typedStruct("udpa.type.v1", ourType),
}

// TestReferenceConfigurationLoads loads the configuration of Envoy's C++ filter in each form that Envoy can hand to a module.
func TestReferenceConfigurationLoads(t *testing.T) {
	t.Parallel()
	asJSON, err := yaml.YAMLToJSON([]byte(reference)) // Envoy's YAML wants it indented or in one line
	stack.Check(t, err)
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := stack.Addr(t)
			stack.Envoy(t, stack.EnvoyOptions{Config: stack.Bootstrap(addr, form(string(asJSON)))})
			dialRaw(t, addr).WantServed()
		})
	}
}

// TestUnknownFieldsAreRefused in each form: nobody but us looks at them.
func TestUnknownFieldsAreRefused(t *testing.T) {
	t.Parallel()
	wrong := strings.Replace(reference, "cluster_name: kafka_c2,", "cluster_name: kafka_c2, partition_cuont: 1,", 1)
	asJSON, err := yaml.YAMLToJSON([]byte(wrong))
	stack.Check(t, err)
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, stack.Bootstrap(stack.Addr(t), form(string(asJSON))), `upstream_clusters[1]: unknown field "partition_cuont"; partition_count is given too, remove this`)
		})
	}
}

// wantRefused starts an Envoy that refuses its configuration and says why.
func wantRefused(t *testing.T, config, want string) {
	t.Helper()
	envoy, err := stack.LaunchEnvoy(t.Context(), stack.EnvoyOptions{Config: config})
	stack.Check(t, err)
	defer envoy.Close()
	select {
	case <-envoy.Done():
	case <-t.Context().Done():
	}
	if log := envoy.Log(); envoy.ExitCode() <= 0 || !strings.Contains(log, want) {
		t.Errorf("Envoy's exit code is %d, and its log does not say %s:\n%s", envoy.ExitCode(), want, stack.Tail(log))
	}
}

// TestMessagesInYAMLAreNotForStockEnvoy: it reads the types that it was built with, and no others. Where they are in a form that needs no
// reading, as a control plane sends them, they are taken.
func TestMessagesInYAMLAreNotForStockEnvoy(t *testing.T) {
	t.Parallel()
	asJSON, err := yaml.YAMLToJSON([]byte(reference))
	stack.Check(t, err)
	for _, url := range []string{ourType, envoysType} {
		t.Run(url[len(types):], func(t *testing.T) {
			t.Parallel()
			inYAML := fmt.Sprintf(`{"@type": %s, %s`, url, strings.TrimPrefix(string(asJSON), "{"))
			wantRefused(t, stack.Bootstrap(stack.Addr(t), inYAML), "could not find @type")
			addr := stack.Addr(t)
			wait(t, sentAs(t, addr, url, func(*kafkameshv1.KafkaMesh) {}), "listener_manager.listener_create_success", 1)
			dialRaw(t, addr).WantServed()
		})
	}
}

// TestUnknownFieldsOfMessagesAreRefused has a control plane send a field that we do not know, and then none.
func TestUnknownFieldsOfMessagesAreRefused(t *testing.T) {
	t.Parallel()
	addr := stack.Addr(t)
	const number = 77
	envoy := sentAs(t, addr, envoysType, func(m *kafkameshv1.KafkaMesh) {
		m.UpstreamClusters[2].ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), 1))
	})
	wait(t, envoy, "listener_manager.lds.update_rejected", 1)
	stack.Check(t, envoy.WaitLog(t.Context(), "upstream_clusters[2]: unknown field number "+strconv.Itoa(number)))
}

// sentAs is an Envoy to which a control plane has sent a listener whose filter_config is a message of a type: in binary form.
func sentAs(t *testing.T, addr, url string, change func(*kafkameshv1.KafkaMesh)) *stack.EnvoyProcess {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(reference))
	stack.Check(t, err)
	m := &kafkameshv1.KafkaMesh{}
	stack.Check(t, protojson.Unmarshal(asJSON, m))
	change(m)
	raw, err := proto.Marshal(m)
	stack.Check(t, err)
	file := filepath.Join(t.TempDir(), "listeners.pb")
	stack.Check(t, os.WriteFile(file, response(t, addr, packed(url, raw)), 0o600))
	return stack.Envoy(t, stack.EnvoyOptions{Config: stack.DynamicBootstrap(file)})
}

// field is a message, or a text, in a field of another.
func field(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// joined are fields of one message.
func joined(fields ...[]byte) (all []byte) {
	for _, f := range fields {
		all = append(all, f...)
	}
	return all
}

func number(number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), value)
}

// packed is a google.protobuf.Any.
func packed(url string, content []byte) []byte {
	return joined(field(1, []byte(url)), field(2, content))
}

// response is a DiscoveryResponse with a Listener on addr whose only filter is ours, with the given filter_config. The numbers are those of
// Envoy's messages.
func response(t *testing.T, addr string, filterConfig []byte) []byte {
	t.Helper()
	host, service, _ := strings.Cut(addr, ":")
	port, err := strconv.ParseUint(service, 10, 16)
	stack.Check(t, err)
	filter := joined(field(1, field(1, []byte("kafkamesh"))), field(2, []byte("kafka_mesh")), field(3, filterConfig), number(4, 1))
	const of = types + "envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter"
	chain := field(3, joined(field(1, []byte("kafka_mesh")), field(4, packed(of, filter))))
	address := field(1, joined(field(2, []byte(host)), number(3, port)))
	listener := joined(field(1, []byte("kafka")), field(2, address), field(3, chain))
	const resource = types + "envoy.config.listener.v3.Listener"
	return joined(field(1, []byte("1")), field(2, packed(resource, listener)), field(4, []byte(resource)))
}
