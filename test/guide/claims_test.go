package guide

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestUnsafe: docs/security.md says where code is that the compiler does not check.
func TestUnsafe(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{.Imports}} {{.CgoFiles}}", "./filter/...", "./cmd/...")
	cmd.Dir = top(t, "")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "docs/security.md")
	for line := range strings.Lines(string(out)) {
		fields := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" []\n", r) })
		dir := fields[0][len("github.com/kafkamesh/envoy-kafka-mesh/"):]
		if slices.Contains(fields[1:], "unsafe") && !strings.Contains(text, "`"+dir+"`") {
			t.Errorf("%s has unsafe code, and docs/security.md does not say so", dir)
		}
	}
}
