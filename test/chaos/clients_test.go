package chaos

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// library makes producers, and has them begin and end; it has members join their groups, and leave.
type library interface {
	start(a *account, bootstrap string) error
	begin(a *account) error
	stop(a *account) error
	join(m *member, bootstrap string) error
	leave(m *member) error
}

// hearer is told what becomes of a client of a program.
type hearer interface{ hear(line string) error }

var _, _ hearer = (*account)(nil), (*member)(nil)

var _, _ library = (*program)(nil), (*franz)(nil)

// program is a client program, in which there are as many producers as it is asked for.
type program struct {
	name string
	in   io.WriteCloser
	done chan struct{} // closed when all its output has been read

	mu      sync.Mutex
	hearers map[string]hearer
	faults  []string // what it said that it should not
	log     bytes.Buffer
}

// startProgram starts a client program for the length of a test.
func startProgram(t *testing.T, name string) *program {
	t.Helper()
	p := &program{name: name, done: make(chan struct{}), hearers: map[string]hearer{}}
	cmd := programOf(t, name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var err error
	p.in, err = cmd.StdinPipe()
	stack.Check(t, err)
	out, err := cmd.StdoutPipe()
	stack.Check(t, err)
	cmd.Stderr = &p.log
	if path := os.Getenv("CHAOS_TRACE"); path != "" && name == "confluent-kafka" {
		trace, err := os.Create(path)
		stack.Check(t, err)
		t.Cleanup(func() { _ = trace.Close() })
		cmd.Stderr = trace
	}
	stack.Check(t, cmd.Start())
	go p.read(out)
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = cmd.Process.Kill()
		<-p.done
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("log of %s: %s", name, tail(p.log.String()))
		}
	})
	return p
}

func programOf(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	dir, err := stack.Clients(t.Context())
	stack.Check(t, err)
	if name == "java" {
		if _, err := exec.LookPath("java"); err != nil {
			stack.Check(t, &stack.MissingError{Part: "java", Cure: "install a Java runtime, 17 or newer"})
		}
		return exec.Command("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
			"-cp", filepath.Join(dir, "java-4.3.1", "libs", "*"), "clients/java/Chaos.java")
	}
	modules := map[string]string{"confluent-kafka": "python", "kafka-python": "kafka-python-3.0.12"}[name]
	cmd := exec.Command("python3", "clients/python/chaos.py", name)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(dir, modules))
	return cmd
}

func (p *program) read(out io.Reader) {
	defer close(p.done)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		words := strings.SplitN(line, " ", 3)
		p.mu.Lock()
		a := p.hearers[words[min(1, len(words)-1)]]
		p.mu.Unlock()
		err := errors.New(line)
		if a != nil && words[0] != "X" {
			err = a.hear(line)
		}
		if err != nil {
			p.mu.Lock()
			p.faults = append(p.faults, err.Error())
			p.mu.Unlock()
		}
	}
}

func (p *program) start(a *account, bootstrap string) error {
	p.add(a.name, a)
	_, err := fmt.Fprintf(p.in, "start %s %s %s %d %s %t %d\n", a.name, bootstrap, a.topic, a.partitions, a.acks, a.idempotent, a.count)
	return err
}

func (p *program) begin(a *account) error {
	_, err := fmt.Fprintf(p.in, "go %s\n", a.name)
	return err
}

func (p *program) stop(a *account) error {
	_, err := fmt.Fprintf(p.in, "stop %s\n", a.name)
	return err
}

func (p *program) join(m *member, bootstrap string) error {
	p.add(m.name, m)
	names := make([]string, 0, len(m.group.topics))
	for _, t := range m.group.topics {
		names = append(names, t.name)
	}
	_, err := fmt.Fprintf(p.in, "join %s %s %s %s\n", m.name, bootstrap, m.group.name, strings.Join(names, ","))
	return err
}

func (p *program) leave(m *member) error {
	_, err := fmt.Fprintf(p.in, "leave %s\n", m.name)
	return err
}

func (p *program) add(name string, h hearer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hearers[name] = h
}

// forget drops all clients, which have ended.
func (p *program) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.hearers)
}

// complaints are what the program said that it should not have, since the last time.
func (p *program) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := p.faults
	p.faults = nil
	return said
}

// wait waits until one of an account's channels is closed.
func wait(ctx context.Context, a *account, c <-chan struct{}, what string) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		sent, acked, failed := a.counts()
		return fmt.Errorf("%s is not %s: %d sent, %d acknowledged, %d failed", a.name, what, sent, acked, failed)
	}
}

func tail(text string) string { return text[max(0, len(text)-4000):] }
