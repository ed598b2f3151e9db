package config_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

func binaryCases(tb testing.TB) []messageCase {
	tb.Helper()
	mode := cppMessage(tb)
	mode.ConsumerProxyMode = 3
	unknown := protowire.AppendVarint(protowire.AppendTag(marshal(tb, cppMessage(tb)), 199, protowire.VarintType), 1)
	inside := cppMessage(tb)
	inside.UpstreamClusters[1].ProtoReflect().SetUnknown(
		protowire.AppendString(protowire.AppendTag(nil, 9, protowire.BytesType), "x"))
	inside.Limits = &kafkameshv1.Limits{}
	inside.Limits.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 50, protowire.VarintType), 1))
	inside.ForwardingRules[0].ProtoReflect().SetUnknown(
		protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1))
	authorizing := cppMessage(tb)
	authorizing.Authorization = &kafkameshv1.Authorization{Rules: []*kafkameshv1.AuthorizationRule{
		{Effect: 7, Principals: []string{""}, Operations: []kafkameshv1.AuthorizationRule_Operation{99, 0}, Topics: []string{"a"}}, {},
	}}
	operated := cppMessage(tb)
	share, slow := math.NaN(), int32(-1)
	operated.Admin = &kafkameshv1.Admin{Address: "127.0.0.1:9990", Readiness: 9}
	operated.AccessLog = &kafkameshv1.AccessLog{Path: "/dev/stderr", Share: &share, SlowerThanMs: &slow}
	broken := marshal(tb, cppMessage(tb))
	return []messageCase{
		{"binary: unknown mode number", string(marshal(tb, mode))},
		{"binary: unknown field number", string(unknown)},
		{"binary: unknown field number inside", string(marshal(tb, inside))},
		{"binary: no numbers", string(marshal(tb, operated))},
		{"binary: authorization", string(marshal(tb, authorizing))},
		{"binary: cut short", string(broken[:len(broken)-1])},
		{"binary: not UTF-8", "advertised_host: caf\xe9\n"},
		{"binary: hidden rule", string(marshal(tb, &kafkameshv1.KafkaMesh{
			UpstreamClusters: []*kafkameshv1.KafkaClusterDefinition{{ClusterName: "a", BootstrapServers: "a"}},
			ForwardingRules:  []*kafkameshv1.ForwardingRule{rule("a", "a"), rule("a", "ab")},
		}))},
		{"TypedStruct of another type", string(typedStruct(tb, "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo", []byte("{}")))},
		{"TypedStruct without a value", string(typedStruct(tb, "type.googleapis.com/kafkamesh.v1.KafkaMesh", []byte("{}")))},
		{"TypedStruct without a type, unknown field inside", string(typedStruct(tb, "", []byte(`{"upstream_clusters": [{"cluster_name": "a", "bootstrap_servers": "a", "dail": {}}]}`)))},
		{"TypedStruct, unknown field", string(typedStruct(tb, "type.googleapis.com/kafkamesh.v1.KafkaMesh", []byte(`{"advertised_hots": "x"}`)))},
	}
}
