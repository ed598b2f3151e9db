//go:build linux && amd64

package clock_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/clock"
)

const childVariable = "CLOCK_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		tell()
		return
	}
	os.Exit(m.Run())
}

// tell says for each line of input what time of day it is, and how many seconds have passed, while threads ask for the time on and on.
func tell() {
	began := time.Now()
	for range 3 {
		go func() {
			for {
				runtime.KeepAlive(time.Now())
			}
		}()
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(time.Now().Unix(), int(time.Since(began).Seconds()))
	}
}

// A process sees its time of day step forward and back, and no other time pass than what does.
func TestStep(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	in, err := child.StdinPipe()
	check(t, err)
	out, err := child.StdoutPipe()
	check(t, err)
	began := time.Now()
	check(t, child.Start())
	for round := range 20 {
		for _, d := range []time.Duration{time.Hour, -time.Hour, 0} {
			check(t, clock.Step(child.Process.Pid, d))
			before := time.Now()
			_, err := fmt.Fprintln(in)
			check(t, err)
			var wall int64
			var steady int
			_, err = fmt.Fscanln(out, &wall, &steady)
			check(t, err)
			after := time.Now()
			if wall < before.Add(d).Unix() || after.Add(d).Unix() < wall {
				t.Errorf("round %d, stepped by %s: it is %d, want %d to %d", round, d, wall, before.Add(d).Unix(), after.Add(d).Unix())
			}
			if passed := int(after.Sub(began).Seconds()); steady > passed {
				t.Errorf("round %d, stepped by %s: %d seconds have passed, want at most %d", round, d, steady, passed)
			}
		}
	}
	check(t, in.(io.Closer).Close())
	if err := child.Wait(); err != nil {
		t.Errorf("the process ended: %v", err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
