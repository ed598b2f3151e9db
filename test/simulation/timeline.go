package simulation

import (
	"container/heap"
	"fmt"
	"sync"
	"time"
)

// timeline has everything that clients and faults do happen on one goroutine, one after the other, at its time. after may be called
// from any goroutine, and run from one.
type timeline struct {
	mu     sync.Mutex
	events events
	number int
	wake   chan struct{} // holds 1: there is an event that comes sooner
	start  time.Time
	// told, if not nil, is what has happened so far.
	told *[]string
}

type event struct {
	at     time.Time
	number int // of those at the same time, the one that was made first comes first
	do     func()
}

func newTimeline() *timeline { return &timeline{wake: make(chan struct{}, 1), start: time.Now()} }

// note takes note of what happens, if anybody wants to know. It is for the timeline's goroutine.
func (t *timeline) note(format string, args ...any) {
	if t.told != nil {
		*t.told = append(*t.told, fmt.Sprintf("%12s "+format, append([]any{t.now()}, args...)...))
	}
}

// now is the time since the beginning.
func (t *timeline) now() time.Duration { return time.Since(t.start) }

// after has f called when d has passed.
func (t *timeline) after(d time.Duration, f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.number++
	heap.Push(&t.events, event{time.Now().Add(d), t.number, f})
	if t.events[0].number == t.number {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// run lets things happen until done says that it is over, or the time is.
func (t *timeline) run(until time.Duration, done func() bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !done() {
		next := until - t.now()
		if next <= 0 {
			return
		}
		t.mu.Lock()
		if len(t.events) > 0 {
			next = min(next, time.Until(t.events[0].at))
		}
		if next <= 0 {
			e, _ := heap.Pop(&t.events).(event)
			t.mu.Unlock()
			e.do()
			continue
		}
		t.mu.Unlock()
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-t.wake:
		}
	}
}

//nolint:recvcheck // container/heap wants it so
type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].number < e[j].number
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push is for package heap.
func (e *events) Push(x any) {
	if v, ok := x.(event); ok {
		*e = append(*e, v)
	}
}

// Pop is for package heap.
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}
