package alerts

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// empty are panels that nothing is to be seen in, since the estate has no TLS and no alert fires so soon.
var empty = map[string]string{
	"Certificates end in":                               "no cluster has TLS",
	"What members of groups are answered with an error": "no group has members",
	"Logins":           "nobody has to log in",
	"Logins that fail": "nobody has to log in",
	"Denied":           "there are no rules",

	"TLS handshakes that fail": "nobody speaks TLS with the mesh",
	"Throttled by quotas":      "there are no quotas",
	"Identities":               "clusters see the mesh's own user",
	"Without an identity":      "clusters see the mesh's own user",
	"Alerts":                   "an alert fires after a minute at the earliest",
}

// TestEveryQueryAnswers has a real Prometheus scrape the mesh under load, and wants every query of the dashboard to have something to show.
func TestEveryQueryAnswers(t *testing.T) {
	t.Parallel()
	rules, err := filepath.Abs(folder + "alerts.yaml")
	stack.Check(t, err)
	for name, host := range map[string]func(*estate, *testing.T) (string, stack.PrometheusTarget){"Envoy": (*estate).envoy, "plain": (*estate).plain} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, target := host(newEstate(t), t)
			p := stack.Scrape(t, stack.PrometheusOptions{Targets: []stack.PrometheusTarget{target}, Rules: rules})
			start(t, addr)
			stack.Wait(t, "all panels to have something to show", func() error { return unanswered(t, p) })
		})
	}
}

// unanswered says which queries of the dashboard have nothing to show.
func unanswered(t *testing.T, p *stack.PrometheusProcess) error {
	t.Helper()
	var errs []error
	for _, panel := range panels(t) {
		for _, q := range panel.Targets {
			series, err := p.Query(t.Context(), chosen(q.Expr))
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("%s: %w", panel.Title, err))
			case !shows(series) && empty[panel.Title] == "":
				errs = append(errs, fmt.Errorf("%s (%s): nothing is to be seen of %s", panel.Title, q.LegendFormat, q.Expr))
			}
		}
	}
	return errors.Join(errs...)
}

// chosen is a query with everything chosen, for data that come every second.
func chosen(expr string) string {
	return strings.NewReplacer(
		`job=~"$job"`, `job=~".*"`, `instance=~"$instance"`, `instance=~".*"`, `kafka_cluster=~"$cluster"`, `kafka_cluster=~".*"`,
		"$__rate_interval", "15s", "$__range", "1m",
	).Replace(expr)
}

// shows tells whether there is a number among series.
func shows(all []stack.Series) bool {
	for _, s := range all {
		for _, p := range s.Points {
			if !math.IsNaN(p.Value) {
				return true
			}
		}
	}
	return false
}
