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

// section is a scenario in Markdown. brief has ratios to direct alone.
func (r *report) section(o *outcome, brief bool) string {
	columns := throughputColumns
	switch latency := o.Scenario.Job.Rate > 0; {
	case o.Scenario.Idle:
		columns = idleColumns(o.Scenario.Job.Clients)
	case latency && brief:
		columns = briefLatencyColumns
	case latency:
		columns = latencyColumns
	case brief:
		columns = briefColumns
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n| way |", o.Scenario.title(), o.Scenario.describe())
	direct := o.Ways[0].Samples
	for _, c := range columns(direct) {
		fmt.Fprintf(&b, " %s |", c.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns(direct))) + "\n")
	for _, w := range o.Ways {
		fmt.Fprintf(&b, "| %s |", w.Name)
		for _, c := range columns(direct) {
			fmt.Fprintf(&b, " %s |", c.cell(w.Samples))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// describe says what the clients do.
func (s *scenario) describe() string {
	j := &s.Job
	text := fmt.Sprintf("Clients: %s, records of %d bytes, acks=%d, %d partitions.", j.Client, j.RecordBytes, j.Acks, j.Partitions)
	if j.InFlight > 0 && j.Rate == 0 {
		text += fmt.Sprintf(" Requests in flight on a connection: %d.", j.InFlight)
	}
	if j.Rate > 0 {
		text += fmt.Sprintf(" %.0f requests a second, sent when they are due.", j.Rate)
	}
	return text
}

// column is one of a table.
type column struct {
	title string
	cell  func(samples []sample) string
}

func throughputColumns(direct []sample) []column {
	return []column{
		{"÷ direct", func(s []sample) string { return over(s, ratio(direct, recordsPerSecond)).full(2) }},
		{"records/s", func(s []sample) string { return over(s, recordsPerSecond).text(0) }},
		{"MB/s", func(s []sample) string { return over(s, megabytesPerSecond).text(0) }},
		{"CPU s/GB: client", func(s []sample) string { return over(s, perGB(clientCPU)).text(2) }},
		{"proxy", func(s []sample) string { return over(s, perGB(proxyCPU)).full(2) }},
		{"broker", func(s []sample) string { return over(s, perGB(brokerCPU)).text(2) }},
		{"broker CPU a record ÷ direct", func(s []sample) string { return over(s, ratio(direct, perRecord(brokerCPU))).text(2) }},
		{"proxy's peak, MiB", func(s []sample) string { return over(s, peakMiB).text(0) }},
	}
}

func briefColumns(direct []sample) []column {
	all := func(s *sample) float64 { return s.ClientCPU + s.ProxyCPU + s.BrokerCPU }
	return []column{
		{"throughput ÷ direct", func(s []sample) string { return over(s, ratio(direct, recordsPerSecond)).full(2) }},
		{"CPU of all a record ÷ direct", func(s []sample) string { return over(s, ratio(direct, perRecord(all))).text(2) }},
		{"broker CPU a record ÷ direct", func(s []sample) string { return over(s, ratio(direct, perRecord(brokerCPU))).text(2) }},
	}
}

func latencyColumns(direct []sample) []column {
	return []column{
		{"p50, µs", func(s []sample) string { return over(s, p50).full(0) }},
		{"p99", func(s []sample) string { return over(s, p99).full(0) }},
		{"p99.9", func(s []sample) string { return over(s, p999).full(0) }},
		{"added p50", func(s []sample) string { return over(s, added(direct, p50)).full(0) }},
		{"added p99", func(s []sample) string { return over(s, added(direct, p99)).text(0) }},
		{"added p99.9", func(s []sample) string { return over(s, added(direct, p999)).text(0) }},
		{"proxy CPU, µs a record", func(s []sample) string { return over(s, perRecord(proxyCPU)).text(1) }},
	}
}

func idleColumns(clients int) func(direct []sample) []column {
	return func([]sample) []column {
		return []column{
			{"proxy's peak, MiB", func(s []sample) string { return over(s, peakMiB).text(0) }},
			{"KiB a client", func(s []sample) string { return over(s, perClientKiB(clients)).text(1) }},
		}
	}
}

func briefLatencyColumns(direct []sample) []column {
	return []column{
		{"p50 ÷ direct", func(s []sample) string { return over(s, ratio(direct, p50)).full(2) }},
		{"p99 ÷ direct", func(s []sample) string { return over(s, ratio(direct, p99)).full(2) }},
	}
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
	var b strings.Builder
	fmt.Fprintf(&b, "# Report\n\nWritten by `make bench` on %s: %d cores of %s, %s, %s. %d rounds of %.1f s; medians, and in brackets the least and the most.\n",
		r.Machine.When, r.Machine.Cores, r.Machine.CPU, r.Machine.Kernel, r.Machine.Go, r.Rounds, r.Seconds)
	b.WriteString("[README.md](README.md) says how to read it.\n\n")
	for _, w := range ways() {
		fmt.Fprintf(&b, "- **%s**: %s\n", w.name, w.about)
	}
	for i := range r.Outcomes {
		fmt.Fprintf(&b, "\n%s", r.section(&r.Outcomes[i], false))
	}
	if err := os.WriteFile(filepath.Join(dir, "report.md"), []byte(b.String()), 0o644); err != nil {
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
