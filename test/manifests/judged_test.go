//go:build onrequest

package manifests

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// judges is the folder with what tier 1 needs, which is for those who ask for it.
func judges(t *testing.T) string {
	t.Helper()
	dir, err := stack.ManifestJudges(t.Context())
	stack.Check(t, err)
	return dir
}

// part is a document of a text.
type part struct {
	name    string // the text's, and its own
	raw     string
	content map[string]any
	home    string // the namespace that it gets if it names none
}

func (p part) namespace() string {
	if own := word(p.content, "metadata", "namespace"); own != "" {
		return own
	}
	return p.home
}

// parts takes a text apart. Documents without content are left out.
func parts(t *testing.T, f text) (found []part) {
	t.Helper()
	home := "default"
	if strings.HasPrefix(f.name, "helm ") {
		home = "kafka-mesh"
	}
	for _, raw := range boundary.Split(f.content, -1) {
		for _, d := range documents(t, text{f.name, raw}) {
			found = append(found, part{fmt.Sprintf("%s: %s %s", f.name, word(d, "kind"), word(d, "metadata", "name")), raw, d, home})
		}
	}
	return found
}

// applicable are the manifests that somebody may apply: not the patches, which are parts of what kustomize makes. Documents that are the same are
// there once.
func applicable(t *testing.T) (all []part) {
	t.Helper()
	left := patches(t)
	seen := map[string]bool{}
	for _, f := range manifests(t) {
		if left[f.name] {
			continue
		}
		for _, p := range parts(t, f) {
			if key := p.home + "\n" + p.raw; !seen[key] {
				seen[key] = true
				all = append(all, p)
			}
		}
	}
	return all
}

// patches are the files that kustomizations name as patches.
func patches(t *testing.T) map[string]bool {
	t.Helper()
	files := map[string]bool{}
	for _, f := range checkedBy(t, asKustomize) {
		for _, d := range documents(t, f) {
			for _, p := range list(d, "patches") {
				files[filepath.Join(filepath.Dir(f.name), word(p, "path"))] = true
			}
		}
	}
	return files
}

// mistake is a copy of a document that is wrong at one place.
type mistake struct {
	part

	place string
	names string // what has to be found in what is said of it
}

// strayFields are copies of documents with a field too many, for each mapping but those that free leaves out.
func strayFields(t *testing.T, all []part, free func(path string, content map[string]any) bool) (wrong []mistake) {
	t.Helper()
	for _, p := range all {
		places := mappings(p.content, "", free)
		for _, place := range slices.Sorted(maps.Keys(places)) {
			places[place][stray] = map[string]any{}
			wrong = append(wrong, mistake{p.copied(t), place, stray})
			delete(places[place], stray)
		}
	}
	return wrong
}

// otherTypes are copies of documents with a mapping in place of a value, for each value but those at places that free leaves out.
func otherTypes(t *testing.T, all []part, free func(path string) bool) (wrong []mistake) {
	t.Helper()
	for _, p := range all {
		places := mappings(p.content, "", func(path string, _ map[string]any) bool { return free(path) })
		for _, place := range slices.Sorted(maps.Keys(places)) {
			for key, value := range places[place] {
				switch value.(type) {
				case map[string]any, []any, nil:
					continue
				}
				if free(place + "." + key) {
					continue
				}
				places[place][key] = map[string]any{"no": "value"}
				wrong = append(wrong, mistake{p.copied(t), place + "." + key, ""})
				places[place][key] = value
			}
		}
	}
	return wrong
}

// copied is the document as it is now.
func (p part) copied(t *testing.T) part {
	t.Helper()
	raw, err := json.Marshal(p.content)
	stack.Check(t, err)
	p.raw, p.content = string(raw), nil
	stack.Check(t, yaml.Unmarshal(raw, &p.content))
	return p
}
