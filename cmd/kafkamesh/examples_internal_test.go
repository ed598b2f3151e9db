package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// Every configuration that we show is one that loads.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range append(files, "../../envoy.yaml") {
		if name := filepath.Base(file); name == "compose.yaml" || name == "load-balancer.yaml" {
			continue // there is no mesh in it
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"validate", file}, streams{strings.NewReader(""), printer{&out}, printer{&errs}})
		if code != exitOK {
			t.Errorf("%s: exit code %d\n%s%s", file, code, &out, &errs)
		}
	}
}
