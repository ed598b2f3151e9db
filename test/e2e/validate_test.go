package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestValidateDialsNobody has Envoy look at a configuration: its clusters are left alone. They are tried once Envoy is at work with it.
func TestValidateDialsNobody(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			config, dialled := watchedConfig(t)
			file := filepath.Join(t.TempDir(), "envoy.yaml")
			text := stack.Bootstrap(stack.Addr(t), stack.AsString(config))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			binary, err := stack.EnvoyBinary(t.Context(), version)
			stack.Check(t, err)
			modules, err := stack.ModuleDir()
			stack.Check(t, err)
			cmd := exec.CommandContext(t.Context(), binary, "--mode", "validate", "--config-path", file)
			cmd.Env = append(os.Environ(), "ENVOY_DYNAMIC_MODULES_SEARCH_PATH="+modules)
			if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "cannot reach") {
				t.Errorf("envoy --mode validate: %v\n%s", err, stack.Tail(string(out)))
			}
			if len(dialled) > 0 {
				t.Error("envoy --mode validate has dialled the cluster")
			}
			stack.Envoy(t, stack.EnvoyOptions{Config: text, Version: version})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			select {
			case <-dialled:
			case <-ctx.Done():
				t.Error("Envoy has not dialled the cluster")
			}
		})
	}
}

// watchedConfig is goodConfig with a cluster that tells when it is dialled.
func watchedConfig(t *testing.T) (config string, dialled <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	told := make(chan struct{}, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
			select {
			case told <- struct{}{}:
			default:
			}
		}
	}()
	return strings.ReplaceAll(goodConfig, "127.0.0.1:9", listener.Addr().String()), told
}
