package filter_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestParserPanics runs TestOverlaid with a toolchain's overlay, in which parsers panic: nothing else reaches them, and production
// code needs no way to do it.
func TestParserPanics(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	replace := map[string]string{}
	write := func(file, text string) {
		abs, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		replace[abs] = filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(replace[abs], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wire/overlaid.go", `package wire
import "bytes"
// Overlaid panics if b has the name of a place.
func Overlaid(place string, b []byte) { if bytes.Contains(b, []byte("PANIC-"+place)) { panic("bug in "+place) } }
`)
	for _, o := range []struct{ file, function, call string }{
		{"wire/framer.go", "func (f *Framer) Next(", `Overlaid("framer", p)`},
		{"wire/header.go", "func (t *Table) ParseHeader(", `Overlaid("header", frame)`},
		{"wire/produce.go", "func DecodeProduce(", `Overlaid("request", body)`},
		{"record/check.go", "func Check(", `wire.Overlaid("check", b)`},
		{"wire/produce_response.go", "func AppendProduceResponse(", `Overlaid("response", h.ClientID)`},
		{"wire/upstream_response.go", "func DecodeProduceResponse(", `Overlaid("answer", batches[0].Records)`},
	} {
		text, err := os.ReadFile(o.file)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, found := strings.Cut(string(text), o.function)
		signature, body, found2 := strings.Cut(rest, "{\n")
		if !found || !found2 {
			t.Fatalf("%s has no %s", o.file, o.function)
		}
		write(o.file, fmt.Sprintf("%s%s%s{\n%s\n%s", head, o.function, signature, o.call, body))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"test", "-count=1", "-tags", "overlaid", "-overlay", file, "-run", "^TestOverlaid$", "."}
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "no tests to run") {
		t.Errorf("%v\n%s", err, out)
	}
}
