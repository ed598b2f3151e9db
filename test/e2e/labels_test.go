package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestEnvoyMakesLabels has every Envoy make labels of the names of metrics by what stats_config of envoy.yaml says, and wants families and
// labels to be those of the table. Names of clusters, rules and topics have dots at all places.
func TestEnvoyMakesLabels(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("../../envoy.yaml")
	stack.Check(t, err)
	_, tags, _ := strings.Cut(string(whole), "\nstats_config:\n")
	for _, envoy := range stack.EnvoyVersions() {
		for namespace, listener := range map[string]string{"kafkamesh": "", "kafkamesh_partners": "partners"} {
			t.Run(envoy+" "+namespace, func(t *testing.T) {
				t.Parallel()
				fake := stack.Fake(t, stack.FakeOptions{})
				addr, text := stack.Addr(t), fmt.Sprintf(`
topic_metrics: [apples.red, apples.errors.x, .dots.]
upstream_clusters: [{cluster_name: kafka.c1, bootstrap_servers: %q}, {cluster_name: "kafka:c2.", bootstrap_servers: %q}]
forwarding_rules: [{target_cluster: kafka.c1, topic_prefix: apples.}, {target_cluster: kafka.c1, topic_prefix: .}, {target_cluster: "kafka:c2.", topic_prefix: ""}]
`, fake.Addr(), stack.Addr(t))
				bootstrap := stack.Bootstrap(addr, stack.AsString(text))
				bootstrap = strings.Replace(bootstrap, "metrics_namespace: kafkamesh", "metrics_namespace: "+namespace, 1) + "stats_config:\n" + tags
				e := stack.Envoy(t, stack.EnvoyOptions{Version: envoy, Config: bootstrap})
				client := stack.Client(t, addr, kgo.AllowAutoTopicCreation())
				stack.Check(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: "apples.red", Value: []byte("x")}).FirstErr())
				c, err := config.Parse([]byte(text))
				stack.Check(t, err)
				want := labelled(filter.Metrics(c), listener)
				stack.Wait(t, "all metrics with their labels", func() error {
					page, err := stack.Page(t.Context(), http.MethodGet, "http://"+e.Admin()+"/stats/prometheus?filter=^kafkamesh")
					if err != nil {
						return err
					}
					if diff := cmp.Diff(want, families(page)); diff != "" {
						return fmt.Errorf("Envoy shows other metrics (-want +got):\n%s", diff)
					}
					return nil
				})
			})
		}
	}
}

// labelled are the metrics of a table as Prometheus sees them: those of each family, by their labels.
func labelled(table stats.Table, listener string) map[string][]string {
	all := map[string][]string{}
	for _, m := range table {
		var labels []string
		for _, l := range m.Labels {
			labels = append(labels, fmt.Sprintf("%s=%q", l.Name, l.Value))
		}
		if listener != "" {
			labels = append(labels, fmt.Sprintf("kafkamesh_listener=%q", listener))
		}
		slices.Sort(labels)
		name := m.Kind.String() + " envoy_kafkamesh_" + strings.ReplaceAll(m.Family, ".", "_")
		all[name] = append(all[name], strings.Join(labels, ","))
	}
	return sorted(all)
}

// aSeries is a line of Prometheus' format.
var aSeries = regexp.MustCompile(`(?m)^(# TYPE (\S+) (\S+)|(\w+?)(_bucket|_sum|_count)?\{(.*)\} \S+)$`)

// families are the metrics on a page of Prometheus' format: those of each family, by their labels, a histogram being one.
func families(page string) map[string][]string {
	all, kinds := map[string][]string{}, map[string]string{}
	for _, m := range aSeries.FindAllStringSubmatch(page, -1) {
		if m[2] != "" {
			kinds[m[2]] = m[3]
			continue
		}
		name, part := m[4], m[5]
		if kinds[name] != "histogram" {
			name, part = name+part, ""
		}
		if part == "_bucket" || part == "_sum" {
			continue
		}
		labels := strings.Split(m[6], ",")
		slices.Sort(labels)
		name = kinds[name] + " " + name
		all[name] = append(all[name], strings.Join(labels, ","))
	}
	return sorted(all)
}

func sorted(all map[string][]string) map[string][]string {
	for name := range maps.Keys(all) {
		slices.Sort(all[name])
	}
	return all
}
