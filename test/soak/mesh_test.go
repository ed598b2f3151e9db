package soak

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// raceCode is the exit code of a process that has found races.
const raceCode = 66

// mesh is one process that is looked after.
type mesh struct {
	*stack.Process

	name, addr, profiles string
	points               [quantities][]Point
}

func (m *mesh) keep(at time.Duration, s sample) {
	for q, v := range s {
		m.points[q] = append(m.points[q], Point{at, v})
	}
}

// build compiles a program of this repository that serves its profiles into a directory of the test's own, so that a long run
// is not disturbed by who builds meanwhile.
func build(t *testing.T, file, cgo string, args ...string) {
	t.Helper()
	root, err := stack.Root()
	stack.Check(t, err)
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-tags", "profile", "-o", file}, args...),
		"./cmd/"+nameOf(file))...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

// nameOf is the program that a file is of.
func nameOf(file string) string {
	name := filepath.Base(file)
	return name[:len(name)-len(filepath.Ext(name))]
}

// startEnvoy starts Envoy with our module.
func startEnvoy(t *testing.T, apples, bananas string) *mesh {
	t.Helper()
	dir := t.TempDir()
	build(t, filepath.Join(dir, "libkafkamesh.so"), "1", "-buildmode=c-shared")
	config := stack.TwoClusters(stack.Addr(t), apples, bananas)
	m := &mesh{name: "Envoy", addr: config.Addr, profiles: stack.Addr(t)}
	m.Process = stack.Envoy(t, stack.EnvoyOptions{
		Mesh: &config, ModuleDir: dir, Env: []string{"KAFKAMESH_PROFILE=" + m.profiles},
	}).Process
	return m
}

// startPlain starts the plain binary, with Go's race detector or without.
func startPlain(t *testing.T, apples, bananas string, race bool) *mesh {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "kafkamesh")
	if race {
		build(t, binary, "1", "-race")
	} else {
		build(t, binary, "0")
	}
	config := stack.TwoClusters(stack.Addr(t), apples, bananas)
	text, err := config.Config()
	stack.Check(t, err)
	file := filepath.Join(dir, "mesh.yaml")
	stack.Replace(t, file, text)
	m := &mesh{name: "plain", addr: config.Addr, profiles: stack.Addr(t)}
	cmd := exec.Command(binary, "serve", "--config", file, "--listen", m.addr)
	cmd.Env = append(os.Environ(), "KAFKAMESH_PROFILE="+m.profiles, fmt.Sprintf("GORACE=exitcode=%d", raceCode))
	m.Process, err = stack.Start(t.Context(), "kafkamesh serve", cmd, m.addr)
	stack.Check(t, err)
	t.Cleanup(func() {
		m.Stop()
		if t.Failed() {
			t.Logf("log of the plain binary:\n%s", stack.Tail(m.Log()))
		}
	})
	return m
}

// startKafka starts a broker that forgets what is a quarter of an hour old, so that the disk does not fill.
func startKafka(t *testing.T) *stack.KafkaCluster {
	t.Helper()
	return stack.Kafka(t, stack.KafkaOptions{Properties: map[string]string{
		"auto.create.topics.enable":       "false",
		"log.retention.ms":                "900000",
		"log.retention.bytes":             "268435456",
		"log.retention.check.interval.ms": "60000",
		"log.segment.bytes":               "16777216",
		"log.roll.ms":                     "300000",
		"log.segment.delete.delay.ms":     "10000",
	}})
}
