package accesslog

import (
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// interval is how long lines wait for company, while there are many: one write of many lines costs as much as one of one.
	interval = 10 * time.Millisecond
	// patience is how long somebody waits for a file that does not take what is left for it.
	patience = time.Second
	// kept is how much memory for lines is kept when there are few.
	kept = 256 << 10
)

// writer writes the lines of several logs to one file, on a goroutine of its own.
type writer struct {
	file   *file
	log    *slog.Logger
	awake  chan struct{} // has one if lines may wait
	urgent chan struct{} // has one if there are many, or somebody waits for them
	ending chan struct{} // closed when the last log has left
	ended  chan struct{} // closed by the goroutine

	mu      sync.Mutex
	logs    []*Log
	left    []*Log          // have left, and their last lines are to be written
	waiters []chan struct{} // closed when all that waits now is written

	spare []byte // of the goroutine alone
}

func newWriter(path string, log *slog.Logger) (*writer, error) {
	if err := check(path); err != nil {
		return nil, err
	}
	w := &writer{
		file: &file{path: path, log: log}, log: log, awake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		ending: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.run()
	return w, nil
}

// join takes in a log.
func (w *writer) join(l *Log) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logs = append(w.logs, l)
}

// leave lets a log go when its last lines are written, and reports whether it was the last log.
func (w *writer) leave(l *Log) (last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logs = slices.DeleteFunc(w.logs, func(other *Log) bool { return other == l })
	w.left = append(w.left, l)
	return len(w.logs) == 0
}

// flush has all that waits written at once. done is closed then.
func (w *writer) flush() (done <-chan struct{}) {
	waiter := make(chan struct{})
	w.mu.Lock()
	w.waiters = append(w.waiters, waiter)
	w.mu.Unlock()
	send(w.awake)
	send(w.urgent)
	return waiter
}

// wait waits until something is done, or the goroutine has ended, and reports false if that takes too long.
func (w *writer) wait(done <-chan struct{}) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-done:
	case <-w.ended:
	case <-late.C:
		return false
	}
	return true
}

// close ends the goroutine when all is written. A file that does not take it in time is left to its fate.
func (w *writer) close() {
	close(w.ending)
	if !w.wait(w.ended) && w.file.interrupt() {
		<-w.ended
	}
}

// send says something to the goroutine, unless it has been said and not been heard.
func send(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// run writes what waits, until the end.
func (w *writer) run() {
	defer w.recover()
	defer close(w.ended)
	defer w.file.close()
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-w.awake:
		case <-w.ending:
			w.write()
			return
		}
		w.write()
		timer.Reset(interval)
		select {
		case <-timer.C:
		case <-w.urgent:
		case <-w.ending:
		}
	}
}

// write writes what waits in all logs.
func (w *writer) write() {
	w.mu.Lock()
	logs, waiters := slices.Concat(w.logs, w.left), w.waiters
	w.left, w.waiters = nil, nil
	w.mu.Unlock()
	for _, l := range logs {
		if w.spare = l.take(w.spare); len(w.spare) > 0 {
			l.tell(w.file.write(w.spare))
		}
	}
	if cap(w.spare) > kept && len(w.spare) < kept {
		w.spare = nil
	}
	for _, waiter := range waiters {
		close(waiter)
	}
}

// recover stops a panic: from then on, every line is dropped.
func (w *writer) recover() {
	reason := recover()
	if reason == nil {
		return
	}
	defer func() { _ = recover() }() // the log may be what has the bug
	w.log.Error("panic recovered; please report it", "in", "access log", "panic", reason, "stack", string(debug.Stack()))
}
