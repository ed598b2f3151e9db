package metrics

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// Envoy shows what is denied by the rule that has denied it, and under no label before anything is.
func TestDenialsInEnvoy(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := &world{book: newBook(), t: t, addr: stack.Addr(t), admin: stack.Addr(t)}
			host, port, err := net.SplitHostPort(w.addr)
			stack.Check(t, err)
			number, err := strconv.Atoi(port)
			stack.Check(t, err)
			w.config = map[string]any{
				"advertised_host": host, "advertised_port": number,
				"upstream_clusters": []map[string]any{{"cluster_name": kafkaCluster, "bootstrap_servers": stack.Addr(t)}},
				"forwarding_rules":  []map[string]string{{"target_cluster": kafkaCluster, "topic_prefix": ""}},
				"authorization": map[string]any{"rules": []map[string]any{
					{"name": "no-secrets", "effect": "EFFECT_DENY", "principals": []string{"*"}, "operations": []string{"OPERATION_ALL"}, "topics": []string{"secret*"}},
					{"effect": "EFFECT_DENY", "principals": []string{"*"}, "operations": []string{"OPERATION_ALL"}, "topics": []string{"hidden"}},
				}},
			}
			parsed, err := config.Parse([]byte(w.text()))
			stack.Check(t, err)
			w.table = filter.Metrics(parsed)
			w.knowAll()
			e, _ := startEnvoy(t, w, version)
			c := w.connect()
			for _, topic := range []string{"secret-1", "secret-2", "hidden", "orders"} {
				c.ask(request(9, -1, to(topic, 0, 1)))
			}
			series := func(rule string) string { return `envoy_kafkamesh_denied{kafka_authorization_rule="` + rule + `"}` }
			want := map[string]float64{series("no-secrets"): 2, series("1"): 1, series("no_rule"): 1}
			stack.Wait(t, "the denials", func() error {
				if w.shows != nil {
					w.shows()
				}
				text, err := stack.Page(t.Context(), http.MethodGet, "http://"+e.Admin()+"/stats/prometheus?filter=^kafkamesh.*denied")
				if err != nil {
					return err
				}
				got := map[string]float64{}
				for name, n := range ofPrometheus(nil, text).numbers {
					got[name] = n.value
				}
				if diff := cmp.Diff(want, got); diff != "" {
					return errors.New(diff)
				}
				return nil
			})
		})
	}
}
