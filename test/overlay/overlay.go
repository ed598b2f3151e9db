// Package overlay runs tests of a package with other sources than those that are there: without what keeps a promise, or with what
// fails when a test says so. Nothing is written into the tree, and production code needs no way to do it: see go help build, -overlay.
package overlay

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Overlay is files in place of others. Paths are relative to the package under test.
type Overlay struct {
	tb      testing.TB
	dir     string
	replace map[string]string
}

// New makes an empty overlay.
func New(tb testing.TB) *Overlay {
	tb.Helper()
	return &Overlay{tb, tb.TempDir(), map[string]string{}}
}

// Write puts text in place of a file, which need not be there.
func (o *Overlay) Write(file, text string) {
	o.tb.Helper()
	at, err := filepath.Abs(file)
	if err != nil {
		o.tb.Fatal(err)
	}
	o.replace[at] = o.write(strconv.Itoa(len(o.replace))+".go", text)
}

// Insert puts a statement first in a function of a file. The function is named by the beginning of its declaration.
func (o *Overlay) Insert(file, function, statement string) {
	o.tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		o.tb.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), function)
	signature, body, found2 := strings.Cut(rest, "{\n")
	if !found || !found2 {
		o.tb.Fatalf("%s has no %s", file, function)
	}
	o.Write(file, head+function+signature+"{\n"+statement+"\n"+body)
}

// Test runs go test with the overlay, and with some variables of the environment set, and returns what it printed.
func (o *Overlay) Test(environment []string, args ...string) (string, error) {
	o.tb.Helper()
	text, err := json.Marshal(map[string]any{"Replace": o.replace})
	if err != nil {
		o.tb.Fatal(err)
	}
	args = append([]string{"test", "-count=1", "-overlay", o.write("overlay.json", string(text))}, args...)
	cmd := exec.CommandContext(o.tb.Context(), "go", args...)
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (o *Overlay) write(name, text string) string {
	o.tb.Helper()
	file := filepath.Join(o.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		o.tb.Fatal(err)
	}
	return file
}
