package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/test/churn"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// memoryBound is how much more memory Envoy may hold after all of the load than after a third of it. Its heaps breathe
// by some 10 MiB; a leak of 1 KiB a connection would show as 33 MiB.
const memoryBound = 32 << 20

// TestChurnLeavesNothing opens, uses and resets connections at random, on each Envoy: it lives, keeps no connection and does not grow.
// CHURN_CONNECTIONS says how many, 50,000 if it is not set.
//
//nolint:paralleltest // it uses the whole machine
func TestChurnLeavesNothing(t *testing.T) {
	total := stack.EnvInt(t, "CHURN_CONNECTIONS", 50_000)
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) { churnOn(t, version, total) })
	}
}

func churnOn(t *testing.T, version string, total int) {
	t.Helper()
	envoy, addr, c := startChurn(t, stack.EnvoyOptions{Version: version}, "")
	runChurn(t, c, total/3)
	warm := rss(t, envoy)
	runChurn(t, c, total-total/3)
	grown := rss(t, envoy) - warm
	t.Logf("%d connections: %s; memory %d KiB after a third, %+d KiB after all", total, c, warm>>10, grown>>10)
	if grown > memoryBound {
		t.Errorf("Envoy's memory grew by %d bytes, want at most %d", grown, memoryBound)
	}
	stack.WantAlive(t, envoy.Process)
	if err := c.Visit(churn.ProduceAndLeave); err != nil {
		t.Errorf("after the load: %v", err)
	}
	waitNoConnections(t, envoy, addr)
	stack.WantNoAlarm(t, envoy.Process)
}

// TestChurnPreemptedDoesNotCrash is the same load, shorter, while the module's threads lose the processor at the worst moments. Of every
// connection Envoy's access log is told.
//
//nolint:paralleltest // it uses the whole machine
func TestChurnPreemptedDoesNotCrash(t *testing.T) {
	envoy, addr, c := startChurn(t, stack.EnvoyOptions{Env: preempted(t)}, filepath.Join(t.TempDir(), "access.log"))
	runChurn(t, c, 10_000)
	stack.WantAlive(t, envoy.Process)
	waitNoConnections(t, envoy, addr)
}

// TestChurnUnguardedCrashes shows that this load finds the crash that the guard in the module's C layer prevents: Envoy may call
// the module for a connection that is gone if one of the module's threads was handing over an answer for it. A module
// that was built without the guard kills Envoy within a few thousand connections.
//
//nolint:paralleltest // it uses the whole machine
func TestChurnUnguardedCrashes(t *testing.T) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared",
		"-o", filepath.Join(dir, "libkafkamesh.so"), "../../cmd/libkafkamesh")
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS=-O2 -DKAFKAMESH_WITHOUT_CLOSE_GUARD")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the module without its guard: %v\n%s", err, out)
	}
	envoy, _, c := startChurn(t, stack.EnvoyOptions{ModuleDir: dir, Env: preempted(t)}, "")
	for range 100 {
		err := c.Run(1000)
		select {
		case <-envoy.Done():
			t.Logf("Envoy ended (%v) after %s", err, c)
			if code := envoy.ExitCode(); code != -1 {
				t.Errorf("Envoy's exit code = %d, want it killed by a signal:\n%s", code, stack.Tail(envoy.Log()))
			}
			return
		default:
		}
	}
	t.Errorf("Envoy lives after %s, want it dead", c)
}

// preempted is an environment in which Envoy runs as on a busy machine: see preempt/preempt.c.
func preempted(t *testing.T) []string {
	t.Helper()
	library := filepath.Join(t.TempDir(), "preempt.so")
	cc := exec.CommandContext(t.Context(), "cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, "preempt/preempt.c", "-ldl")
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	return []string{"LD_PRELOAD=" + library, "GOMAXPROCS=8"}
}

// startChurn starts an Envoy, with an access log if that has a path.
func startChurn(t *testing.T, o stack.EnvoyOptions, log string) (envoy *stack.EnvoyProcess, addr string, c *churn.Churn) {
	t.Helper()
	const topic, partitions = "apples-churn", 4
	broker := stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{
		kfake.BlackholeProduce(), // its memory is this test's
		kfake.SeedTopics(partitions, topic),
	}})
	mesh := stack.TwoClusters(stack.Addr(t), broker.Addr(), broker.Addr())
	if log != "" {
		mesh = withLog(t, mesh, log)
	}
	o.Mesh = &mesh
	return stack.Envoy(t, o), mesh.Addr, churn.New(mesh.Addr, topic, partitions, batchOf(0, noProducer, 0, 20))
}

// runChurn spends n connections, and fails the test if one of them was not served as it should.
func runChurn(t *testing.T, c *churn.Churn, n int) {
	t.Helper()
	if err := c.Run(n); err != nil {
		t.Fatalf("%v, after %v", err, c)
	}
}

func rss(t *testing.T, envoy *stack.EnvoyProcess) int64 {
	t.Helper()
	n, err := envoy.RSS()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// waitNoConnections waits until Envoy has let go of every connection.
func waitNoConnections(t *testing.T, envoy *stack.EnvoyProcess, addr string) {
	t.Helper()
	gauge := "listener." + strings.ReplaceAll(addr, ":", "_") + ".downstream_cx_active"
	if err := envoy.WaitGauge(t.Context(), gauge, 0); err != nil {
		t.Error(err)
	}
}
