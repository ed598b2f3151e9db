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

// Of the kernel's lists those connections count that are established and go to a port that is asked for, of either family.
func TestConnectionsIn(t *testing.T) {
	t.Parallel()
	const list = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:C350 0100007F:2384 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100007F:2384 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 0100007F:C351 0100007F:2384 06 00000000:00000000 00:00000000 00000000     0        0 4 1
   4: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:2385 01 00000000:00000000 00:00000000 00000000 0 0 5 1
`
	for _, tt := range []struct {
		name  string
		ports []string
		want  int
	}{{"one", []string{":2384"}, 1}, {"both", []string{":2384", ":2385"}, 2}, {"another", []string{":2386"}, 0}, {"none", nil, 0}} {
		if got := connectionsIn(list, tt.ports); got != tt.want {
			t.Errorf("%s: %d connections, want %d", tt.name, got, tt.want)
		}
	}
}
