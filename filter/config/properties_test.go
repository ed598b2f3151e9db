package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// withProperties returns a configuration with one cluster whose producer_config holds the given YAML lines.
func withProperties(lines ...string) string {
	return "upstream_clusters:\n- cluster_name: a\n  bootstrap_servers: a\n  producer_config: {" + strings.Join(lines, ", ") +
		"}\nforwarding_rules:\n- {target_cluster: a, topic_prefix: a}\n"
}

func TestProperties(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		yaml string
		want func(*config.Cluster)
	}{
		{``, func(*config.Cluster) {}},
		{`acks: all`, func(c *config.Cluster) { c.Acks = config.AcksAll }},
		{`acks: "-1"`, func(c *config.Cluster) { c.Acks = config.AcksAll }},
		{`acks: -1`, func(c *config.Cluster) { c.Acks = config.AcksAll }},
		{`acks: 0`, func(c *config.Cluster) { c.Acks = config.AcksNone }},
		{`acks: 1`, func(c *config.Cluster) { c.Acks = config.AcksLeader }},
		{`acks: 1.0`, func(c *config.Cluster) { c.Acks = config.AcksLeader }},
		{`request.required.acks: 1`, func(c *config.Cluster) { c.Acks = config.AcksLeader }},
		{`acks: all, request.required.acks: -1`, func(c *config.Cluster) { c.Acks = config.AcksAll }},
		{`client.id: envoy west`, func(c *config.Cluster) { c.ClientID = "envoy west" }},
		{`client.id: "12345678901234567890"`, func(c *config.Cluster) { c.ClientID = "12345678901234567890" }},
		{`client.id: "true"`, func(c *config.Cluster) { c.ClientID = "true" }},
		{`linger.ms: 0`, func(*config.Cluster) {}},
		{`linger.ms: 0.5`, func(c *config.Cluster) { c.Linger = 500 * time.Microsecond }},
		{`linger.ms: "5"`, func(c *config.Cluster) { c.Linger = 5 * time.Millisecond }},
		{`queue.buffering.max.ms: 15000`, func(c *config.Cluster) { c.Linger = 15 * time.Second }},
		{`linger.ms: 900000`, func(c *config.Cluster) { c.Linger = 15 * time.Second }},
		{`batch.size: 1`, func(c *config.Cluster) { c.MaxRequestBytes = 1 }},
		{`request.timeout.ms: 1`, func(c *config.Cluster) { c.RequestTimeout = time.Millisecond }},
		{`request.timeout.ms: 9e5`, func(c *config.Cluster) { c.RequestTimeout = 15 * time.Minute }},
		{`metadata.max.age.ms: 1`, func(c *config.Cluster) { c.MetadataMaxAge = time.Millisecond }},
		{`metadata.max.age.ms: 86400000`, func(c *config.Cluster) { c.MetadataMaxAge = 24 * time.Hour }},
		{`topic.metadata.refresh.interval.ms: -1`, func(c *config.Cluster) { c.MetadataRefreshInterval = 0 }},
		{`topic.metadata.refresh.interval.ms: 0`, func(c *config.Cluster) { c.MetadataRefreshInterval = 0 }},
		{`topic.metadata.refresh.interval.ms: 3600000`, func(c *config.Cluster) {
			c.MetadataRefreshInterval, c.MetadataMaxAge = time.Hour, 3*time.Hour
		}},
		{`topic.metadata.refresh.interval.ms: 1000, metadata.max.age.ms: 1000`, func(c *config.Cluster) {
			c.MetadataRefreshInterval, c.MetadataMaxAge = time.Second, time.Second
		}},
	} {
		t.Run(tt.yaml, func(t *testing.T) {
			t.Parallel()
			c, err := config.Parse([]byte(withProperties(tt.yaml)))
			if err != nil {
				t.Fatalf("Parse(%s): %v", tt.yaml, err)
			}
			want := config.Cluster{
				Name: "a", BootstrapServers: []string{"a:9092"}, ClientID: "kafkamesh",
				RequestTimeout: 30 * time.Second, MetadataMaxAge: 15 * time.Minute, MetadataRefreshInterval: 5 * time.Minute,
			}
			tt.want(&want)
			if diff := cmp.Diff(want, c.Clusters[0]); diff != "" {
				t.Errorf("Parse(%s) differs (-want +got):\n%s", tt.yaml, diff)
			}
		})
	}
}

func TestConsumerProperties(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		yaml string
		want config.Fetches
	}{
		{`fetch.max.bytes: 1000`, config.Fetches{MaxBytes: 1000}},
		{`fetch.max.bytes: 0`, config.Fetches{MaxBytes: 1}},
		{`fetch.message.max.bytes: 1`, config.Fetches{MaxPartitionBytes: 1}},
		{`max.partition.fetch.bytes: "1000000000"`, config.Fetches{MaxPartitionBytes: 1000000000}},
		{`fetch.min.bytes: 65536`, config.Fetches{MinBytes: 65536}},
		{`fetch.min.bytes: 2147483647, fetch.max.bytes: 2147483135`, config.Fetches{MinBytes: 2147483647, MaxBytes: 2147483135}},
		{`fetch.wait.max.ms: 0`, config.Fetches{MaxWait: time.Millisecond}},
		{`fetch.wait.max.ms: 100`, config.Fetches{MaxWait: 100 * time.Millisecond}},
		{`group.id: envoy, isolation.level: read_uncommitted`, config.Fetches{}},
	} {
		t.Run(tt.yaml, func(t *testing.T) {
			t.Parallel()
			c, err := config.Parse([]byte(strings.Replace(withProperties(tt.yaml), "producer_config", "consumer_config", 1)))
			if err != nil {
				t.Fatalf("Parse(%s): %v", tt.yaml, err)
			}
			want := config.Cluster{
				Name: "a", BootstrapServers: []string{"a:9092"}, ClientID: "kafkamesh", Fetches: tt.want,
				RequestTimeout: 30 * time.Second, MetadataMaxAge: 15 * time.Minute, MetadataRefreshInterval: 5 * time.Minute,
			}
			if diff := cmp.Diff(want, c.Clusters[0]); diff != "" {
				t.Errorf("Parse(%s) differs (-want +got):\n%s", tt.yaml, diff)
			}
		})
	}
}

// A login that consumer_config alone has is the cluster's.
func TestConsumersLogin(t *testing.T) {
	t.Parallel()
	const login = "security.protocol: sasl_ssl, sasl.mechanism: PLAIN, sasl.username: joe, sasl.password: x"
	producers := withProperties(login)
	for _, yaml := range []string{
		strings.Replace(producers, "producer_config", "consumer_config", 1),
		strings.Replace(producers, "producer_config: {", "consumer_config: {sasl.username: joe}\n  producer_config: {", 1),
	} {
		want, err := config.Parse([]byte(producers))
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Parse([]byte(yaml))
		if err != nil {
			t.Fatalf("Parse(%s): %v", yaml, err)
		}
		if diff := cmp.Diff(want.Clusters, c.Clusters); diff != "" || c.Clusters[0].Dial.SASL == nil {
			t.Errorf("Parse(%s) differs from what producer_config says (-want +got):\n%s", yaml, diff)
		}
	}
}

// One step outside of each range, and everything that only looks like a number, is refused.
func TestPropertyRanges(t *testing.T) {
	t.Parallel()
	odd := []string{`""`, `"1s"`, `" 1"`, `"1 "`, `"+1"`, `"0x1"`, `"010"`, `"1e3"`, `"1_0"`, `"Inf"`, `"NaN"`, `"-0"`, `"99999999999999999999"`, "x"}
	for name, outside := range map[string][]string{
		"acks":                               {"2", "-2", "ALL", "1.5"},
		"request.required.acks":              {"2"},
		"linger.ms":                          {"-1", "900000.001", "-0.1", `".5"`, `"5."`},
		"queue.buffering.max.ms":             {"900001"},
		"request.timeout.ms":                 {"0", "900001", "1.5"},
		"metadata.max.age.ms":                {"0", "86400001"},
		"topic.metadata.refresh.interval.ms": {"-2", "3600001"},
	} {
		for _, value := range append(outside, odd...) {
			if value == `"010"` && strings.Contains(name, "ms") && strings.ContainsAny(name[:1], "lq") {
				continue // a float is never octal
			}
			_, err := config.Parse([]byte(withProperties(name + ": " + value)))
			want := fmt.Sprintf("upstream_clusters[0].producer_config[%q]: ", name)
			if err == nil || !strings.HasPrefix(config.Remarks(err)[0].Message(), want) || len(config.Remarks(err)) > 1 {
				t.Errorf("Parse(%s: %s) = %v, want one error with path %s", name, value, err, want)
			}
		}
	}
}

// What YAML, or Envoy's reader of it, changes before anybody sees it is refused where a text is wanted.
func TestWordsThatYAMLChanges(t *testing.T) {
	t.Parallel()
	const login = "security.protocol: sasl_ssl, sasl.mechanism: PLAIN, "
	for _, word := range []string{
		"0123456", "007", "1e3", "0x1F", "1_000", "12", "-1", "+1", "1.10", ".5", "1.", "0b11", "0o17", ".inf", "-.INF", ".NaN",
		"true", "False", "yes", "No", "ON", "off", "y", "N", "~", "null", "Null", "",
	} {
		for _, lines := range []string{
			"client.id: " + word, login + "sasl.username: " + word + ", sasl.password: x", login + "sasl.username: x, sasl.password: " + word,
		} {
			_, err := config.Parse([]byte(withProperties(lines)))
			if err == nil || !strings.Contains(err.Error(), "put it in quotes") && !strings.Contains(err.Error(), "has no value") {
				t.Errorf("Parse(%s) = %v, want a word about quotes", lines, err)
			}
			quoted := withProperties(strings.ReplaceAll(lines, ": "+word, `: "`+word+`"`))
			if _, err := config.Parse([]byte(quoted)); err != nil && word != "" {
				t.Errorf("Parse(%s): %v", quoted, err)
			}
		}
	}
	for _, number := range []string{"0x10", "010", "1_000", "0b1", "0o7", "+5", "1e400"} {
		for _, name := range []string{"linger.ms", "batch.size", "acks"} {
			if _, err := config.Parse([]byte(withProperties(name + ": " + number))); err == nil {
				t.Errorf("Parse(%s: %s) takes it", name, number)
			}
		}
	}
}

// Every property of Java's producer is known, or its message says what to write instead, in words that are properties.
func TestJavasProperties(t *testing.T) {
	t.Parallel()
	names := strings.Fields(string(testdata(t, "java.txt")))
	if len(names) < 100 {
		t.Fatalf("only %d properties", len(names))
	}
	for _, name := range names {
		_, err := config.Parse([]byte(withProperties(`"` + name + `": x`)))
		if err != nil && strings.Contains(err.Error(), "unknown property") {
			t.Errorf("%s: %v", name, err)
		}
		_, advice, _ := strings.Cut(fmt.Sprint(err), "librdkafka's")
		for word := range strings.FieldsFuncSeq(advice, func(r rune) bool { return r != '.' && r != '_' && (r < 'a' || r > 'z') }) {
			if !strings.Contains(strings.Trim(word, "."), ".") {
				continue
			}
			if _, err := config.Parse([]byte(withProperties(`"` + word + `": x`))); err != nil && strings.Contains(err.Error(), "unknown property") {
				t.Errorf("%s: its message says %s: %v", name, word, err)
			}
		}
	}
}
