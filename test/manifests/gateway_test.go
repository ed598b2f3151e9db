//go:build onrequest

package manifests

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestEnvoyGatewayJudgesManifests has egctl, which has Envoy Gateway's own code, make of our Gateway what it would tell its Envoys: the mesh
// is in the listener that its patches name, and Envoy takes all of it.
func TestEnvoyGatewayJudgesManifests(t *testing.T) {
	t.Parallel()
	egctl := filepath.Join(judges(t), "bin/egctl")
	var found int
	for _, f := range kustomized(t) {
		if !strings.Contains(f.content, "kind: EnvoyPatchPolicy") {
			continue
		}
		found++
		all := parts(t, f)
		if out, err := combined(t, egctl, "x", "validate", "-f", write(t, f.content)); err != nil || !strings.Contains(out, "OK") {
			t.Errorf("%s: egctl validate: %v\n%s", f.name, err, out)
		}
		told, err := translate(t, egctl, all)
		stack.Check(t, err)
		if listener := told.mesh(); listener == nil || number(listener["perConnectionBufferLimitBytes"]) != "1048576" {
			t.Errorf("%s: the listeners are %v", f.name, told.root["static_resources"])
		}
		stack.Check(t, validate(t, configuration{name: f.name, root: told.root}))
		for _, change := range []struct{ name, from, to string }{
			{"another listener", "kafka-mesh/kafka-mesh/kafka", "kafka-mesh/kafka-mesh/kafak"},
			{"another path", "/filter_chains/0/filters/0", "/filter_chains/0/filters/1/name"},
			{"a field that the filter does not have", `"terminal_filter":`, `"terminal_filtr":`},
			{"another Gateway", `"kind":"Gateway","name":"kafka-mesh"}`, `"kind":"Gateway","name":"kafka"}`},
		} {
			told, err := translate(t, egctl, changed(t, all, change.from, change.to))
			if err == nil && told.mesh() != nil {
				t.Errorf("%s: %s is not noticed", f.name, change.name)
			}
		}
	}
	if found < 2 {
		t.Errorf("there are only %d", found)
	}
}

// told is what Envoys are told.
type told struct{ root map[string]any }

// mesh is the listener that the mesh is in, or nil.
func (x told) mesh() map[string]any {
	for _, listener := range list(x.root, "static_resources", "listeners") {
		for _, chain := range list(listener, "filterChains") {
			for _, filter := range list(chain, "filters") {
				if word(filter, "typedConfig", "filterName") == "kafka_mesh" {
					return listener.(map[string]any)
				}
			}
		}
	}
	return nil
}

// translate has Envoy Gateway make listeners and clusters of manifests.
func translate(t *testing.T, egctl string, all []part) (told, error) {
	t.Helper()
	var text strings.Builder
	for _, p := range all {
		if word(p.content, "kind") == "Service" { // the API server gives it its address
			p.content["spec"].(map[string]any)["clusterIP"] = "10.0.0.9"
		}
		raw, err := yaml.Marshal(p.content)
		stack.Check(t, err)
		fmt.Fprintf(&text, "---\n%s", raw)
	}
	out, err := combined(t, egctl, "x", "translate", "--from", "gateway-api", "--to", "xds", "-o", "json", "-f", write(t, text.String()))
	if err != nil {
		return told{}, fmt.Errorf("egctl translate: %w\n%s", err, stack.Tail(out))
	}
	var dumps map[string]map[string]struct{ Configs []map[string]any }
	stack.Check(t, json.Unmarshal([]byte(out), &dumps))
	static := map[string]any{}
	root := map[string]any{"static_resources": static}
	add := func(name string, item any) {
		items, _ := static[name].([]any)
		delete(item.(map[string]any), "@type")
		static[name] = append(items, item)
	}
	for _, dump := range dumps["xds"] {
		for _, c := range dump.Configs {
			if extensions := at(c, "bootstrap", "bootstrapExtensions"); extensions != nil {
				root["bootstrap_extensions"] = extensions
			}
			for _, l := range list(c, "dynamicListeners") {
				add("listeners", at(l, "activeState", "listener"))
			}
		}
	}
	return told{root}, nil
}

// changed are copies of documents with another text in place of one that has to be there.
func changed(t *testing.T, all []part, from, to string) (copies []part) {
	t.Helper()
	var found bool
	for _, p := range all {
		p = p.copied(t)
		if word(p.content, "kind") == "EnvoyPatchPolicy" && strings.Contains(p.raw, from) {
			found = true
			p.raw = strings.ReplaceAll(p.raw, from, to)
			p.content = nil
			stack.Check(t, yaml.Unmarshal([]byte(p.raw), &p.content))
		}
		copies = append(copies, p)
	}
	if !found {
		t.Errorf("nothing has %s", from)
	}
	return copies
}
