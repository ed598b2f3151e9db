package soak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// quantity is what is sampled of a process.
type quantity int

const (
	goroutines quantity = iota
	liveHeap            // what is in use after a collection
	heapInUse           // the spans that hold it
	descriptors
	threads
	resident
	quantities
)

// measures say how each quantity is shown, and by how much it may grow from the end of the warm-up to the end.
var measures = [quantities]struct {
	name  string
	unit  float64 // what is shown as 1
	bound float64
}{
	goroutines:  {"goroutines", 1, 20},
	liveHeap:    {"live heap, MiB", mib, 8 * mib},
	heapInUse:   {"heap in use, MiB", mib, 8 * mib},
	descriptors: {"descriptors", 1, 20},
	threads:     {"threads", 1, 20},
	resident:    {"RSS, MiB", mib, 32 * mib},
}

const mib = 1 << 20

// sample is one look at a process.
type sample [quantities]float64

func (s sample) String() string {
	var text []string
	for q, v := range s {
		text = append(text, fmt.Sprintf("%s: %.4g", measures[q].name, v/measures[q].unit))
	}
	return strings.Join(text, "; ")
}

// take looks at a process that serves Go's profiles at an address. The garbage is collected first: what is in use then is used.
func take(ctx context.Context, pid int, profiles string) (s sample, err error) {
	text, err := stack.Page(ctx, http.MethodGet, "http://"+profiles+"/debug/pprof/heap?debug=1&gc=1")
	if err != nil {
		return s, err
	}
	s[liveHeap], err = field(text, "# HeapAlloc = ")
	if err != nil {
		return s, err
	}
	if s[heapInUse], err = field(text, "# HeapInuse = "); err != nil {
		return s, err
	}
	if text, err = stack.Page(ctx, http.MethodGet, "http://"+profiles+"/debug/pprof/goroutine?debug=1"); err != nil {
		return s, err
	}
	if s[goroutines], err = field(text, "goroutine profile: total "); err != nil {
		return s, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, err
	}
	kib, err := field(string(status), "VmRSS:")
	s[resident] = kib * 1024
	if err != nil {
		return s, err
	}
	if s[threads], err = field(string(status), "Threads:"); err != nil {
		return s, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	s[descriptors] = float64(len(files))
	return s, err
}

// field is the number behind a name at the beginning of a line.
func field(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if words := strings.Fields(rest); len(words) > 0 {
				return strconv.ParseFloat(words[0], 64)
			}
		}
	}
	return 0, fmt.Errorf("no %q", name)
}

// processorTime is what a process has used so far.
func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name
	f := strings.Fields(rest)
	user, err := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	const ticks = 100 // a second has, on every Linux of today
	return time.Duration(user+system) * time.Second / ticks, errors.Join(err, err2)
}
