package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestChartsAreClean has Helm look at each chart with each file of values.
func TestChartsAreClean(t *testing.T) {
	t.Parallel()
	for _, file := range values(t) {
		_, err := helm(t, "lint", "--strict", "--quiet", chartOf(file), "-f", file)
		stack.Check(t, err)
	}
}

// TestReadmesValuesAreRight has Helm make something of the values that charts' READMEs show.
func TestReadmesValuesAreRight(t *testing.T) {
	t.Parallel()
	var shown int
	for _, chart := range charts(t) {
		for _, b := range document.Blocks(t, path(t, ""), chart+"/README.md") {
			if kind, _ := b.Kind(); kind == "file" {
				file := filepath.Join(t.TempDir(), "values.yaml")
				stack.Check(t, os.WriteFile(file, []byte(b.Text), 0o600))
				template(t, chart, file)
				shown++
			}
		}
	}
	if shown == 0 {
		t.Error("there are none")
	}
}

// TestChartWantsClusters: without values there is nothing to install, and Helm says what is missing.
func TestChartWantsClusters(t *testing.T) {
	t.Parallel()
	_, err := helm(t, "template", charts(t)[0])
	if err == nil || !strings.Contains(err.Error(), "/mesh/upstream_clusters") {
		t.Errorf("helm template without values: %v", err)
	}
}

// TestChartRefusesStrayValues gives a chart values that it does not know, in each place where somebody could mean one.
func TestChartRefusesStrayValues(t *testing.T) {
	t.Parallel()
	file := values(t)[0]
	chart := chartOf(file)
	raw, err := os.ReadFile(path(t, chart+"/values.yaml"))
	stack.Check(t, err)
	var all map[string]any
	stack.Check(t, yaml.Unmarshal(raw, &all))
	own := regexp.MustCompile(`^\.mesh|\.(annotations|labels|podLabels|podAnnotations|nodeSelector|affinity|requests|limits)$|\[`)
	places := mappings(all, "", func(path string, _ map[string]any) bool { return own.MatchString(path) })
	if len(places) < 10 {
		t.Errorf("there are only %d places", len(places))
	}
	for place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			_, err := helm(t, "template", chart, "-f", file, "--set", strings.TrimPrefix(place+"."+stray, ".")+"=x")
			if err == nil || !strings.Contains(err.Error(), stray) {
				t.Errorf("Helm says of a stray value: %v", err)
			}
		})
	}
	if _, err := helm(t, "template", chart, "-f", file, "--set", "host=standalone", "--set", "tls.secretName=x"); err == nil {
		t.Error("the plain binary is given TLS to clients, which it does not have")
	}
}

// TestNotesSayWhereClientsConnect has Helm make the notes that it prints after it has installed a chart.
func TestNotesSayWhereClientsConnect(t *testing.T) {
	t.Parallel()
	for _, file := range values(t) {
		chart := t.TempDir()
		stack.Check(t, os.CopyFS(chart, os.DirFS(path(t, chartOf(file)))))
		stack.Check(t, os.Rename(filepath.Join(chart, "templates", "NOTES.txt"), filepath.Join(chart, "notes.txt")))
		stack.Check(t, os.WriteFile(filepath.Join(chart, "templates", "notes.yaml"), []byte(`notes: {{ tpl (.Files.Get "notes.txt") . | quote }}`), 0o600))
		var made struct{ Notes string }
		stack.Check(t, yaml.Unmarshal([]byte(template(t, chart, path(t, file), "--show-only", "templates/notes.yaml")), &made))
		if !regexp.MustCompile(`kafka-mesh\.kafka-mesh\.svc:909\d`).MatchString(made.Notes) || strings.Contains(made.Notes, "\n\n\n") {
			t.Errorf("%s: the notes are\n%s", file, made.Notes)
		}
	}
}

// TestChartIsTheBase: with the same configuration, the chart runs what examples/kubernetes/base runs. Names of labels are different.
func TestChartIsTheBase(t *testing.T) {
	t.Parallel()
	const base, chart = "kustomize build examples/kubernetes/base", "helm template -f examples/helm/kafka-mesh/ci/envoy-values.yaml"
	made := map[string]map[string]any{}
	for _, f := range slices.Concat(kustomized(t), templated(t)) {
		if f.name == base || f.name == chart {
			made[f.name] = essence(t, f)
		}
	}
	if diff := cmp.Diff(made[base], made[chart]); diff != "" || len(made[base]) < 6 {
		t.Errorf("the base has %d resources, and the chart is different (-base +chart):\n%s", len(made[base]), diff)
	}
}

// essence is what of manifests does not depend on how they are made: what each resource is to do, by its kind.
func essence(t *testing.T, f text) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, d := range documents(t, f) {
		kind := word(d, "kind")
		for _, m := range mappings(d, "", func(string, map[string]any) bool { return false }) {
			delete(m, "imagePullPolicy")
			if annotations, is := m["annotations"].(map[string]any); is {
				delete(annotations, "checksum/config")
			}
			for _, key := range []string{"labels", "matchLabels", "selector"} {
				if labels, is := m[key].(map[string]any); is && labels["app.kubernetes.io/name"] != nil {
					m[key] = map[string]any{"app.kubernetes.io/name": "kafka-mesh"}
				}
			}
			if config, is := m["configMap"].(map[string]any); is {
				config["name"] = "kafka-mesh"
			}
		}
		switch kind {
		case "Namespace", "Pod": // who installs a chart makes the namespace; the pod is its test's
		case "ConfigMap":
			all[kind] = meshes(t, d)
		case "NetworkPolicy":
			spec := at(d, "spec").(map[string]any)
			from := list(spec, "ingress")[0].(map[string]any)
			from["from"] = list(from, "from")[:1] // the second is the test's
			all[kind] = spec
		case "Service":
			spec := at(d, "spec").(map[string]any)
			delete(spec, "type") // ClusterIP is the default
			all[kind] = spec
		default:
			all[kind] = at(d, "spec")
		}
	}
	return all
}

// meshes are the mesh's own configurations in a manifest, also those in texts of a ConfigMap.
func meshes(t *testing.T, d map[string]any) (found []any) {
	t.Helper()
	data, _ := d["data"].(map[string]any)
	roots := []any{d}
	for key := range data {
		var root map[string]any
		if yaml.Unmarshal([]byte(word(data, key)), &root) == nil {
			roots = append(roots, root)
		}
	}
	for _, root := range roots {
		for _, m := range mappings(root, "", func(string, map[string]any) bool { return false }) {
			if m["upstream_clusters"] != nil {
				found = append(found, m)
			}
		}
	}
	return found
}

// number is a number as people write it.
func number(n any) string {
	f, _ := n.(float64)
	return fmt.Sprintf("%.0f", f)
}
