package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuOf is the CPU time of a process since it was started, its own and the kernel's for it, in seconds.
func cpuOf(pid int) float64 {
	var t unix.Timespec
	if unix.ClockGettime(cpuClock(pid), &t) != nil { // it has ended
		return 0
	}
	return time.Duration(t.Nano()).Seconds()
}

// cpuClock is the clock that counts a process's CPU time in nanoseconds, as clock_getcpuclockid(3) makes it. The one in /proc/PID/stat
// counts hundredths of a second, as much as some ways take in a round.
func cpuClock(pid int) int32 {
	const scheduled = 2
	return int32(^pid<<3 | scheduled)
}

// forgetPeak has the kernel reckon a process's peak of memory from now on.
func forgetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) // else the peak is that since its start
}

// peakOf is the most memory that a process has had resident, in bytes.
func peakOf(pid int) int64 { return statusOf(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:") << 10 }

// residentOf is the memory that a process has resident, in bytes.
func residentOf(pid int) int64 { return statusOf(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:") << 10 }

// connectionsTo is how many connections there are in this network namespace to some addresses of this machine.
func connectionsTo(addrs []string) (n int) {
	var ports []string
	for _, addr := range addrs {
		_, port, _ := net.SplitHostPort(addr) // they are ours
		number, _ := strconv.Atoi(port)
		ports = append(ports, fmt.Sprintf(":%04X", number))
	}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n += connectionsIn(string(text), ports)
	}
	return n
}

// connectionsIn is how many of a list of the kernel's are established and go to one of these ports, written as it writes them.
func connectionsIn(list string, ports []string) (n int) {
	const remote, state, established = 2, 3, "01"
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		if len(words) <= state || words[state] != established {
			continue
		}
		for _, port := range ports {
			if strings.HasSuffix(words[remote], port) {
				n++
			}
		}
	}
	return n
}

// sleepsOf is how often each thread of a process has gone to sleep by itself, by its id: it was woken as often, and once more if it runs.
func sleepsOf(pid int) map[string]int64 {
	sleeps := map[string]int64{}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid)) // the pattern is right
	for _, file := range files {
		sleeps[filepath.Base(filepath.Dir(file))] = statusOf(file, "voluntary_ctxt_switches:")
	}
	return sleeps
}

// sleepsSince is how often the threads that there are now have gone to sleep since then. Those that have ended are not counted.
func sleepsSince(then, now map[string]int64) (n int64) {
	for thread, sleeps := range now {
		n += sleeps - then[thread]
	}
	return n
}

// statusOf is a number in a file of the kernel's, and 0 if there is none.
func statusOf(file, name string) int64 {
	text, err := os.ReadFile(file)
	if err != nil { // it has ended
		return 0
	}
	n, _ := numberIn(string(text), name)
	return n
}

// numberIn is the number behind a name that a line begins with.
func numberIn(text, name string) (n int64, found bool) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok {
			continue
		}
		words := strings.Fields(rest)
		if len(words) == 0 {
			return 0, false
		}
		n, err := strconv.ParseInt(words[0], 10, 64)
		return n, err == nil
	}
	return 0, false
}
