package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/demo"
)

// What the quickstart shows is what the demo runs.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../../examples/quickstart/mesh.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(file) != demo.Config {
		t.Errorf("examples/quickstart/mesh.yaml is not cmd/kafkamesh/demo/mesh.yaml")
	}
}

// Whole configurations of Envoy with the module, and docs/operations.md, make the same labels for Prometheus. test/e2e has Envoy make them.
func TestExamplesMakeLabels(t *testing.T) {
	t.Parallel()
	labels := func(file string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, tags, ok := strings.Cut(string(text), "\nstats_config:\n")
		if !ok {
			t.Errorf("%s has no stats_config", file)
		}
		tags, _, _ = strings.Cut(tags, "```")
		return tags
	}
	want := labels("../../envoy.yaml")
	if n := strings.Count(want, "tag_name"); n < 10 {
		t.Errorf("%d labels in envoy.yaml", n)
	}
	for _, file := range []string{
		"docs/operations.md", "examples/dynamic-module/envoy.yaml", "examples/docker-compose/envoy.yaml", "examples/tls-to-clients/envoy.yaml",
	} {
		if diff := cmp.Diff(want, labels("../../"+file)); diff != "" {
			t.Errorf("the labels of %s are not those of envoy.yaml (-want +got):\n%s", file, diff)
		}
	}
}

// Every configuration that we show is one that loads.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range append(files, "../../envoy.yaml") {
		if name := filepath.Base(file); name == "compose.yaml" || name == "load-balancer.yaml" || name == "alerts.yaml" {
			continue // there is no mesh in it
		}
		if filepath.Base(filepath.Dir(file)) == "identities" {
			continue // its page makes the files that it names, and validates it: test/guide
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"validate", file}, streams{strings.NewReader(""), printer{&out}, printer{&errs}})
		if code != exitOK {
			t.Errorf("%s: exit code %d\n%s%s", file, code, &out, &errs)
		}
	}
}
