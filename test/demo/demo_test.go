package main

import (
	"context"
	"net"
	"net/http"
	"os"
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
	const ready = "READY envoy=127.0.0.1:19092 admin=127.0.0.1:9901 page=http://127.0.0.1:19095/ " +
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

// TestHintsCanBePasted runs what a demo that serves suggests, as it stands, and ends it with Ctrl-C.
//
//nolint:paralleltest // the demo has ports of its own
func TestHintsCanBePasted(t *testing.T) {
	_, err := stack.ModuleDir()
	stack.Check(t, err)
	_, err = stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	stack.Check(t, err)
	binary, err := stack.Binary()
	stack.Check(t, err)
	path := programs(t)
	for _, args := range [][]string{{buildBinary(t)}, {binary, "demo"}} {
		name := filepath.Base(args[0])
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Env = append(cmd.Environ(), "DEMO_ONCE=", "DEMO_KAFKA=")
			p, err := stack.Start(t.Context(), name, cmd, demo.Clusters()[0].Addr())
			stack.Check(t, err)
			defer p.Stop()
			stack.Check(t, p.WaitLog(t.Context(), "Ctrl-C ends it.\n"))
			wantPasted(t, p.Log(), path)
			stack.Check(t, cmd.Process.Signal(os.Interrupt))
			stack.Check(t, p.WaitEnd(t.Context()))
			if p.ExitCode() != 0 {
				t.Errorf("Ctrl-C: %s", p.Ending())
			}
		})
	}
}

// wantPasted runs the lines that are to be pasted, with programs from a folder, and looks at the page of statistics, if there is one.
func wantPasted(t *testing.T, said, path string) {
	t.Helper()
	if strings.Contains(said, "\x1b") {
		t.Errorf("escape codes in %q", said)
	}
	_, hints, _ := strings.Cut(said, "READY ")
	last := ""
	for _, line := range regexp.MustCompile(`(?m)^  (.+)$`).FindAllStringSubmatch(hints, -1) {
		shell := exec.CommandContext(t.Context(), "sh", "-e", "-c", line[1])
		shell.Env = append(shell.Environ(), "PATH="+path+":"+os.Getenv("PATH"))
		out, err := shell.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", line[1], err, out)
		}
		last = string(out)
	}
	if strings.Count(last, "hello\n") != 2 {
		t.Errorf("the cluster holds %q, want what two producers have sent", last)
	}
	for _, url := range regexp.MustCompile(`(?m): (http://\S+)$`).FindAllStringSubmatch(hints, -1) {
		page, err := stack.Page(t.Context(), http.MethodGet, url[1])
		if err != nil || !strings.Contains(page, "kafkamesh.cluster.kafka_c1.batches: ") && !strings.Contains(page, "<h3>kafka_c1") {
			t.Errorf("%s: %v, %q", url[1], err, page)
		}
	}
}

// programs makes a folder with the programs that a user has.
func programs(t *testing.T) (dir string) {
	t.Helper()
	clients, err := stack.Clients(t.Context())
	stack.Check(t, err)
	dir = t.TempDir()
	for name, command := range map[string]string{
		"kcat":                      "LD_LIBRARY_PATH=" + clients + "/kcat-1.7.1/lib exec " + clients + "/kcat-1.7.1/usr/bin/kcat",
		"kafka-console-producer.sh": "exec java -cp '" + clients + "/tools-4.3.1/libs/*' org.apache.kafka.tools.ConsoleProducer",
	} {
		stack.Check(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+command+` "$@"`+"\n"), 0o700))
	}
	return dir
}

// build builds the demo and returns a function that runs it once.
func build(t *testing.T) func(t *testing.T) (string, error) {
	t.Helper()
	binary := buildBinary(t)
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

// buildBinary builds the demo as the Makefile does, so that what both are made of is there.
func buildBinary(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "demo")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildmode=pie", "-o", binary, ".")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}
