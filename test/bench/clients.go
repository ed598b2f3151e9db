package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
)

// clientProcess is a process that does a job.
type clientProcess struct {
	cmd        *exec.Cmd
	input      io.WriteCloser
	lines      *bufio.Scanner
	complaints bytes.Buffer
}

// startClients has a job done in a process of its own. A job without Measure is done until the end is called for.
func startClients(ctx context.Context, job *load.Job) (*clientProcess, error) {
	text, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	p := &clientProcess{cmd: exec.CommandContext(ctx, "/proc/self/exe", "load")}
	p.cmd.Stderr, p.cmd.SysProcAttr = &p.complaints, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewScanner(output)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := p.input.Write(append(text, '\n')); err != nil {
		return nil, p.failed(err)
	}
	return p, nil
}

// awaitMark waits until the time measured begins, or ends.
func (p *clientProcess) awaitMark() error {
	if !p.lines.Scan() || p.lines.Text() != markLine {
		return p.failed(errors.New("ended early"))
	}
	return nil
}

// end ends a job without Measure, which gives its second mark then.
func (p *clientProcess) end() error {
	if err := p.input.Close(); err != nil {
		return p.failed(err)
	}
	return p.awaitMark()
}

// result waits for the process to end.
func (p *clientProcess) result() (result load.Result, err error) {
	if !p.lines.Scan() {
		return result, p.failed(errors.New("no result"))
	}
	if err := json.Unmarshal(p.lines.Bytes(), &result); err != nil {
		return result, p.failed(err)
	}
	if err := p.cmd.Wait(); err != nil {
		return result, p.failed(err)
	}
	return result, nil
}

func (p *clientProcess) failed(err error) error {
	p.kill()
	return fmt.Errorf("clients: %w: %s", err, p.complaints.String())
}

// kill ends the process, if it has not ended.
func (p *clientProcess) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *clientProcess) cpu() float64 { return cpuOf(p.cmd.Process.Pid) }

// markLine is what the process writes when the time measured begins, and when it ends.
const markLine = "mark"

// serveClients is the process: it does the job on standard input and writes marks and the result.
func serveClients(ctx context.Context) error {
	var job load.Job
	if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
		return err
	}
	if job.Measure == 0 {
		end := make(chan struct{})
		job.End = end
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(end)
		}()
	}
	result, err := load.Run(ctx, &job, func() { fmt.Println(markLine) })
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
