package manifests

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// definedElsewhere are groups of resources whose definitions are not to be had here, and what stands in for the check.
var definedElsewhere = map[string]string{
	"kafka.strimzi.io": "Strimzi publishes its definitions in no module: the API server judges, with those that Strimzi's program makes",
}

// TestManifestsAreStrictlyRight has each manifest read as an API server reads it.
func TestManifestsAreStrictlyRight(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	if len(all) < 20 {
		t.Errorf("there are only %d texts with manifests", len(all))
	}
	for _, m := range mistakes(t, nil, all) {
		t.Error(m)
	}
}

// TestPodsAreRestricted: what we run ourselves is allowed in namespaces with the strictest of the Pod Security Standards.
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	for _, m := range mistakes(t, []string{"-pods", "restricted"}, slices.Concat(kustomized(t), templated(t))) {
		t.Error(m)
	}
}

// mistakes are what strict says of texts, by their names, without what it cannot know.
func mistakes(t *testing.T, args []string, texts []text) (lines []string) {
	t.Helper()
	dir, names := t.TempDir(), map[string]string{}
	args = append([]string{"-crds", tool(t, "crds")}, args...)
	for i, f := range texts {
		file := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(file, []byte(f.content), 0o600); err != nil {
			t.Fatal(err)
		}
		names[file], args = f.name, append(args, file)
	}
	out, err := run(t, nil, strict(t), args...)
	for line := range strings.Lines(out) {
		file, rest, found := strings.Cut(strings.TrimSpace(line), "#")
		if group := unknownGroup(rest); definedElsewhere[group] != "" {
			continue
		}
		if found && names[file] != "" {
			file = names[file] + "#"
		}
		lines = append(lines, file+rest)
	}
	if err != nil && out == "" {
		t.Fatal(err)
	}
	return lines
}

var unknown = regexp.MustCompile(`: nobody knows \w+ of ([\w.]+)/`)

func unknownGroup(line string) string {
	if found := unknown.FindStringSubmatch(line); found != nil {
		return found[1]
	}
	return ""
}

// TestStrayFieldsAreFound puts a field too many into each mapping of each manifest in turn, and wants strict to find it.
func TestStrayFieldsAreFound(t *testing.T) {
	t.Parallel()
	var (
		copies strings.Builder
		where  []string // by the place of the copy
	)
	seen := map[string]bool{}
	for _, f := range manifests(t) {
		for _, d := range documents(t, f) {
			group, _, _ := strings.Cut(word(d, "apiVersion"), "/")
			raw, err := yaml.Marshal(d)
			stack.Check(t, err)
			if definedElsewhere[group] != "" || seen[string(raw)] {
				continue
			}
			seen[string(raw)] = true
			for place, mapping := range mappings(d, "", free) {
				mapping[stray] = map[string]any{}
				raw, err := yaml.Marshal(d)
				stack.Check(t, err)
				delete(mapping, stray)
				fmt.Fprintf(&copies, "---\n%s", raw)
				where = append(where, fmt.Sprintf("%s: %s %s%s", f.name, word(d, "kind"), word(d, "metadata", "name"), place))
			}
		}
	}
	if len(where) < 500 {
		t.Errorf("there are only %d places for a stray field", len(where))
	}
	found := map[int]bool{}
	for _, m := range mistakes(t, nil, []text{{"copies", copies.String()}}) {
		n, _, _ := strings.Cut(strings.TrimPrefix(m, "copies#"), " ")
		if i, err := strconv.Atoi(n); err == nil && strings.Contains(m, stray) {
			found[i] = true
		}
	}
	for i, place := range where {
		if !found[i] {
			t.Errorf("%s: a stray field is not found", place)
		}
	}
}

// stray is a field that nothing has.
const stray = "strayField"

// mappings are those in content, by where they are: below the keys of path, without what free leaves out.
func mappings(content any, path string, free func(path string, content map[string]any) bool) map[string]map[string]any {
	all := map[string]map[string]any{}
	switch c := content.(type) {
	case map[string]any:
		if free(path, c) {
			return all
		}
		all[path] = c
		for key, value := range c {
			maps.Copy(all, mappings(value, path+"."+key, free))
		}
	case []any:
		for i, item := range c {
			maps.Copy(all, mappings(item, fmt.Sprintf("%s[%d]", path, i), free))
		}
	}
	return all
}

var (
	// What anybody may name as they like.
	named = regexp.MustCompile(`\.(labels|annotations|matchLabels|nodeSelector|data|requests|limits|portLevelMtls)$|^\.spec\.selector$`)
	// What Envoy is to judge.
	envoys = regexp.MustCompile(`\.(patch|operation)\.value\b`)
)

// free tells whether a mapping may have any field, as far as Kubernetes is concerned.
func free(path string, content map[string]any) bool {
	_, selects := content["matchLabels"]
	return envoys.MatchString(path) || named.MatchString(path) && !selects
}
