package soak

import (
	"fmt"
	"sync"
	"time"
)

// mostTold is how many faults are told one by one.
const mostTold = 50

// faults are what went wrong, told at once and counted. The methods may be called from any goroutine.
type faults struct {
	tell  func(format string, args ...any)
	begin time.Time

	mu sync.Mutex
	n  int
}

func (f *faults) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.n <= mostTold {
		f.tell("after %s: %s", time.Since(f.begin).Round(time.Second), fmt.Sprintf(format, args...))
	}
}

func (f *faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}
