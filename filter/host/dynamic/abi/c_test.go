package abi_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestC runs the tests of the C layer, which are C themselves: testdata/fake plays Envoy and Go, in the order of events
// that each trap needs. The address sanitizer watches for what is used after it is freed, or never freed. Envoy 1.38 lacks some
// callbacks.
func TestC(t *testing.T) {
	t.Parallel()
	for _, envoy := range []string{"-DENVOY_1_39", "-DENVOY_1_38"} {
		t.Run(envoy, func(t *testing.T) {
			t.Parallel()
			runEach(t, build(t, "fake", "-fsanitize=address,undefined", envoy))
		})
	}
}

func runEach(t *testing.T, bin string) {
	t.Helper()
	names, err := exec.CommandContext(t.Context(), bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(names)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, err := exec.CommandContext(t.Context(), bin, name).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestHammerC has three threads write to connections that come and go, under the thread sanitizer.
func TestHammerC(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), build(t, "hammer", "-fsanitize=thread")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestCloseGuardMatters shows that the tests above would notice if on_scheduled forgot that a connection is gone.
func TestCloseGuardMatters(t *testing.T) {
	t.Parallel()
	bin := build(t, "fake", "-DKAFKAMESH_WITHOUT_CLOSE_GUARD")
	out, err := exec.CommandContext(t.Context(), bin, "scheduled_after_close_touches_nothing").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "e->freed") {
		t.Errorf("without the guard: %v, %s; want a failure", err, out)
	}
}

// build compiles the C layer with a main in testdata.
func build(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), dir)
	sources := []string{"module.c", "config.c", "metrics.c", "conn.c", "outgoing.c", "worker.c", "iteration.c", "waker.c"}
	mains, err := filepath.Glob(filepath.Join("testdata", dir, "*.c"))
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		"-O1", "-Wall", "-Wextra", "-Werror", "-Itestdata/fake", "-I.", "-DKAFKAMESH_CONGESTED_ABOVE=1000",
		"-DKAFKAMESH_KEEP_FROM=4", "-DKAFKAMESH_AT_ONCE=1000",
	}, flags...)
	args = append(args, "-o", bin)
	args = append(args, sources...)
	args = append(args, mains...)
	cc(t, append(args, "-lpthread")...)
	return bin
}
