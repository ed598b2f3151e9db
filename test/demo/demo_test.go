package main

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/demo"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestDemoBecomesReady runs the demo to its READY line: each record is in the cluster of its prefix.
//
//nolint:paralleltest // the demo has ports of its own
func TestDemoBecomesReady(t *testing.T) {
	_, err := stack.ModuleDir()
	stack.Check(t, err)
	_, err = stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	stack.Check(t, err)
	run := build(t)

	out, err := run(t)
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	const ready = "READY envoy=127.0.0.1:19092 admin=127.0.0.1:9901 " +
		"kafka_c1=127.0.0.1:19191 kafka_c2=127.0.0.1:19291 kafka_c3=127.0.0.1:19391"
	if last := lines[len(lines)-1]; last != ready {
		t.Errorf("last line = %q, want %q", last, ready)
	}
	wantRows(t, out)
}

// TestEmbeddedDemoStoresAll runs `kafkamesh demo`, which is the same without Envoy.
//
//nolint:paralleltest // the demo has ports of its own
func TestEmbeddedDemoStoresAll(t *testing.T) {
	binary, err := stack.Binary()
	stack.Check(t, err)
	out, err := exec.CommandContext(t.Context(), binary, "demo", "--once").CombinedOutput()
	if err != nil {
		t.Fatalf("kafkamesh demo: %v\n%s", err, out)
	}
	wantRows(t, string(out))
}

func wantRows(t *testing.T, out string) {
	t.Helper()
	for _, c := range demo.Clusters() {
		row := regexp.MustCompile(`(?m)^` + c.Topic + ` +\d+ +\d+ +` + c.Name + ` `)
		if got := len(row.FindAllString(out, -1)); got != c.Records {
			t.Errorf("%d rows for %s in %s, want %d:\n%s", got, c.Topic, c.Name, c.Records, out)
		}
	}
}

// TestBusyPortIsNamed runs the demo while one of its ports is taken.
//
//nolint:paralleltest // the demo has ports of its own
func TestBusyPortIsNamed(t *testing.T) {
	if l, err := net.Listen("tcp", adminAddr); err == nil { // else another has it, which will do
		defer l.Close()
	}
	out, err := build(t)(t)
	if err == nil || !strings.Contains(out, "127.0.0.1:9901 (Envoy's admin interface)") || strings.Count(out, "\n") != 1 {
		t.Errorf("demo: %v, printed %q, want one line that names the port", err, out)
	}
}

// build builds the demo and returns a function that runs it once.
func build(t *testing.T) func(t *testing.T) (string, error) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return func(t *testing.T) (string, error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary)
		cmd.Env = append(cmd.Environ(), "DEMO_ONCE=1", "DEMO_KAFKA=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}
