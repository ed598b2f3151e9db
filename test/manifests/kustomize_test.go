package manifests

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestKustomizeRefusesStrayFields puts a field too many into each kustomization.
func TestKustomizeRefusesStrayFields(t *testing.T) {
	t.Parallel()
	for _, f := range checkedBy(t, asKustomize) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			stack.Check(t, os.CopyFS(dir, os.DirFS(path(t, "examples"))))
			file := filepath.Join(dir, strings.TrimPrefix(f.name, "examples/"))
			stack.Check(t, os.WriteFile(file, []byte(f.content+stray+": {}\n"), 0o600))
			if out, err := run(t, nil, tool(t, "bin/kustomize"), "build", filepath.Dir(file)); err == nil || !strings.Contains(err.Error(), stray) {
				t.Errorf("kustomize says of a stray field: %v\n%s", err, out)
			}
		})
	}
}

// TestAdvertisedHostIsTheService: clients are told the name and port of the Service by which they came, in every place that we show.
func TestAdvertisedHostIsTheService(t *testing.T) {
	t.Parallel()
	var found int
	const release = "kafka-mesh" // its namespace, of which Helm's manifests do not speak
	for _, f := range slices.Concat(kustomized(t), templated(t)) {
		services, told := map[string]bool{}, map[string]bool{}
		for _, d := range documents(t, f) {
			switch word(d, "kind") {
			case "Service":
				for _, p := range list(d, "spec", "ports") {
					services[word(d, "metadata", "name")+"."+cmp.Or(word(d, "metadata", "namespace"), release)+".svc:"+number(at(p, "port"))] = true
				}
			case "EnvoyProxy":
				name := word(d, "spec", "provider", "kubernetes", "envoyService", "name")
				services[name+".envoy-gateway-system.svc:9092"] = true
			}
			for _, c := range meshes(t, d) {
				told[word(c, "advertised_host")+":"+number(at(c, "advertised_port"))] = true
			}
		}
		for addr := range told {
			found++
			if !services[addr] {
				t.Errorf("%s: clients are told %s, which is none of the Services %v", f.name, addr, services)
			}
		}
	}
	if found < 8 {
		t.Errorf("there are only %d", found)
	}
}
