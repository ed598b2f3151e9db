package simulation_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fenceless is how many seeds at most it takes to see that order is not kept.
const fenceless = "500"

// TestWithoutFence takes out what keeps order, and has the simulation find that within a few seeds. A simulation that finds nothing
// proves something only if it would have found this.
func TestWithoutFence(t *testing.T) {
	t.Parallel()
	const head = "func (f *Fences) Refuses(b *wire.Batch, call uint64, now time.Time) bool {\n"
	path, err := filepath.Abs("../../filter/order/fences.go")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(string(raw), head, head+"\tif b != nil {\n\t\treturn false\n\t}\n", 1)
	if without == string(raw) {
		t.Fatalf("%s has no %q", path, head)
	}
	dir := t.TempDir()
	replacement, overlay := filepath.Join(dir, "fences.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replacement, []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: replacement}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-overlay", overlay, "-run", "^TestSimulation$", ".")
	cmd.Env = append(os.Environ(), "SEEDS="+fenceless, "SEED=")
	out, err := cmd.CombinedOutput()
	found := regexp.MustCompile(`mesh, seed \d+: .*`).FindString(string(out))
	if err == nil || found == "" {
		t.Fatalf("without a fence %s seeds find nothing: %v\n%s", fenceless, err, out)
	}
	t.Logf("without a fence: %s", found)
}
