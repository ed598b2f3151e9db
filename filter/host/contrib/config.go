package contrib

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// parse reads plugin_config: a TypedStruct or Struct with the fields of KafkaMesh, a StringValue or BytesValue with its text in YAML or
// JSON, or the message itself, ours or Envoy's.
func parse(a *anypb.Any) (*config.Config, error) {
	raw, err := content(a)
	if err != nil {
		return nil, err
	}
	return config.Parse(raw)
}

// content is what config.Parse takes.
func content(a *anypb.Any) ([]byte, error) {
	switch a.MessageName() {
	case "":
		return nil, errors.New("plugin_config is missing; write at least upstream_clusters and forwarding_rules into it")
	case "google.protobuf.Struct":
		return structJSON(a.GetValue())
	case "google.protobuf.StringValue":
		var text wrapperspb.StringValue
		if err := proto.Unmarshal(a.GetValue(), &text); err != nil {
			return nil, fmt.Errorf("plugin_config: %w", err)
		}
		return []byte(text.GetValue()), nil
	case "google.protobuf.BytesValue":
		var content wrapperspb.BytesValue
		if err := proto.Unmarshal(a.GetValue(), &content); err != nil {
			return nil, fmt.Errorf("plugin_config: %w", err)
		}
		return content.GetValue(), nil
	case "xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct", "kafkamesh.v1.KafkaMesh", "envoy.extensions.filters.network.kafka_mesh.v3alpha.KafkaMesh":
		return a.GetValue(), nil
	default:
		return nil, fmt.Errorf("plugin_config is of type %q; write a TypedStruct, a Struct, a StringValue or a KafkaMesh", a.GetTypeUrl())
	}
}

func structJSON(raw []byte) ([]byte, error) {
	var s structpb.Struct
	if err := proto.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("plugin_config: %w", err)
	}
	return protojson.Marshal(&s)
}
