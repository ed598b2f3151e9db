package stats_test

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

var update = flag.Bool("update", false, "rewrite the tables of metrics in docs/metrics.md")

const metricsPage = "../../docs/metrics.md"

// TestDocs compares the tables of metrics in docs/metrics.md with Table.
func TestDocs(t *testing.T) {
	t.Parallel()
	families, values := families(stats.NewTable(scope()))
	const begin = "<!-- metrics: go test ./filter/stats -update -->\n"
	document.Compare(t, metricsPage, begin, "<!-- end -->", familyRows(families), *update)
	const beginLabels = "<!-- labels: go test ./filter/stats -update -->\n"
	document.Compare(t, metricsPage, beginLabels, "<!-- end labels -->", labelRows(values), *update)
}

// TestCounterparts wants every metric that stands beside one of Envoy's filter for Kafka to exist.
func TestCounterparts(t *testing.T) {
	t.Parallel()
	families, _ := families(stats.NewTable(scope()))
	_, rest, _ := strings.Cut(document.Read(t, "../..", "docs/metrics.md"), "## Beside Envoy's filter for Kafka brokers")
	section, _, _ := strings.Cut(rest, "\n## ")
	named := regexp.MustCompile("`([a-z_]+[.][a-z_<>.]+)`").FindAllStringSubmatch(section, -1)
	found := 0
	for _, m := range named {
		if !strings.HasPrefix(m[1], "kafka.") && !strings.HasPrefix(m[1], "envoy.") {
			found++
			if !slices.ContainsFunc(families, func(f stats.Metric) bool { return f.Name == m[1] }) {
				t.Errorf("there is no metric %s", m[1])
			}
		}
	}
	if found < 5 {
		t.Errorf("the section names %d metrics, want more: is it still there?", found)
	}
}

// families has one metric for each family, with its labels' values in angle brackets in its name, and the values that each label has.
func families(table stats.Table) (all []stats.Metric, values map[string][]string) {
	values = map[string][]string{}
	for _, m := range table {
		for _, l := range m.Labels {
			if !slices.Contains(values[l.Name], l.Value) {
				values[l.Name] = append(values[l.Name], l.Value)
			}
			m.Name = strings.Replace(m.Name+".", "."+l.Value+".", "."+placeholder(l.Name)+".", 1)
			m.Name = strings.TrimSuffix(m.Name, ".")
		}
		if !slices.ContainsFunc(all, func(f stats.Metric) bool { return f.Family == m.Family }) {
			all = append(all, m)
		}
	}
	return all, values
}

func placeholder(label string) string {
	if label == stats.LabelMeshBuild {
		return "<build>"
	}
	return "<" + strings.TrimPrefix(label, "kafka_") + ">"
}

func familyRows(families []stats.Metric) string {
	var b strings.Builder
	b.WriteString("\n| name | kind | unit | meaning |\n|---|---|---|---|\n")
	for _, m := range families {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, m.Unit, m.Help)
	}
	return b.String() + "\n"
}

func labelRows(values map[string][]string) string {
	var b strings.Builder
	b.WriteString("\n| in the name | label | values |\n|---|---|---|\n")
	for _, l := range []struct{ name, values string }{
		{stats.LabelAPI, ""},
		{stats.LabelVersion, "the versions that are served, `v0` and so on"},
		{stats.LabelCluster, "`cluster_name` of an upstream cluster, with `_` for each `:`"},
		{stats.LabelRule, "`topic_prefix` of a forwarding rule with `*` behind it; `*`: the rule that matches every topic"},
		{stats.LabelTopic, "the topics in `topic_metrics`"},
		{stats.LabelError, ""},
		{stats.LabelReason, "see below"},
		{stats.LabelClientKind, ""},
		{stats.LabelDenying, "the name or number of a rule of `authorization`; `no_rule`: none has allowed it"},
		{stats.LabelQuota, "the name or number of a rule of `quotas`"},
		{stats.LabelSoftware, ""},
		{stats.LabelMechanism, ""},
		{stats.LabelFailure, ""},
		{stats.LabelTLSFailure, "see below"},
		{stats.LabelMeshBuild, "the version of this build"},
	} {
		if l.values == "" {
			l.values = "`" + strings.Join(values[l.name], "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", placeholder(l.name), l.name, l.values)
	}
	b.WriteString("\n| `<reason>` | what the client did, or what happened to it |\n|---|---|\n")
	for _, r := range wire.Reasons() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r, stats.ReasonHelp(r))
	}
	b.WriteString("\n| `<tls_failure>` | why a handshake of TLS has failed |\n|---|---|\n")
	for _, f := range stats.TLSFailures() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f, f.Help())
	}
	return b.String() + "\n"
}
