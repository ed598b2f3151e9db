package stack

import (
	"cmp"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// EnvoyHostOptions describes a program that plays Envoy for one of our shared libraries.
type EnvoyHostOptions struct {
	Addr string // to listen on
	// Contrib has it play the contrib image, with TypeURL and Value as plugin_config, a google.protobuf.Any. Else it plays a
	// stock Envoy, with Value as the text of filter_config.
	Contrib bool
	TypeURL string
	Value   []byte
	Workers int // at least 1
	Env     []string
	// ModuleDir is where the library is; what the function ModuleDir finds if empty.
	ModuleDir string
	// Prefilter is what a filter ahead of ours does to each connection: nothing if empty, else stop or close.
	Prefilter string
	// CommitDelay is how long a goroutine may be held up while it asks for a worker, in a stock Envoy.
	CommitDelay time.Duration
}

// EnvoyHostProcess is that program, running: test/envoyhost/host.
type EnvoyHostProcess struct {
	*Process

	file string // holds the configuration
}

// StartEnvoyHost starts the program and waits until it accepts connections.
func StartEnvoyHost(ctx context.Context, o EnvoyHostOptions) (*EnvoyHostProcess, error) {
	dir, err := ModuleDir()
	if err != nil {
		return nil, err
	}
	abi, library := "dynamic", "libkafkamesh.so"
	if o.Contrib {
		abi, library = "contrib", "libkafkamesh-contrib.so"
	}
	host, err := EnvoyHostBinary(ctx)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "kafkamesh-plugin-config-")
	if err != nil {
		return nil, err
	}
	c := &EnvoyHostProcess{file: f.Name()}
	_ = f.Close() // it is empty
	if err := c.configure(o.Value); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--abi", abi, "--so", filepath.Join(cmp.Or(o.ModuleDir, dir), library), "--port", port, "--workers", strconv.Itoa(o.Workers),
		"--type-url", o.TypeURL, "--value-file", c.file, "--commit-delay-us", strconv.FormatInt(o.CommitDelay.Microseconds(), 10),
	}
	if o.Prefilter != "" {
		args = append(args, "--prefilter", o.Prefilter)
	}
	cmd := exec.Command(host, args...)
	cmd.Env = append(append(os.Environ(), "ASAN_OPTIONS=detect_leaks=0"), o.Env...) // Go's memory looks leaked to it
	if c.Process, err = startProcess("the program that plays Envoy", cmd); err != nil {
		return nil, err
	}
	if err := c.WaitLog(ctx, "LISTENING "); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Update gives the host another configuration, as an LDS update would: it is that of connections to come.
func (c *EnvoyHostProcess) Update(value []byte) error {
	if err := c.configure(value); err != nil {
		return err
	}
	return c.cmd.Process.Signal(syscall.SIGHUP)
}

// Close stops the host.
func (c *EnvoyHostProcess) Close() {
	if c.Process != nil {
		c.Stop()
	}
	_ = os.Remove(c.file) // in the system's directory for temporary files
}

// configure writes a new file: the program may be reading the old one.
func (c *EnvoyHostProcess) configure(value []byte) error { return ReplaceFile(c.file, value) }
