package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// sample is what one round on one way showed.
type sample struct {
	load.Result

	ClientCPU, ProxyCPU, BrokerCPU float64 // seconds in the time measured
	ProxyPeak                      int64   // bytes, resident, since the round began
	ProxyBefore                    int64   // bytes, resident, when the round began
}

// usage is the CPU time, in seconds, that each side has taken since it was started.
type usage struct{ client, proxy, broker float64 }

// round has the clients do a job in a process of their own.
func round(ctx context.Context, job *load.Job, r *running, c *clusters) (sample, error) {
	input, err := json.Marshal(job)
	if err != nil {
		return sample{}, err
	}
	var s sample
	for _, p := range r.processes {
		forgetPeak(p.Pid())
		s.ProxyBefore += peakOf(p.Pid())
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "load")
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return sample{}, err
	}
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	var marks []usage
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if lines.Text() == "mark" {
			marks = append(marks, usage{
				client: cpuOf(cmd.Process.Pid), proxy: cpuOfAll(r.processes), broker: cpuOfAll(c.processes),
			})
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &s.Result); err != nil {
			return sample{}, err
		}
	}
	if err := cmd.Wait(); err != nil || len(marks) != 2 {
		return sample{}, fmt.Errorf("clients: %w: %s", err, complaints.String())
	}
	s.ClientCPU, s.ProxyCPU = marks[1].client-marks[0].client, marks[1].proxy-marks[0].proxy
	s.BrokerCPU = marks[1].broker - marks[0].broker
	for _, p := range r.processes {
		s.ProxyPeak += peakOf(p.Pid())
	}
	return s, nil
}

func cpuOfAll(processes []*stack.Process) (seconds float64) {
	for _, p := range processes {
		seconds += cpuOf(p.Pid())
	}
	return seconds
}

// cpuOf is the CPU time of a process, its own and the kernel's for it, to a hundredth of a second: proc(5), stat.
func cpuOf(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after) // the first is the third of all
	var ticks int64
	for _, field := range fields[11:13] {
		n, _ := strconv.ParseInt(field, 10, 64)
		ticks += n
	}
	return float64(ticks) / 100
}

// forgetPeak has the kernel reckon a process's peak of memory from now on.
func forgetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) // else the peak is that since its start
}

// peakOf is the most memory that a process has had resident, in bytes.
func peakOf(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}
