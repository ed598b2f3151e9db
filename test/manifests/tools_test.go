package manifests

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

func TestMain(m *testing.M) {
	stack.Main(m, func() error { return os.RemoveAll(built.dir) })
}

// built is the command strict, compiled once, in a folder that is gone with the tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// strict compiles the command strict, and gives its file.
func strict(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "manifests-"); built.err != nil { //nolint:usetesting // it outlives the test
			return
		}
		cmd := exec.CommandContext(context.Background(), "go", "build", "-o", built.dir, ".")
		cmd.Dir = path(t, "test/manifests/strict")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("compile strict: %w\n%s", err, out)
		}
	})
	stack.Check(t, built.err)
	return filepath.Join(built.dir, "strict")
}

// tool is a file of what build/install-manifest-checkers.sh installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	dir, err := stack.ManifestCheckers(t.Context())
	stack.Check(t, err)
	return filepath.Join(dir, name)
}

// run gives what a command prints to standard output, and its error with what it prints to standard error.
func run(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env, cmd.Dir = append(os.Environ(), env...), path(t, "")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, &out, stack.Tail(errs.String()))
	}
	return out.String(), err
}
