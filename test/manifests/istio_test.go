//go:build onrequest

package manifests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// remarks are what istioctl tells everybody.
var remarks = regexp.MustCompile(`is valid$|has warnings: $|EnvoyFilter exposes internal implementation details|may not provide Istio metrics and telemetry labels|^$`)

// TestIstioJudgesManifests has istioctl validate, which has the code of istiod's webhook, and then analyze, what is for Istio.
func TestIstioJudgesManifests(t *testing.T) {
	t.Parallel()
	istioctl := filepath.Join(judges(t), "bin/istioctl")
	left := patches(t)
	all := slices.DeleteFunc(manifests(t), func(f text) bool { return left[f.name] || !strings.Contains(f.content, ".istio.io/") })
	if len(all) < 10 {
		t.Errorf("there are only %d texts", len(all))
	}
	var own []part
	for _, f := range all {
		file := write(t, f.content)
		out, err := combined(t, istioctl, "validate", "-f", file)
		for line := range strings.Lines(out) {
			if err != nil || !remarks.MatchString(strings.TrimSuffix(line, "\n")) {
				t.Errorf("%s: istioctl validate: %v: %s", f.name, err, line)
			}
		}
		if out, err := combined(t, istioctl, "analyze", "--use-kube=false", "--color=false", file); err != nil || !strings.Contains(out, "No validation issues found") {
			t.Errorf("%s: istioctl analyze: %v\n%s", f.name, err, out)
		}
		for _, p := range parts(t, f) {
			if strings.Contains(word(p.content, "apiVersion"), ".istio.io/") {
				own = append(own, p)
			}
		}
	}
	wrong := strayFields(t, own, notIstios)
	if len(wrong) < 50 {
		t.Errorf("there are only %d places for a stray field", len(wrong))
	}
	var copies strings.Builder
	for i, m := range wrong {
		m.content["metadata"].(map[string]any)["name"] = fmt.Sprintf("copy-%d", i)
		raw, err := yaml.Marshal(m.content)
		stack.Check(t, err)
		fmt.Fprintf(&copies, "---\n%s", raw)
	}
	out, _ := combined(t, istioctl, "validate", "-f", write(t, copies.String()))
	for i, m := range wrong {
		if !regexp.MustCompile(fmt.Sprintf(`/copy-%d:.*%s`, i, stray)).MatchString(out) {
			t.Errorf("%s%s: istioctl does not find a stray field", m.name, m.place)
		}
	}
}

var ours = regexp.MustCompile(`\.(filter_config|plugin_config)$`)

// notIstios are places where Istio's validation does not look: metadata, which is the API server's to judge, names that anybody may choose, and
// the mesh's own configuration with its wrapping, which Envoy and the mesh judge.
func notIstios(path string, _ map[string]any) bool {
	return path == ".metadata" || named.MatchString(path) || ours.MatchString(path)
}

func write(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "given.yaml")
	stack.Check(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// combined gives all that a command prints.
func combined(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
