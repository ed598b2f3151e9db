package manifests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// configuration is one of Envoy's.
type configuration struct {
	name    string
	root    map[string]any
	besides map[string]string // files that are mounted beside it
}

// TestEnvoyTakesConfigurations has Envoy itself check what we show of its configurations, with the module in them.
func TestEnvoyTakesConfigurations(t *testing.T) {
	t.Parallel()
	all := configurations(t)
	if len(all) < 12 {
		t.Errorf("there are only %d configurations of Envoy", len(all))
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := validate(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEnvoyRefusesStrayFields puts a field too many into some of the mappings of what was lifted: Envoy, or in its own configuration the
// mesh, has to refuse each.
func TestEnvoyRefusesStrayFields(t *testing.T) {
	t.Parallel()
	for _, c := range configurations(t) {
		places := mappings(c.root["static_resources"], "", func(path string, _ map[string]any) bool { return strings.HasSuffix(path, ".json_format") })
		paths := slices.Sorted(maps.Keys(places))
		ours := slices.IndexFunc(paths, func(p string) bool { return strings.HasSuffix(p, "filter_config.value") })
		for _, i := range []int{len(paths) / 3, len(paths) - 1, ours} {
			if i < 0 || strings.Contains(paths[i], "clusters[") && strings.HasPrefix(c.name, "lifted") {
				continue
			}
			mapping := places[paths[i]]
			mapping[stray] = map[string]any{}
			raw, err := json.Marshal(c.root)
			stack.Check(t, err)
			delete(mapping, stray)
			t.Run(c.name+paths[i], func(t *testing.T) {
				t.Parallel()
				broken := configuration{c.name, nil, c.besides}
				stack.Check(t, json.Unmarshal(raw, &broken.root))
				// What is in tls and sasl is not named: it may be a secret.
				if err := validate(t, broken); err == nil || !strings.Contains(err.Error(), stray) && !strings.Contains(err.Error(), "unknown field") {
					t.Errorf("Envoy says of a stray field: %v", err)
				}
			})
		}
	}
}

// TestMeshTakesConfigurations has kafkamesh validate read what has a configuration of ours in it, as people would.
func TestMeshTakesConfigurations(t *testing.T) {
	t.Parallel()
	binary, err := stack.Binary()
	stack.Check(t, err)
	all := slices.Concat(checkedBy(t, asEnvoy), checkedBy(t, asMesh), manifests(t))
	all = slices.DeleteFunc(all, func(f text) bool { return !strings.Contains(f.content, "forwarding_rules") })
	if len(all) < 15 {
		t.Errorf("there are only %d", len(all))
	}
	for _, f := range all {
		dir := t.TempDir()
		file := filepath.Join(dir, "given.yaml")
		stack.Check(t, os.WriteFile(file, []byte(furnish(t, dir, f.content, nil)), 0o600))
		if _, err := run(t, nil, binary, "validate", file); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// configurations are all that are shown: files, texts in ConfigMaps, and what can be lifted out of manifests. None twice.
func configurations(t *testing.T) (all []configuration) {
	t.Helper()
	seen := map[string]bool{}
	add := func(c configuration) {
		raw, err := json.Marshal(c.root)
		stack.Check(t, err)
		if !seen[string(raw)] {
			seen[string(raw)] = true
			stockOnly(t, c.root)
			all = append(all, c)
		}
	}
	top, err := os.ReadFile(path(t, "envoy.yaml"))
	stack.Check(t, err)
	for _, f := range append(checkedBy(t, asEnvoy), text{"envoy.yaml", string(top)}) {
		if d := documents(t, f); d[0]["static_resources"] != nil {
			add(configuration{f.name, d[0], siblings(t, f.name)})
		}
	}
	for _, f := range manifests(t) {
		for _, d := range documents(t, f) {
			name := fmt.Sprintf("%s %s of %s", word(d, "kind"), word(d, "metadata", "name"), f.name)
			if root := lift(t, d); root != nil {
				add(configuration{name: "lifted out of " + name, root: root})
			}
			data, _ := d["data"].(map[string]any)
			for key := range data {
				var root map[string]any
				if err := yaml.Unmarshal([]byte(word(data, key)), &root); err == nil && root["static_resources"] != nil {
					add(configuration{name, root, texts(data)})
				}
			}
		}
	}
	return all
}

func texts(data map[string]any) map[string]string {
	all := map[string]string{}
	for key := range data {
		all[key] = word(data, key)
	}
	return all
}

// siblings are the files of the folder of a file.
func siblings(t *testing.T, name string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, f := range examples(t) {
		if filepath.Dir(f.name) == filepath.Dir(name) {
			all[filepath.Base(f.name)] = f.content
		}
	}
	return all
}

// stockOnly replaces what a stock Envoy lacks: the plugin of the contrib image by the module, which reads the same configuration; and
// kafka_broker by nothing.
func stockOnly(t *testing.T, root map[string]any) {
	t.Helper()
	for _, m := range mappings(root, "", func(string, map[string]any) bool { return false }) {
		if chain, is := m["filters"].([]any); is {
			m["filters"] = slices.DeleteFunc(chain, func(f any) bool { return word(f, "name") == "envoy.filters.network.kafka_broker" })
		}
		if typed, is := m["typed_config"].(map[string]any); is && typed["plugin_config"] != nil {
			for key := range typed {
				if !slices.Contains([]string{"@type", "library_id", "library_path", "plugin_name", "plugin_config", "is_terminal_filter"}, key) {
					t.Errorf("the plugin of the contrib image has no field %s", key)
				}
			}
			m["typed_config"] = map[string]any{
				"@type":                 "type.googleapis.com/envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter",
				"dynamic_module_config": map[string]any{"name": "kafkamesh"},
				"filter_name":           "kafka_mesh", "terminal_filter": typed["is_terminal_filter"], "filter_config": typed["plugin_config"],
			}
		}
	}
}

// validate has Envoy validate a configuration. Files that it names are made in a folder of the test.
func validate(t *testing.T, c configuration) error {
	t.Helper()
	envoy, err := stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	stack.Check(t, err)
	modules, err := stack.ModuleDir()
	stack.Check(t, err)
	raw, err := json.Marshal(c.root)
	stack.Check(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "envoy.json")
	stack.Check(t, os.WriteFile(file, []byte(furnish(t, dir, string(raw), c.besides)), 0o600))
	_, err = run(t, []string{"ENVOY_DYNAMIC_MODULES_SEARCH_PATH=" + modules}, envoy, "--mode", "validate", "--config-path", file, "--log-level", "warning")
	return err
}

var aFile = regexp.MustCompile(`/(?:etc|var)/[\w./-]*[\w-]`)

// aUser is the user of RFC 7677, whose password is pencil.
const aUser = "user SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n"

// furnish makes the files that a configuration names below a folder, and has it name them there.
func furnish(t *testing.T, dir, content string, besides map[string]string) string {
	t.Helper()
	named := aFile.FindAllString(content, -1)
	slices.SortFunc(named, func(a, b string) int { return len(b) - len(a) }) // files before the folders that they are in
	ca, err := authority.New("authority")
	stack.Check(t, err)
	leaf, err := ca.Issue("leaf", nil, nil)
	stack.Check(t, err)
	modules, err := stack.ModuleDir()
	stack.Check(t, err)
	for _, name := range slices.Compact(named) {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			continue
		}
		stack.Check(t, os.MkdirAll(filepath.Dir(file), 0o755))
		made := ca.PEM
		switch base := filepath.Base(name); {
		case strings.HasSuffix(base, ".so"):
			stack.Check(t, os.Symlink(filepath.Join(modules, "libkafkamesh.so"), file))
			continue
		case besides[base] != "":
			made = []byte(furnish(t, dir, besides[base], nil))
		case strings.Contains(base, "key"):
			made = leaf.Key
		case base == "users":
			made = []byte(aUser)
		case base == "credentials":
			made = []byte("user user-there pencil\n")
		case slices.Contains([]string{"user.crt", "tls.crt", "server.pem", "cert-chain.pem"}, base):
			made = leaf.Certificate
		}
		stack.Check(t, os.WriteFile(file, made, 0o600))
	}
	return aFile.ReplaceAllStringFunc(content, func(name string) string { return filepath.Join(dir, name) })
}
