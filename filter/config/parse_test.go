package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// cppConfig is the configuration in the documentation of Envoy's own filter, testdata/cpp.yaml, as it must be read.
func cppConfig() *config.Config {
	cluster := func(name string, partitions int32, servers ...string) config.Cluster {
		return config.Cluster{
			Name: name, BootstrapServers: servers, PartitionCount: partitions, ClientID: "kafkamesh",
			RequestTimeout: 30 * time.Second, MetadataMaxAge: 15 * time.Minute, MetadataRefreshInterval: 5 * time.Minute,
		}
	}
	c3 := cluster("kafka_c3", 5, "cluster3_node1:9092", "cluster3_node2:9092")
	c3.Acks, c3.Linger = config.AcksLeader, 500*time.Millisecond
	return &config.Config{
		AdvertisedHost: "127.0.0.1",
		AdvertisedPort: 19092,
		Clusters: []config.Cluster{
			cluster("kafka_c1", 1, "cluster1_node1:9092", "cluster1_node2:9092", "cluster1_node3:9092"),
			cluster("kafka_c2", 1, "cluster2_node1:9092", "cluster2_node2:9092", "cluster2_node3:9092"),
			c3,
		},
		Rules: []config.Rule{
			{Prefix: "apples", Cluster: "kafka_c1"},
			{Prefix: "bananas", Cluster: "kafka_c2"},
			{Prefix: "cherries", Cluster: "kafka_c3"},
		},
		DefaultGroupCluster: "kafka_c1",
		Identities:          config.IdentityLimits{Most: 100, MaxIdle: 5 * time.Minute},
		Limits: config.Limits{
			MaxRequestBytes: 104857600, MaxConnectionRequests: 1024, MaxConnectionBytes: 16777216, MaxWorkerBytes: 268435456,
			PartialRequestTimeout: time.Minute, ConnectionsMaxIdle: 10 * time.Minute,
		},
	}
}

// cppMessage is the same as a message.
func cppMessage(tb testing.TB) *kafkameshv1.KafkaMesh {
	tb.Helper()
	m := &kafkameshv1.KafkaMesh{AdvertisedHost: "127.0.0.1", AdvertisedPort: 19092}
	for _, c := range cppConfig().Clusters {
		d := &kafkameshv1.KafkaClusterDefinition{
			ClusterName: c.Name, BootstrapServers: strings.Join(c.BootstrapServers, ","), PartitionCount: c.PartitionCount,
		}
		if c.Linger != 0 {
			d.ProducerConfig = map[string]string{"acks": "1", "linger.ms": "500"}
		}
		m.UpstreamClusters = append(m.UpstreamClusters, d)
	}
	for _, r := range cppConfig().Rules {
		m.ForwardingRules = append(m.ForwardingRules, rule(r.Cluster, r.Prefix))
	}
	return m
}

func rule(cluster, prefix string) *kafkameshv1.ForwardingRule {
	return &kafkameshv1.ForwardingRule{
		TargetCluster: cluster, Trigger: &kafkameshv1.ForwardingRule_TopicPrefix{TopicPrefix: prefix},
	}
}

// typedStruct returns an xds.type.v3.TypedStruct in binary form.
func typedStruct(tb testing.TB, typeURL string, json []byte) []byte {
	tb.Helper()
	s := &structpb.Struct{}
	if err := protojson.Unmarshal(json, s); err != nil {
		tb.Fatal(err)
	}
	raw := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), typeURL)
	return protowire.AppendBytes(protowire.AppendTag(raw, 2, protowire.BytesType), marshal(tb, s))
}

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// Every form in which a host may receive one configuration gives the same Config.
func TestParseForms(t *testing.T) {
	t.Parallel()
	yaml, json, message := testdata(t, "cpp.yaml"), testdata(t, "struct.json"), cppMessage(t)
	const typeURL = "type.googleapis.com/envoy.extensions.filters.network.kafka_mesh.v3alpha.KafkaMesh"
	camel, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	snake, err := protojson.MarshalOptions{UseProtoNames: true, Multiline: true}.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		raw  []byte
	}{
		{"YAML", yaml},
		{"YAML, Windows line ends", bytes.ReplaceAll(yaml, []byte("\n"), []byte("\r\n"))},
		{"YAML between markers", []byte("# a comment\n---\n" + string(yaml) + "---\n# another\n")},
		{"YAML with a byte order mark", []byte("\ufeff" + string(yaml))},
		{"YAML of a typed_config", []byte("\"@type\": " + typeURL + "\n" + string(yaml))},
		{"JSON from a Struct", json},
		{"JSON, lowerCamel names", camel},
		{"JSON, snake_case names", snake},
		{"JSON with tabs", bytes.ReplaceAll(snake, []byte("  "), []byte("\t"))},
		{"message", marshal(t, message)},
		{"TypedStruct", typedStruct(t, typeURL, json)},
		{"TypedStruct of ours", typedStruct(t, "type.googleapis.com/kafkamesh.v1.KafkaMesh", json)},
		{"TypedStruct of a Struct", typedStruct(t, "type.googleapis.com/google.protobuf.Struct", json)},
		{"TypedStruct of a word", typedStruct(t, "kafka", json)},
		{"TypedStruct without a type", typedStruct(t, "", json)},
		{"TypedStruct in parts", append(typedStruct(t, "", []byte(`{"advertised_host": "127.0.0.1"}`)), typedStruct(t, typeURL, without(t, json, "advertised_host"))...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Parse(tt.raw)
			if err != nil {
				t.Fatalf("Parse(%s): %v", tt.name, err)
			}
			if diff := cmp.Diff(cppConfig(), got); diff != "" {
				t.Errorf("Parse(%s) differs (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}

// without is a mapping less one field.
func without(tb testing.TB, raw []byte, field string) []byte {
	tb.Helper()
	s := &structpb.Struct{}
	if err := protojson.Unmarshal(raw, s); err != nil {
		tb.Fatal(err)
	}
	delete(s.Fields, field)
	rest, err := protojson.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	return rest
}

func TestNewIsParse(t *testing.T) {
	t.Parallel()
	got, err := config.New(cppMessage(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cppConfig(), got); diff != "" {
		t.Errorf("New differs (-want +got):\n%s", diff)
	}
}

// What librdkafka and Envoy accept in places where a stricter reader would not.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from, to string
		want           func(*config.Config)
	}{
		{"nothing advertised", "advertised_host: 127.0.0.1\nadvertised_port: 19092\n", "", func(c *config.Config) {
			c.AdvertisedHost, c.AdvertisedPort = "", 0
		}},
		{
			"nothing written means not set", "advertised_host: 127.0.0.1\nadvertised_port: 19092\n",
			"advertised_host:\nadvertised_port:\nconsumer_proxy_mode:\n",
			func(c *config.Config) { c.AdvertisedHost, c.AdvertisedPort = "", 0 },
		},
		{"IPv6 advertised", "127.0.0.1", "fd00::1", func(c *config.Config) { c.AdvertisedHost = "fd00::1" }},
		{"name advertised", "127.0.0.1", "Kafka_1.mesh-x.", func(c *config.Config) { c.AdvertisedHost = "Kafka_1.mesh-x." }},
		{"port as text", "19092", `"19092"`, func(*config.Config) {}},
		{"port as double", "19092", "1.9092e+04", func(*config.Config) {}},
		{"mode by name", "forwarding_rules:", "consumer_proxy_mode: StatefulConsumerProxy\nforwarding_rules:", func(*config.Config) {}},
		{"mode by number", "forwarding_rules:", "consumerProxyMode: 0\nforwarding_rules:", func(*config.Config) {}},
		{"offsets kept for longer", ", partition_count: 5", ", partition_count: 5, offset_retention_days: 3650", func(c *config.Config) {
			c.Clusters[2].OffsetRetention = 3650 * 24 * time.Hour
		}},
		{"no cap", ", partition_count: 5", "", func(c *config.Config) { c.Clusters[2].PartitionCount = 0 }},
		{
			"servers without port, with scheme, path and spaces", `"cluster3_node1:9092,cluster3_node2:9092"`,
			`" n1 ,PLAINTEXT://n2:1,, plaintext://[fd00::2]:65535,[::1],10.0.0.1,"`,
			func(c *config.Config) {
				c.Clusters[2].BootstrapServers = []string{"n1:9092", "n2:1", "[fd00::2]:65535", "[::1]:9092", "10.0.0.1:9092"}
			},
		},
		{"catch-all last", "cherries", `""`, func(c *config.Config) { c.Rules[2].Prefix = "" }},
		{
			"limits", "forwarding_rules:", "limits: {max_request_bytes: 1024, max_in_flight_requests_per_connection: 1, " +
				"maxInFlightBytesPerConnection: \"2048\", max_in_flight_bytes_per_worker: 1099511627776, partial_request_timeout_ms: 1e3, connections_max_idle_ms: 0}\n" +
				"forwarding_rules:",
			func(c *config.Config) {
				c.Limits = config.Limits{
					MaxRequestBytes: 1024, MaxConnectionRequests: 1, MaxConnectionBytes: 2048, MaxWorkerBytes: 1 << 40,
					PartialRequestTimeout: time.Second,
				}
			},
		},
		{
			"limits of identities", "forwarding_rules:", "limits: {max_identities_per_worker: 7, identities_max_idle_ms: 1000}\nforwarding_rules:",
			func(c *config.Config) { c.Identities = config.IdentityLimits{Most: 7, MaxIdle: time.Second} },
		},
		{"limits without content", "forwarding_rules:", "limits: {}\nforwarding_rules:", func(*config.Config) {}},
		{
			"everything for those who run it", "forwarding_rules:", `admin: {address: "[::1]:9990", readiness: READINESS_ANY, pprof: true}
access_log: {path: /dev/stderr, failures: true, slower_than_ms: 250, share: 1e-3}
topic_metrics: [apples, cherries.red]
open_telemetry: {endpoint: "http://127.0.0.1:4318/", interval_ms: 1000, headers: [{name: X-Scope, value: {inline_string: a b}}]}
forwarding_rules:`,
			func(c *config.Config) {
				c.Admin = &config.Admin{Address: "[::1]:9990", AnyClusterIsReady: true, Pprof: true}
				c.AccessLog = &config.AccessLog{Path: "/dev/stderr", Failures: true, SlowerThan: 250 * time.Millisecond, Share: 0.001}
				c.TopicMetrics = []string{"apples", "cherries.red"}
				c.OpenTelemetry = &config.OpenTelemetry{
					Endpoint: "http://127.0.0.1:4318/v1/metrics", Interval: time.Second,
					Headers: []config.Header{{Name: "X-Scope", Value: dial.Source{Inline: "a b"}}},
				}
				c.EnvoyWarnings = []*config.Remark{{
					Line: 10, Column: 1, Path: "open_telemetry",
					Text: "has no effect in Envoy; have the collector read the metrics from Envoy, or from admin",
				}}
			},
		},
		{
			"the shortest for those who run it", "forwarding_rules:", `admin: {address: localhost:65535}
access_log: {path: /dev/stdout}
open_telemetry: {endpoint: "https://collector/otlp/v1/metrics/"}
forwarding_rules:`,
			func(c *config.Config) {
				c.Admin, c.AccessLog = &config.Admin{Address: "localhost:65535"}, &config.AccessLog{Path: "/dev/stdout", Share: 1}
				c.OpenTelemetry = &config.OpenTelemetry{Endpoint: "https://collector/otlp/v1/metrics", Interval: time.Minute}
				c.EnvoyWarnings = []*config.Remark{{
					Line: 9, Column: 1, Path: "open_telemetry",
					Text: "has no effect in Envoy; have the collector read the metrics from Envoy, or from admin",
				}}
			},
		},
		{
			"through a sidecar's socket", "partition_count: 5, producer_config", `dial: {proxy_protocol: {socket: "@kafka-mesh-egress"}, dns_server: "127.0.0.1:15053"}, partition_count: 5, producer_config`,
			func(c *config.Config) {
				c.Clusters[2].Dial.Socket = dial.Socket{Reentry: "@kafka-mesh-egress", DNSServer: "127.0.0.1:15053"}
			},
		},
		{
			"with a workload's certificate", "partition_count: 5, producer_config", `dial: {dns_server: "fd00::53"}, tls: {alpn: [istio], spiffeIds: ["spiffe://cluster.local/ns/kafka/sa/kafka"]}, partition_count: 5, producer_config`,
			func(c *config.Config) {
				c.Clusters[2].Dial = dial.Settings{
					Socket: dial.Socket{DNSServer: "[fd00::53]:53"},
					TLS:    &dial.TLS{ALPN: []string{"istio"}, SPIFFEIDs: []string{"spiffe://cluster.local/ns/kafka/sa/kafka"}},
				}
			},
		},
		{"a socket that has a path", "partition_count: 5, producer_config", "dial: {proxy_protocol: {socket: /etc/istio/proxy/kafka-mesh.sock}}, partition_count: 5, producer_config", func(c *config.Config) {
			c.Clusters[2].Dial.Socket.Reentry = "/etc/istio/proxy/kafka-mesh.sock"
		}},
		{"a DNS server without port", "partition_count: 5, producer_config", "dial: {dns_server: 10.96.0.10}, partition_count: 5, producer_config", func(c *config.Config) {
			c.Clusters[2].Dial.Socket.DNSServer = "10.96.0.10:53"
		}},
		{"how everybody dials", "partition_count: 5, producer_config", "dial: {}, partition_count: 5, producer_config", func(*config.Config) {}},
		{"read on one cluster, written on another", "- {target_cluster: kafka_c2", "- {target_cluster: kafka_c1, topic_prefix: bananas, operations: [OPERATION_READ]}\n- {target_cluster: kafka_c2", func(c *config.Config) {
			c.Rules = slices.Insert(c.Rules, 1, config.Rule{Prefix: "bananas", Cluster: "kafka_c1", Operations: config.Reads})
			c.Rules[2].Operations = config.Writes
		}},
		{"each operation by itself, and both by name", "- {target_cluster: kafka_c1, topic_prefix: apples}", "- {target_cluster: kafka_c1, topic_prefix: apples, operations: [OPERATION_WRITE]}\n" +
			"- {target_cluster: kafka_c2, topic_prefix: apples, operations: [1]}\n- {target_cluster: kafka_c2, topic_prefix: a, operations: [OPERATION_WRITE, OPERATION_READ]}", func(c *config.Config) {
			c.Rules = append([]config.Rule{
				{Prefix: "apples", Cluster: "kafka_c1", Operations: config.Writes},
				{Prefix: "apples", Cluster: "kafka_c2", Operations: config.Reads},
				{Prefix: "a", Cluster: "kafka_c2"},
			}, c.Rules[1:]...)
		}},
		{
			"homes of groups", "forwarding_rules:", "group_rules: [{target_cluster: kafka_c3, group_prefix: connect-x}, {targetCluster: kafka_c2, groupPrefix: connect-}]\n" +
				"default_group_cluster: kafka_c3\nforwarding_rules:",
			func(c *config.Config) {
				c.GroupRules = []config.GroupRule{{Prefix: "connect-x", Cluster: "kafka_c3"}, {Prefix: "connect-", Cluster: "kafka_c2"}}
				c.DefaultGroupCluster = "kafka_c3"
			},
		},
		{"a prefix with a dot behind it, before one without", "apples}", "cherries.}", func(c *config.Config) { c.Rules[0].Prefix = "cherries." }},
		{"longer prefix first", "apples}", "cherries.red}", func(c *config.Config) { c.Rules[0].Prefix = "cherries.red" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := string(testdata(t, "cpp.yaml"))
			if !strings.Contains(text, tt.from) {
				t.Fatalf("testdata/cpp.yaml lacks %q", tt.from)
			}
			got, err := config.Parse([]byte(strings.Replace(text, tt.from, tt.to, 1)))
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			want := cppConfig()
			tt.want(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Parse differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAcksOverride(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		acks         config.Acks
		client, want int16
	}{
		{config.AcksClient, -1, -1},
		{config.AcksClient, 0, 0},
		{config.AcksClient, 1, 1},
		{config.AcksNone, -1, 0},
		{config.AcksLeader, 0, 1},
		{config.AcksAll, 1, -1},
	} {
		if got := tt.acks.Override(tt.client); got != tt.want {
			t.Errorf("Acks(%d).Override(%d) = %d, want %d", tt.acks, tt.client, got, tt.want)
		}
	}
}
