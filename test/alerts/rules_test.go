package alerts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const rulesTest = "testdata/rules_test.yaml"

// promtool runs Prometheus' tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	dir, err := stack.Prometheus(t.Context())
	stack.Check(t, err)
	if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "promtool"), args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestRules has promtool check the alerts, and try them.
func TestRules(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", folder+"alerts.yaml")
	promtool(t, "test", "rules", rulesTest)
}

// alert is one of alerts.yaml.
type alert struct {
	Alert, Expr string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) map[string]alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	decode(t, folder+"alerts.yaml", &file)
	all := map[string]alert{}
	for _, g := range file.Groups {
		for _, a := range g.Rules {
			all[a.Alert] = a
		}
	}
	if len(all) < 10 {
		t.Fatalf("%d alerts", len(all))
	}
	return all
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	stack.Check(t, err)
	stack.Check(t, yaml.Unmarshal(text, into))
}

// TestEveryAlertIsTried wants each alert to fire in testdata/rules_test.yaml, and not to at another time, and to have a severity and texts.
func TestEveryAlertIsTried(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Cases []struct {
				Alertname string
				Expected  []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	decode(t, rulesTest, &file)
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			(map[bool]map[string]bool{true: fires, false: rests})[len(c.Expected) > 0][c.Alertname] = true
		}
	}
	for name, a := range alerts(t) {
		if !fires[name] || !rests[name] {
			t.Errorf("%s is seen to fire: %v, and not to: %v", name, fires[name], rests[name])
		}
		if s := a.Labels["severity"]; s != "critical" && s != "warning" && s != "info" {
			t.Errorf("%s has the severity %q", name, s)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", name)
		}
		delete(fires, name)
	}
	for name := range fires {
		t.Errorf("there is no alert %s", name)
	}
}

// TestEveryAlertIsExplained wants a section for each alert in docs/operations.md, with what it means and what to do, and none for others.
func TestEveryAlertIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/operations.md")
	stack.Check(t, err)
	all := alerts(t)
	explained := map[string]bool{}
	for _, section := range strings.Split(string(text), "\n#")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		name := strings.TrimSpace(strings.TrimLeft(title, "#"))
		if !strings.HasPrefix(name, "KafkaMesh") {
			continue
		}
		explained[name] = true
		if _, ok := all[name]; !ok {
			t.Errorf("docs/operations.md explains %s, which is no alert", name)
		}
		if !strings.Contains(body, "**Means:**") || !strings.Contains(body, "**Do:**") {
			t.Errorf("docs/operations.md does not say what %s means and what to do", name)
		}
	}
	for name := range all {
		if !explained[name] {
			t.Errorf("docs/operations.md does not explain %s", name)
		}
	}
}
