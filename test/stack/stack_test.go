package stack_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

//nolint:paralleltest // a process that another test is starting holds the port until it runs its program
func TestFreePortCanBeListenedOn(t *testing.T) {
	port, err := stack.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", stack.Local(port))
	if err != nil {
		t.Fatalf("FreePort() = %d: %v", port, err)
	}
	defer l.Close()
	if err := stack.Listenable(stack.Local(port)); err == nil {
		t.Errorf("Listenable(%d) = nil while somebody listens there", port)
	}
}

// A port is given out once, and to one process: the locks of files that this one opens anew are another's.
func TestFreePortIsHeld(t *testing.T) {
	t.Parallel()
	port, err := stack.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(os.TempDir(), "kafkamesh-ports", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		t.Errorf("port %d can be had by another", port)
	}
}

// What answers is the process that was started, and not another that happens to listen there.
func TestAnswerOfAnotherProcessDoesNotCount(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := stack.Start(t.Context(), "true", exec.CommandContext(t.Context(), "true"), l.Addr().String())
	if err == nil {
		p.Stop()
		t.Error("a process that has ended is said to listen where another one does")
	}
}

// An Envoy that shares its port, as those of two configurations with the same port do, is not taken for one that has it.
func TestEnvoyWithoutAPortOfItsOwnDoesNotCount(t *testing.T) {
	t.Parallel()
	fake := stack.Fake(t, stack.FakeOptions{})
	mesh := stack.TwoClusters(stack.Addr(t), fake.Addr(), fake.Addr())
	first := stack.Envoy(t, stack.EnvoyOptions{Mesh: &mesh})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	second, err := stack.StartEnvoy(ctx, stack.EnvoyOptions{Mesh: &mesh})
	if err == nil {
		second.Close()
		t.Error("an Envoy that shares its port counts as started")
	} else if !strings.Contains(err.Error(), "another process listens at "+mesh.Addr) {
		t.Errorf("StartEnvoy() = %v, want an error that says who listens", err)
	}
	stack.WantAlive(t, first.Process)
}

// A relay passes bytes on both ways, counts connections, and lets a test cut them or send new ones elsewhere.
func TestRelayPassesOnUntilItCuts(t *testing.T) {
	t.Parallel()
	here, there := named(t, "here"), named(t, "there")
	relay := stack.NewRelay(t, nil)
	dial := func(want string) net.Conn {
		conn, err := net.Dial("tcp", relay.Addr())
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
		return conn
	}
	relay.Aim(here)
	first := dial("here")
	defer first.Close()
	relay.Aim(there)
	second := dial("there")
	defer second.Close()
	if n := relay.Accepted(); n != 2 {
		t.Errorf("Accepted() = %d, want 2", n)
	}
	relay.Reset()
	for _, conn := range []net.Conn{first, second} {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read of a connection that was cut: %v, want it reset", err)
		}
	}
	third := dial("there")
	defer third.Close()
	relay.Hangup()
	if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read of a connection that was hung up: %v, want its end", err)
	}
}

// named says its name to whoever connects, and waits for the end.
func named(t *testing.T, name string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = conn.Write([]byte(name))
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			})
		}
	})
	return l.Addr().String()
}

func TestMeshConfigIsWhatTheMeshReads(t *testing.T) {
	t.Parallel()
	mesh := stack.Mesh{
		Addr:     "127.0.0.1:19092",
		Clusters: []stack.MeshCluster{{Name: "c1", Bootstrap: "h:1", Producer: map[string]string{"acks": "1"}}},
		Rules:    []stack.MeshRule{{Cluster: "c1", Prefix: "apples"}},
	}
	got, err := mesh.Config()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"advertised_host":"127.0.0.1","advertised_port":19092,` +
		`"forwarding_rules":[{"target_cluster":"c1","topic_prefix":"apples"}],` +
		`"upstream_clusters":[{"cluster_name":"c1","bootstrap_servers":"h:1","producer_config":{"acks":"1"}}]}`
	if got != want {
		t.Errorf("Config() = %s, want %s", got, want)
	}
	mesh.Addr = "nonsense"
	if got, err := mesh.Config(); err == nil {
		t.Errorf("Config() of a mesh without a port = %s, want an error", got)
	}
}

func TestFilterConfigFormsHoldTheText(t *testing.T) {
	t.Parallel()
	const text = `{"a": "b\"c"}`
	for name, form := range map[string]string{"StringValue": stack.AsString(text), "BytesValue": stack.AsBytes(text)} {
		_, value, found := strings.Cut(strings.TrimSuffix(form, "}"), "value: ")
		var back []byte
		var err error
		if name == "StringValue" {
			var s string
			err = json.Unmarshal([]byte(value), &s)
			back = []byte(s)
		} else {
			err = json.Unmarshal([]byte(value), &back)
		}
		if !found || err != nil || string(back) != text {
			t.Errorf("%s = %s, which holds %q (%v), want %q", name, form, back, err, text)
		}
	}
}

// TestRefusedConfigurationIsNamed starts an Envoy with a configuration that it cannot read: StartEnvoy says what Envoy said.
func TestRefusedConfigurationIsNamed(t *testing.T) {
	t.Parallel()
	_, err := stack.EnvoyBinary(t.Context(), stack.EnvoyVersion)
	stack.Check(t, err)
	_, err = stack.StartEnvoy(t.Context(), stack.EnvoyOptions{Config: "no_such_field: 1", ModuleDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "no_such_field") {
		t.Errorf("StartEnvoy() = %v, want an error that names no_such_field", err)
	}
}

// TestMissingPartIsNamedWithItsCure looks for a version that is not there, where nothing may be fetched.
func TestMissingPartIsNamedWithItsCure(t *testing.T) {
	t.Setenv("E2E", "")
	_, err := stack.EnvoyBinary(t.Context(), "0.0.0")
	if err == nil || !strings.Contains(err.Error(), "build/install-envoy.sh 0.0.0") {
		t.Errorf("EnvoyBinary(0.0.0) = %v, want an error with the command that installs it", err)
	}
}

func TestRootIsTheRepository(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "envoy.yaml")); err != nil {
		t.Errorf("Root() = %s: %v", root, err)
	}
}
