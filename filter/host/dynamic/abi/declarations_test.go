package abi_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic/abi"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// envoyABI is where Envoy's own header is to be had through the Go module proxy. It is no requirement of go.mod,
// because no Go of it is used.
const envoyABI = "github.com/envoyproxy/envoy/source/extensions/dynamic_modules" +
	"@v0.0.0-20260423231439-f1dd21b16c24"

// TestDeclarations compares envoy_abi.h with Envoy's abi.h: a difference would not be seen before Envoy crashes.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	envoy := envoyHeader(t)
	header, err := os.ReadFile(envoy)
	if err != nil {
		t.Fatal(err)
	}
	if want := `ENVOY_DYNAMIC_MODULES_ABI_VERSION "` + abi.ABIVersion + `"`; !strings.Contains(string(header), want) {
		t.Errorf("%s does not define %s", envoy, want)
	}
	cc(t, "-fsyntax-only", "-Wall", "-Werror", "-I.", `-DENVOY_HEADER="`+envoy+`"`, "testdata/declarations/both.c")

	ours, err := filepath.Abs("envoy_abi.h")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := probe(t, ours), probe(t, envoy); got != want {
		t.Errorf("types as envoy_abi.h has them:\n%s\nas Envoy has them:\n%s", got, want)
	}
}

func envoyHeader(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", envoyABI)
	cmd.Dir = t.TempDir() // outside of any module: nothing is added to go.mod
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &module); err != nil || jsonErr != nil {
		stack.Missing(t, "Envoy's header is not to be had: %v %s", err, module.Error)
	}
	return filepath.Join(module.Dir, "abi", "abi.h")
}

func probe(t *testing.T, header string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "probe")
	cc(t, "-o", bin, `-DHEADER="`+header+`"`, "testdata/declarations/probe.c")
	out, err := exec.CommandContext(t.Context(), bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// cc runs the C compiler.
func cc(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"-std=gnu11", "-g"}, args...)
	if out, err := exec.CommandContext(t.Context(), "cc", args...).CombinedOutput(); err != nil {
		t.Fatalf("cc %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
