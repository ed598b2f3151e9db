package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// report is a whole run, as report.json has it.
type report struct {
	Machine  machine
	Commit   string `json:",omitempty"` // what was measured
	Before   string `json:",omitempty"` // what it is compared with
	Rounds   int
	Seconds  float64 // measured in each round
	Outcomes []outcome
}

// machine is where and when it ran.
type machine struct {
	When, CPU, Kernel, Go string
	Cores                 int
}

func thisMachine() machine {
	m := machine{When: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(), Cores: runtime.NumCPU(), CPU: runtime.GOARCH}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	var system unix.Utsname
	if unix.Uname(&system) == nil {
		release, _, _ := strings.Cut(unix.ByteSliceToString(system.Release[:]), "-") // what is behind it is the distribution's
		m.Kernel = unix.ByteSliceToString(system.Sysname[:]) + " " + release
	}
	return m
}

// thisCommit is what git calls the commit that is checked out, and nothing without git.
func thisCommit(ctx context.Context) string {
	commit, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%h").Output()
	if err != nil {
		return ""
	}
	text := "commit " + strings.TrimSpace(string(commit))
	if changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(changes) > 0 {
		text += " with changes"
	}
	return text
}

// write leaves report.json, report.md and the plots in a folder.
func (r *report) write(ctx context.Context, dir string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "report.md"), []byte(r.markdown()), 0o644); err != nil {
		return err
	}
	python, err := stack.Plotter(ctx)
	if err != nil {
		return err
	}
	root, err := stack.Root()
	if err != nil {
		return err
	}
	plot := exec.CommandContext(ctx, python, filepath.Join(root, "test", "bench", "plot.py"), dir)
	plot.Stderr = os.Stderr
	return plot.Run()
}

// markdown is report.md.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Report\n\nWritten by `make bench` on %s: %d cores of %s, %s, %s. %d rounds of %.1f s; medians, and in brackets the least and the most.\n",
		r.Machine.When, r.Machine.Cores, r.Machine.CPU, r.Machine.Kernel, r.Machine.Go, r.Rounds, r.Seconds)
	if r.Before != "" {
		fmt.Fprintf(&b, "Measured: %s; before: %s.\n", r.Commit, r.Before)
	}
	b.WriteString("[README.md](README.md) says how to read it.\n\n")
	for _, w := range ways() {
		fmt.Fprintf(&b, "- **%s**: %s\n", w.name, w.about)
	}
	for i := range r.Outcomes {
		fmt.Fprintf(&b, "\n%s", r.section(&r.Outcomes[i], false))
	}
	return b.String()
}
