package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// StandaloneProcess is a running `kafkamesh serve`.
type StandaloneProcess struct {
	*Process

	dir string
}

// StartStandalone starts the plain binary on the mesh's address and waits until it accepts connections.
func StartStandalone(ctx context.Context, m *Mesh) (*StandaloneProcess, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	config, err := m.Config()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kafkamesh-")
	if err != nil {
		return nil, err
	}
	s := &StandaloneProcess{dir: dir}
	if err := os.WriteFile(s.file(), []byte(config), 0o600); err != nil {
		return nil, err
	}
	s.Process, err = startProcess("kafkamesh serve", exec.Command(binary, "serve", "--config", s.file(), "--listen", m.Addr,
		"--admin", "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	if err := s.wait(ctx, "accepting connections", func(context.Context) error { return s.answers(m.Addr) }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Admin is the address of its admin listener, host:port, once it accepts clients.
func (s *StandaloneProcess) Admin() string { return AdminIn(s.Log()) }

// AdminIn finds it in what the binary has logged.
func AdminIn(log string) string {
	if m := adminPage.FindStringSubmatch(log); m != nil {
		return m[1]
	}
	return ""
}

// adminPage is what the binary says of its admin listener.
var adminPage = regexp.MustCompile(`page=http://(\S+)/`)

// Reload has the binary read another configuration. Whether it takes it, its log says.
func (s *StandaloneProcess) Reload(config string) error {
	if err := os.WriteFile(s.file(), []byte(config), 0o600); err != nil {
		return err
	}
	return s.cmd.Process.Signal(syscall.SIGHUP)
}

// Close stops the binary and removes its files.
func (s *StandaloneProcess) Close() {
	s.Stop()
	_ = os.RemoveAll(s.dir) // in the system's directory for temporary files
}

func (s *StandaloneProcess) file() string { return filepath.Join(s.dir, "mesh.yaml") }

// WaitDial waits until somebody listens at addr.
func WaitDial(ctx context.Context, addr string) error {
	return Await(ctx, addr, func() error { return dials(addr) })
}

// Await calls ready until it returns nil, for as long as the start of any part may take.
func Await(ctx context.Context, what string, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, err)
		case <-time.After(pollInterval):
		}
	}
}

func dials(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, pollInterval)
	if err != nil {
		return err
	}
	return conn.Close()
}
