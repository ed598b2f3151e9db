package stack

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// ContribOptions is what ContribHost starts.
type ContribOptions struct {
	Addr string // to listen on
	// TypeURL and Value are the plugin_config, a google.protobuf.Any.
	TypeURL string
	Value   []byte
	Workers int // at least 1
	Env     []string
	// Prefilter is what a filter ahead of ours does to each connection: nothing if empty, else stop or close.
	Prefilter string
}

// ContribProcess is a running program that plays Envoy for our plugin: test/envoyhost/host/host.cc.
type ContribProcess struct {
	*Process

	file string // holds the configuration
}

// StartContrib starts the host and waits until it accepts connections.
func StartContrib(ctx context.Context, o ContribOptions) (*ContribProcess, error) {
	plugin, err := ContribModule()
	if err != nil {
		return nil, err
	}
	host, err := installed(ctx, "envoyhost/envoyhost", "build/compile-envoyhost.sh")
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "kafkamesh-plugin-config-")
	if err != nil {
		return nil, err
	}
	c := &ContribProcess{file: f.Name()}
	_ = f.Close() // it is empty
	if err := c.configure(o.Value); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--so", plugin, "--plugin", "kafkamesh", "--port", port, "--workers", strconv.Itoa(o.Workers),
		"--type-url", o.TypeURL, "--value-file", c.file,
	}
	if o.Prefilter != "" {
		args = append(args, "--prefilter", o.Prefilter)
	}
	cmd := exec.Command(host, args...)
	cmd.Env = append(append(os.Environ(), "ASAN_OPTIONS=detect_leaks=0"), o.Env...) // Go's memory looks leaked to it
	if c.Process, err = startProcess("the contrib host", cmd); err != nil {
		return nil, err
	}
	if err := c.WaitLog(ctx, "LISTENING "); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Update gives the host another configuration, as an LDS update would: it is that of connections to come.
func (c *ContribProcess) Update(value []byte) error {
	if err := c.configure(value); err != nil {
		return err
	}
	return c.cmd.Process.Signal(syscall.SIGHUP)
}

// Close stops the host.
func (c *ContribProcess) Close() {
	if c.Process != nil {
		c.Stop()
	}
	_ = os.Remove(c.file) // in the system's directory for temporary files
}

func (c *ContribProcess) configure(value []byte) error { return os.WriteFile(c.file, value, 0o600) }
