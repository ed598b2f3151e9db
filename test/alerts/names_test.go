package alerts

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// folder is what is shown to users.
const folder = "../../examples/grafana/"

// metrics are the labels of every metric as Prometheus has it, by its name; of histograms, each of its three.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	a, err := authority.New("ca")
	if err != nil {
		t.Fatal(err)
	}
	own, err := a.Issue("mesh", []string{"a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tls := fmt.Sprintf("listen_tls: {certificate: {inline_string: %q}, key: {inline_string: %q}}\n", own.Certificate, own.Key)
	c, err := config.Parse([]byte(tls + `
topic_metrics: [a]
authentication: {sasl: {oauthbearer: {jwks_url: "https://a", issuer: a, audiences: [a]}}}
authorization: {rules: [{name: a, effect: EFFECT_ALLOW, principals: [a], operations: [OPERATION_ALL], topics: [a]}]}
quotas: {rules: [{principals: [a], requests_per_second: 1}]}
upstream_clusters: [{cluster_name: c, bootstrap_servers: a}]
forwarding_rules: [{target_cluster: c, topic_prefix: a}]
`))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, m := range filter.Metrics(c) {
		labels := []string{"job", "instance", "kafkamesh_listener"}
		for _, l := range m.Labels {
			labels = append(labels, l.Name)
		}
		name := "envoy_kafkamesh_" + strings.ReplaceAll(m.Family, ".", "_")
		if m.Kind != stats.Histogram {
			all[name] = labels
			continue
		}
		all[name+"_bucket"], all[name+"_sum"], all[name+"_count"] = append(labels, "le"), labels, labels
	}
	return all
}

var (
	aMetric  = regexp.MustCompile(`envoy_kafkamesh_\w+`)
	selector = regexp.MustCompile(`(envoy_kafkamesh_\w+)\{([^}]*)\}`)
	aLabel   = regexp.MustCompile(`(\w+) *(=|!=|=~|!~) *"`)
	grouping = regexp.MustCompile(`\b(by|without) *\(([^)]*)\)`)
)

// TestEveryMetricIsThere wants what the dashboard, the alerts, their tests and the documents name to be metrics of the table.
func TestEveryMetricIsThere(t *testing.T) {
	t.Parallel()
	known := metrics(t)
	for _, file := range []string{
		folder + "dashboard.json", folder + "alerts.yaml", folder + "README.md", "testdata/rules_test.yaml",
		"../../docs/operations.md", "../../docs/metrics.md", "../../envoy.yaml",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		for _, name := range aMetric.FindAllString(string(text), -1) {
			_, is := known[name]
			_, histogram := known[name+"_bucket"] // its name in a sentence
			if !is && !histogram && !strings.HasPrefix(name, unlabelled) {
				t.Errorf("%s names %s, which is no metric", file, name)
			}
		}
	}
}

// unlabelled begins the names of metrics that Envoy makes no labels of, of which documents tell.
const unlabelled = "envoy_kafkamesh_cluster_kafka_c1_"

// TestEveryLabelIsThere wants the queries of the dashboard and the alerts to choose and to add up by labels that their metrics have.
func TestEveryLabelIsThere(t *testing.T) {
	t.Parallel()
	known := metrics(t)
	for title, expr := range queries(t) {
		var all []string
		for _, name := range aMetric.FindAllString(expr, -1) {
			all = append(all, known[name]...)
		}
		for _, chosen := range selector.FindAllStringSubmatch(expr, -1) {
			for _, label := range aLabel.FindAllStringSubmatch(chosen[2], -1) {
				if !slices.Contains(known[chosen[1]], label[1]) {
					t.Errorf("%s: %s has no label %s", title, chosen[1], label[1])
				}
			}
		}
		for _, by := range grouping.FindAllStringSubmatch(expr, -1) {
			for label := range strings.SplitSeq(by[2], ",") {
				if label = strings.TrimSpace(label); !strings.Contains(expr, "ALERTS") && !slices.Contains(all, label) {
					t.Errorf("%s: no metric has the label %s", title, label)
				}
			}
		}
	}
}

// TestDashboardShowsEveryFamily wants nothing that is counted to be left out of the dashboard, but for what is said here.
func TestDashboardShowsEveryFamily(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(folder + "dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	// The same by cluster as records and bytes; what records by topic say of it; the same by software; how often that was
	// which is shown as time.
	left := []string{
		"cluster_requests", "cluster_batches", "cluster_failed_batches", "rule_bytes", "topic_batches", "topic_bytes", "topic_failed_batches",
		"clients_connections", "quotas_throttled",
	}
	for name := range metrics(t) {
		family := strings.TrimPrefix(name, "envoy_kafkamesh_")
		shown := regexp.MustCompile(`\b` + name + `\b`).Match(text)
		if base, ok := strings.CutSuffix(family, "_sum"); ok && !shown {
			shown = strings.Contains(string(text), base+"_bucket")
		}
		if base, ok := strings.CutSuffix(family, "_count"); ok && !shown {
			shown = strings.Contains(string(text), base+"_bucket")
		}
		if base, ok := strings.CutSuffix(family, "_bucket"); ok && !shown {
			shown = strings.Contains(string(text), base+"_sum")
		}
		if shown == slices.Contains(left, family) {
			t.Errorf("%s: shown is %v, and left out on purpose %v", family, shown, slices.Contains(left, family))
		}
	}
}

// panels are the panels of the dashboard that have queries.
func panels(t *testing.T) []panel {
	t.Helper()
	text, err := os.ReadFile(folder + "dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Panels []panel }
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 30 {
		t.Fatalf("%d panels", len(d.Panels))
	}
	return d.Panels
}

// panel is what we look at of one of Grafana's.
type panel struct {
	Title, Type string
	FieldConfig struct {
		Defaults struct {
			Unit   string
			Custom struct{ Stacking struct{ Mode string } }
		}
	}
	Targets []struct {
		Expr, LegendFormat string
		Instant            bool
	}
}

// queries are those of the dashboard and of the alerts, by what they are of.
func queries(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, p := range panels(t) {
		for _, q := range p.Targets {
			all[p.Title+": "+q.LegendFormat] = q.Expr
		}
	}
	for name, a := range alerts(t) {
		all[name] = a.Expr
	}
	return all
}
