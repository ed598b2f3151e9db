package manifests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// text is YAML: of a file, or what a tool has made.
type text struct{ name, content string }

// Who checks a file.
const (
	asManifest  = "Kubernetes"
	asKustomize = "kustomize"
	asChart     = "Helm"
	asEnvoy     = "Envoy"
	asMesh      = "the mesh"
	asOther     = "another test"
)

// others are files that other tests check.
var others = map[string]string{
	"examples/docker-compose/compose.yaml": "test/release",
	"examples/grafana/alerts.yaml":         "the tests of the dashboard",
}

// TestEveryFileIsChecked: there is no YAML among the examples that nobody reads.
func TestEveryFileIsChecked(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for _, f := range examples(t) {
		kind := checker(f)
		if kind == "" {
			t.Errorf("%s: nobody knows what it is", f.name)
		}
		counts[kind]++
	}
	for _, kind := range []string{asManifest, asKustomize, asChart, asEnvoy, asMesh, asOther} {
		if counts[kind] == 0 {
			t.Errorf("no file is checked by %s", kind)
		}
	}
	for name := range others {
		if _, err := os.Stat(path(t, name)); err != nil {
			t.Error(err)
		}
	}
}

// checker says who checks a file, "" if nobody does.
func checker(f text) string {
	root := map[string]any{}
	first, _, _ := strings.Cut(f.content, "\n---\n")
	_ = yaml.Unmarshal([]byte(first), &root) // of templates nothing is known
	has := func(keys ...string) bool {
		return !slices.ContainsFunc(keys, func(key string) bool { return root[key] == nil })
	}
	switch {
	case others[f.name] != "":
		return asOther
	case chartOf(f.name) != "":
		return asChart
	case filepath.Base(f.name) == "kustomization.yaml":
		return asKustomize
	case has("apiVersion", "kind"):
		return asManifest
	case has("static_resources"), has("resources"):
		return asEnvoy
	case has("upstream_clusters", "forwarding_rules"):
		return asMesh
	default:
		return ""
	}
}

// examples are the YAML files of the examples.
func examples(t *testing.T) (files []text) {
	t.Helper()
	root := path(t, "")
	err := filepath.WalkDir(filepath.Join(root, "examples"), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".tpl"}, filepath.Ext(file)) {
			return err
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		files = append(files, text{name, string(raw)})
		return err
	})
	stack.Check(t, err)
	return files
}

// checkedBy are those of the examples that somebody checks.
func checkedBy(t *testing.T, kind string) []text {
	t.Helper()
	return slices.DeleteFunc(examples(t), func(f text) bool { return checker(f) != kind })
}

// manifests are all of them: those of files, and what kustomize and Helm make.
func manifests(t *testing.T) []text {
	t.Helper()
	return slices.Concat(checkedBy(t, asManifest), kustomized(t), templated(t))
}

var boundary = regexp.MustCompile(`(?m)^---\s*$`)

// documents takes a text apart. Documents without content are left out.
func documents(t *testing.T, f text) (found []map[string]any) {
	t.Helper()
	for _, part := range boundary.Split(f.content, -1) {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(part), &content); err != nil {
			t.Fatalf("%s: %v\n%s", f.name, err, part)
		}
		if content != nil {
			found = append(found, content)
		}
	}
	return found
}

// at is what stands below keys, or nil.
func at(content any, keys ...string) any {
	for _, key := range keys {
		fields, _ := content.(map[string]any)
		content = fields[key]
	}
	return content
}

// word is a text that stands below keys, or "".
func word(content any, keys ...string) string {
	s, _ := at(content, keys...).(string)
	return s
}

// path is that of a file of the repository.
func path(t *testing.T, name string) string {
	t.Helper()
	root, err := stack.Root()
	stack.Check(t, err)
	return filepath.Join(root, name)
}
