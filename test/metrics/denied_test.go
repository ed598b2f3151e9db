package metrics

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// Envoy shows what is denied by the rule that has denied it, and under no label before anything is.
func TestDenialsInEnvoy(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := worldOf(t, map[string]any{"authorization": map[string]any{"rules": []map[string]any{
				{"name": "no-secrets", "effect": "EFFECT_DENY", "principals": []string{"*"}, "operations": []string{"OPERATION_ALL"}, "topics": []string{"secret*"}},
				{"effect": "EFFECT_DENY", "principals": []string{"*"}, "operations": []string{"OPERATION_ALL"}, "topics": []string{"hidden"}},
			}}})
			e, _ := startEnvoy(t, w, version)
			c := w.connect()
			for _, topic := range []string{"secret-1", "secret-2", "hidden", "orders"} {
				c.ask(request(9, -1, to(topic, 0, 1)))
			}
			series := func(rule string) string { return `envoy_kafkamesh_denied{kafka_authorization_rule="` + rule + `"}` }
			w.wantSeries(e, "denied", map[string]float64{series("no-secrets"): 2, series("1"): 1, series("no_rule"): 1})
		})
	}
}

// Envoy shows what is throttled by the rule that has done it.
func TestQuotasInEnvoy(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := worldOf(t, map[string]any{
				"quotas": map[string]any{"rules": []map[string]any{{"name": "few", "principals": []string{"*"}, "produce_bytes_per_second": 1}}},
				"authorization": map[string]any{"rules": []map[string]any{ // so that there is an answer
					{"effect": "EFFECT_DENY", "principals": []string{"*"}, "operations": []string{"OPERATION_ALL"}, "topics": []string{"*"}},
				}},
			})
			e, _ := startEnvoy(t, w, version)
			w.connect().ask(request(9, -1, to("orders", 0, 1)))
			series := func(name string) string { return `envoy_kafkamesh_quotas_` + name + `{kafka_quota_rule="few"}` }
			longest := float64(quota.MaxWait.Milliseconds())
			w.wantSeries(e, "quotas", map[string]float64{series("throttled"): 1, series("throttle_time_ms"): longest})
		})
	}
}

// worldOf is a world before a cluster that is not there, with more in its configuration.
func worldOf(t *testing.T, more map[string]any) *world {
	t.Helper()
	w := &world{book: newBook(), t: t, addr: stack.Addr(t), admin: stack.Addr(t)}
	host, port, err := net.SplitHostPort(w.addr)
	stack.Check(t, err)
	number, err := strconv.Atoi(port)
	stack.Check(t, err)
	w.config = map[string]any{
		"advertised_host": host, "advertised_port": number,
		"upstream_clusters": []map[string]any{{"cluster_name": kafkaCluster, "bootstrap_servers": stack.Addr(t)}},
		"forwarding_rules":  []map[string]string{{"target_cluster": kafkaCluster, "topic_prefix": ""}},
	}
	maps.Copy(w.config, more)
	parsed, err := config.Parse([]byte(w.text()))
	stack.Check(t, err)
	w.table = filter.Metrics(parsed)
	w.knowAll()
	return w
}

// wantSeries waits until Envoy shows these metrics, and no others that have a word in their names.
func (w *world) wantSeries(e *stack.EnvoyProcess, word string, want map[string]float64) {
	w.t.Helper()
	stack.Wait(w.t, word, func() error {
		if w.shows != nil {
			w.shows()
		}
		text, err := stack.Page(w.t.Context(), http.MethodGet, "http://"+e.Admin()+"/stats/prometheus?filter=^kafkamesh.*"+word)
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
}
