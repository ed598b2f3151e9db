package abi

/*
#include "iteration.h"
*/
import "C"

import "sync"

// Thread is what a module has on one of Envoy's workers. An iteration of the worker's event loop begins, for a Thread, before a session
// is handed what a client sent. A worker without any connection has its iterations on a goroutine. One call is made at a time.
type Thread interface {
	// Begin begins an iteration.
	Begin()
	// End handles what is ready of what was given to Watch, and ends the iteration. It reports whether there is more than one may take.
	End() (more bool)
}

// Watch has a worker have an iteration whenever sockets, an epoll, becomes ready: once each time. It is the worker's only one, and
// never closed. Watch reports false if that is not possible.
func Watch(worker, sockets int) bool { return bool(C.km_watch(C.uint32_t(worker), C.int(sockets))) }

// iterations are a worker's.
type iterations struct {
	mu     sync.Mutex // held during calls of thread
	thread Thread
	open   bool

	waking sync.Mutex
	woken  bool // a goroutine is going to have one
}

// begin begins one, if none is open.
func (i *iterations) begin() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.open {
		i.open = true
		i.thread.Begin()
	}
}

// end ends the one that is open, or has one.
func (i *iterations) end() (more bool) {
	defer caught("iteration")
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.open {
		i.thread.Begin()
	}
	i.open = false
	return i.thread.End()
}

// alone has a goroutine have iterations until nothing is left.
func (i *iterations) alone() {
	i.waking.Lock()
	defer i.waking.Unlock()
	if i.woken {
		return
	}
	i.woken = true
	go func() {
		defer caught("iteration")
		for more := true; more; {
			i.waking.Lock()
			i.woken = false
			i.waking.Unlock()
			more = i.end()
		}
	}()
}

// workers are Envoy's.
type workers struct {
	threads func(worker int) Thread

	mu         sync.RWMutex
	iterations map[int]*iterations // by worker
}

var ofWorkers = workers{iterations: map[int]*iterations{}} //nolint:gochecknoglobals // Envoy finds hooks by name

// at returns the iterations of a worker.
func (w *workers) at(worker int) *iterations {
	w.mu.RLock()
	i := w.iterations[worker]
	w.mu.RUnlock()
	if i != nil {
		return i
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if i = w.iterations[worker]; i == nil {
		i = &iterations{thread: w.threads(worker)}
		w.iterations[worker] = i
	}
	return i
}

//export kmGoIterate
func kmGoIterate(worker C.uint32_t) (more C.bool) {
	defer caught("iteration")
	return C.bool(ofWorkers.at(int(worker)).end())
}

//export kmGoAlone
func kmGoAlone(worker C.uint32_t) {
	defer caught("iteration")
	ofWorkers.at(int(worker)).alone()
}
