package main

import (
	"os"
	"testing"
)

func TestNumberIn(t *testing.T) {
	t.Parallel()
	const status = "Name:\tenvoy\nVmHWM:\t  131072 kB\nVmRSS:\t   65536 kB\nThreads:\t12\n" +
		"voluntary_ctxt_switches:\t4711\nnonvoluntary_ctxt_switches:\t42\nEmpty:\nWord:\tno\n"
	for _, tt := range []struct {
		name  string
		field string
		want  int64
		found bool
	}{
		{"memory", "VmRSS:", 65536, true},
		{"the peak", "VmHWM:", 131072, true},
		{"what another name ends with", "voluntary_ctxt_switches:", 4711, true},
		{"nothing behind it", "Empty:", 0, false},
		{"no number", "Word:", 0, false},
		{"no such line", "VmSwap:", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, found := numberIn(status, tt.field); got != tt.want || found != tt.found {
				t.Errorf("numberIn(%q) = %d, %v, want %d, %v", tt.field, got, found, tt.want, tt.found)
			}
		})
	}
}

func TestHeapIn(t *testing.T) {
	t.Parallel()
	const profile = "heap profile: 1: 2 [3: 4] @ heap/1048576\n\n# runtime.MemStats\n# Alloc = 9\n# HeapAlloc = 5000\n# Stack = 300 / 400\n"
	if got, err := heapIn(profile); got != 5300 || err != nil {
		t.Errorf("heapIn = %d, %v, want 5300", got, err)
	}
	if _, err := heapIn("# HeapAlloc = 5000\n"); err == nil {
		t.Error("heapIn of half a profile gives no error")
	}
}

func TestSleepsSince(t *testing.T) {
	t.Parallel()
	then := map[string]int64{"1": 100, "2": 50, "3": 7}
	now := map[string]int64{"1": 160, "2": 50, "4": 3} // 3 has ended, 4 is new
	if got := sleepsSince(then, now); got != 63 {
		t.Errorf("sleepsSince = %d, want 63", got)
	}
}

// What the kernel says of this process is read.
func TestOwnProcess(t *testing.T) {
	t.Parallel()
	pid := os.Getpid()
	if cpuOf(pid) <= 0 {
		t.Error("cpuOf this process is 0")
	}
	if resident, peak := residentOf(pid), peakOf(pid); resident < 1<<20 || peak < 1<<20 {
		t.Errorf("resident: %d bytes, and at most %d", resident, peak)
	}
	if len(sleepsOf(pid)) < 2 {
		t.Errorf("sleepsOf this process: %v, want several threads", sleepsOf(pid))
	}
}
