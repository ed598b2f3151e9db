package robust

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestServesAgainAfterDescriptorsRanOut takes all file descriptors of the plain binary, by connections that do nothing. It waits
// for some to become free: it does not end, nor keep a processor busy, and serves again afterwards, also who needs a new
// connection to a broker.
func TestServesAgainAfterDescriptorsRanOut(t *testing.T) {
	const few = 64
	broker := stack.Fake(t, stack.FakeOptions{})
	h := startHost(t, "standalone", broker.Addr(), broker.Addr(), nil)
	limit := unix.Rlimit{Cur: few, Max: few}
	if err := unix.Prlimit(h.Pid(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	first := dial(t, h.addr)
	first.WantServed()
	var idle []net.Conn
	for range 3 * few { // the kernel accepts them all the same, up to its backlog
		idle = append(idle, dial(t, h.addr))
	}
	if err := h.WaitLog(t.Context(), "cannot accept connections"); err != nil {
		t.Fatal(err)
	}
	first.SendBytes(produce(1, "apples", 10)) // needs a connection to a broker: there is none to be had
	if answer := first.ReceiveFrame(); len(answer) == 0 {
		t.Error("no answer")
	}
	first.WantServed()
	before := cpuTime(t, h.Pid())
	const quiet = 3 * time.Second
	time.Sleep(quiet) // to see what it does meanwhile
	used := cpuTime(t, h.Pid()) - before
	t.Logf("%s of processor time in %s without descriptors", used, quiet)
	if used > quiet/2 {
		t.Errorf("%s of processor time in %s: it spins", used, quiet)
	}
	if lines := strings.Count(h.Log(), "cannot accept connections"); lines > 20 {
		t.Errorf("logged %d times that it cannot accept", lines)
	}
	for _, c := range idle {
		_ = c.Close()
	}
	bird := startCanary(t, h.addr, "apples-canary")
	stack.Wait(t, "the canary to be served", func() error {
		if n := bird.sent.Load(); n < 10 {
			return fmt.Errorf("%d records are stored", n)
		}
		return nil
	})
	bird.finish(t)
}

// cpuTime is what a process has used so far.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name
	f := strings.Fields(rest)
	user, err := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	const ticks = 100 // a second has, on every Linux of today
	return time.Duration(user+system) * time.Second / ticks
}
