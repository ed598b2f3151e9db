package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	setting

	Outcomes []outcome
	Summary  []summaryRow `json:",omitempty"` // reckoned from Outcomes
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

// render writes all that a folder has beside its report.json anew.
func render(ctx context.Context, dir string) error {
	r, err := readReport(dir)
	if err != nil {
		return err
	}
	return r.write(ctx, dir)
}

// write leaves report.json, report.md and the plots in a folder, and the summary in its README.md.
func (r *report) write(ctx context.Context, dir string) error {
	r.summarize()
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "report.md"), []byte(r.markdown()), 0o644); err != nil {
		return err
	}
	if err := r.writeSummary(filepath.Join(dir, "README.md")); err != nil {
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
	fmt.Fprintf(&b, "# Report\n\nWritten by `make bench`. [README.md](README.md) says what is compared, and how.\n\n%s\n## Ways\n\n", r.head())
	for _, w := range ways() {
		fmt.Fprintf(&b, "- **%s**: %s\n", w.name, w.about)
	}
	b.WriteString("\n## Scenarios\n\nMedians, and in brackets the least and the most.\n")
	for i := range r.Outcomes {
		fmt.Fprintf(&b, "\n%s", r.section(&r.Outcomes[i], false))
	}
	return b.String()
}

// The lines between which a README has the summary.
const (
	summaryBegin = "<!-- summary: make bench -->\n"
	summaryEnd   = "<!-- end -->\n"
)

// writeSummary replaces the summary in a file, if it has one.
func (r *report) writeSummary(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	head, rest, begins := strings.Cut(string(text), summaryBegin)
	_, tail, ends := strings.Cut(rest, summaryEnd)
	if !begins || !ends {
		return nil
	}
	return os.WriteFile(file, []byte(head+summaryBegin+"\n"+r.head()+"\n"+summaryEnd+tail), 0o644)
}
