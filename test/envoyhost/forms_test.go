package envoyhost

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/wrapperspb"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const types = "type.googleapis.com/"

// forms are those in which the contrib image's filter is given a configuration, which is JSON.
var forms = map[string]func(t *testing.T, config string) (url string, value []byte){
	"Struct": func(t *testing.T, config string) (string, []byte) {
		t.Helper()
		return structURL, asStruct(t, config)
	},
	"TypedStruct":                typedStruct("xds.type.v3", types+"kafkamesh.v1.KafkaMesh"),
	"TypedStruct without a type": typedStruct("xds.type.v3", ""),
	"TypedStruct, as it was":     typedStruct("udpa.type.v1", types+"envoy.extensions.filters.network.kafka_mesh.v3alpha.KafkaMesh"),
	"StringValue": func(t *testing.T, config string) (string, []byte) {
		t.Helper()
		return types + "google.protobuf.StringValue", marshal(t, wrapperspb.String(config))
	},
	"BytesValue": func(t *testing.T, config string) (string, []byte) {
		t.Helper()
		return types + "google.protobuf.BytesValue", marshal(t, wrapperspb.Bytes([]byte(config)))
	},
}

// messages are the forms that have numbers in place of names.
var messages = map[string]string{
	"KafkaMesh": types + "kafkamesh.v1.KafkaMesh",
	"Envoy's":   types + "envoy.extensions.filters.network.kafka_mesh.v3alpha.KafkaMesh",
}

func typedStruct(pkg, of string) func(t *testing.T, config string) (url string, value []byte) {
	return func(t *testing.T, config string) (string, []byte) {
		t.Helper()
		var value []byte
		if of != "" {
			value = protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), of)
		}
		value = protowire.AppendTag(value, 2, protowire.BytesType)
		return types + pkg + ".TypedStruct", protowire.AppendBytes(value, asStruct(t, config))
	}
}

// message is a configuration in binary form.
func message(t *testing.T, config string) *kafkameshv1.KafkaMesh {
	t.Helper()
	m := &kafkameshv1.KafkaMesh{}
	stack.Check(t, protojson.Unmarshal([]byte(config), m))
	return m
}

// TestEachFormOfConfigurationLoads has the forms in which a configuration may come.
func TestEachFormOfConfigurationLoads(t *testing.T) {
	t.Parallel()
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			startAs(t, stack.EnvoyHostOptions{Contrib: true}, func(config string) (string, []byte) { return form(t, config) }).produce(t, 100)
		})
	}
	for name, url := range messages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			startAs(t, stack.EnvoyHostOptions{Contrib: true}, func(config string) (string, []byte) {
				return url, marshal(t, message(t, config))
			}).produce(t, 100)
		})
	}
}

// TestUnknownFieldsAreNamed in each form, with where they are: connections are closed, as a configuration cannot be refused.
func TestUnknownFieldsAreNamed(t *testing.T) {
	t.Parallel()
	const right = `{"upstream_clusters": [{"cluster_name": "c1", "bootstrap_servers": "127.0.0.1:1"}], "forwarding_rules": [{"target_cluster": "c1", "topic_prefix": ""}]}`
	wrong := strings.Replace(right, `"cluster_name"`, `"partition_cuont": 1, "cluster_name"`, 1)
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, value := form(t, wrong)
			wantNamed(t, url, value, `unknown field \"partition_cuont\"; did you mean partition_count?`)
		})
	}
	for name, url := range messages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := message(t, right)
			m.UpstreamClusters[0].ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 77, protowire.VarintType), 1))
			wantNamed(t, url, marshal(t, m), "unknown field number 77")
		})
	}
}

// wantNamed sees that a configuration is not taken, and that the log says why.
func wantNamed(t *testing.T, url string, value []byte, what string) {
	t.Helper()
	addr := stack.Addr(t)
	host := stack.EnvoyHost(t, stack.EnvoyHostOptions{Contrib: true, Addr: addr, Workers: 1, TypeURL: url, Value: value})
	rawkafka.Connect(t, addr, clientID).WantClosed()
	stack.WantAlive(t, host.Process)
	if want := "upstream_clusters[0]: " + what; !strings.Contains(host.Log(), want) && !strings.Contains(host.Log(), strings.ReplaceAll(want, `\`, "")) {
		t.Errorf("the log does not say %s:\n%s", want, host.Log())
	}
}
