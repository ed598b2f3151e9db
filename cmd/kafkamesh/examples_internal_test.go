package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// Every configuration that we show is one that loads.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range append(files, "../../envoy.yaml") {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"validate", file}, streams{strings.NewReader(""), printer{&out}, printer{&errs}})
		if code != exitOK {
			t.Errorf("%s: exit code %d\n%s%s", file, code, &out, &errs)
		}
	}
}
