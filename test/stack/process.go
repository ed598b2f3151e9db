package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// StartTimeout bounds the wait for any part to answer. It is generous: a loaded machine needs ten times an idle one.
	StartTimeout = 60 * time.Second
	stopTimeout  = 15 * time.Second
	pollInterval = 50 * time.Millisecond
)

// Process is a child process with its output. Its methods may be called from any goroutine.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  *Output
	done chan struct{} // closed when the process has ended
}

func startProcess(name string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{name: name, cmd: cmd, log: &Output{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // ExitCode tells
	}()
	return p, nil
}

// Launch runs a command that has no address to be waited for.
func Launch(name string, cmd *exec.Cmd) (*Process, error) { return startProcess(name, cmd) }

// Start runs a command and waits until it listens at addr.
func Start(ctx context.Context, name string, cmd *exec.Cmd, addr string) (*Process, error) {
	p, err := startProcess(name, cmd)
	if err != nil {
		return nil, err
	}
	if err := p.wait(ctx, "accepting connections", func(context.Context) error { return p.answers(addr) }); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// Pid is the process id, which stays the same for as long as the process lives.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Log is everything that the process has printed so far.
func (p *Process) Log() string { return p.log.String() }

// Done is closed when the process has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the status that an ended process left, and -1 if it lives or a signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// Ending says how the process ended: with which code, or by which signal. It is called after Done.
func (p *Process) Ending() string { return p.cmd.ProcessState.String() }

// WaitEnd waits until the process has ended by itself.
func (p *Process) WaitEnd(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of %s: %w", p.name, ctx.Err())
	}
}

// Stop ends the process with SIGTERM, or with SIGKILL if it does not obey, and waits for its end.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.Kill()
	}
}

// Kill ends the process with SIGKILL and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Pause has the process stand still, with its connections open, until Resume.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume has the process go on.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// WaitLog waits until the process has printed text.
func (p *Process) WaitLog(ctx context.Context, text string) error {
	return p.wait(ctx, "a line with "+strconv.Quote(text), func(context.Context) error {
		if !strings.Contains(p.Log(), text) {
			return errors.New("not printed yet")
		}
		return nil
	})
}

// RSS is the memory of the process that is resident now, in bytes.
func (p *Process) RSS() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("%s has ended", p.name)
}

// Descriptors is how many files and sockets the process has open now.
func (p *Process) Descriptors() (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return len(open), nil
}

// answers says why the process does not accept connections at addr yet, or nil.
func (p *Process) answers(addr string) error {
	if err := dials(addr); err != nil {
		return err
	}
	return p.owns(addr)
}

// wait calls ready until it returns nil, the process ends or ctx does.
func (p *Process) wait(ctx context.Context, what string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before %s: %s\n%s", p.name, what, p.cmd.ProcessState, p.Log())
		case <-ctx.Done():
			return fmt.Errorf("%s: waiting for %s: %w: %w\n%s", p.name, what, ctx.Err(), err, p.Log())
		case <-time.After(pollInterval):
		}
	}
}

// Output gathers what a process prints. Any goroutine may read it meanwhile.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String is all that has been written.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
