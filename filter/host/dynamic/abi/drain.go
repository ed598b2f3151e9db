package abi

/*
#include "bootstrap.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// shutdownGrace is how long Envoy's end waits for clients that have been answered, or have not, to be gone.
	shutdownGrace = 10 * time.Second
	// youth is how old a connection has to be to be ended. franz-go, for one, takes a connection that ends before its first
	// answer for a refusal, and fails the records that are waiting.
	youth = time.Second
)

// process is what the bootstrap extension has to know of all filters. Connections are ended gently: a client gets the
// answers to what it has sent, then FIN.
var process = registry{sessions: map[*session]struct{}{}, listeners: map[string][]*filter{}} //nolint:gochecknoglobals // Envoy finds hooks by name

type registry struct {
	mu        sync.Mutex
	sessions  map[*session]struct{}
	fresh     []*filter            // made since a listener was last heard of: they are part of the next one
	listeners map[string][]*filter // those of each listener's present version
	stopping  bool
	empty     chan struct{} // closed once no session is left; nil unless stopping
}

// loaded takes note of a new configuration.
func (r *registry) loaded(f *filter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fresh = append(r.fresh, f)
}

// unloaded forgets a configuration.
func (r *registry) unloaded(f *filter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	is := func(other *filter) bool { return other == f }
	r.fresh = slices.DeleteFunc(r.fresh, is)
	for name, filters := range r.listeners {
		r.listeners[name] = slices.DeleteFunc(filters, is)
	}
}

// opened takes note of a session, unless Envoy is about to end: nobody may be served then who would be cut.
func (r *registry) opened(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return false
	}
	s.began = time.Now()
	r.sessions[s] = struct{}{}
	return true
}

func (r *registry) closed(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, s)
	if r.stopping && len(r.sessions) == 0 && r.empty != nil {
		close(r.empty)
		r.empty = nil
	}
}

// end ends the sessions of which one says so.
func (r *registry) end(which func(*session) bool) int {
	r.mu.Lock()
	var ending []*session
	for s := range r.sessions {
		if which(s) {
			ending = append(ending, s)
		}
	}
	r.mu.Unlock()
	for _, s := range ending { // not under the mutex: Envoy can close the connection, and so call back, inside it
		if wait := youth - time.Since(s.began); wait > 0 {
			time.AfterFunc(wait, s.conn.endLater)
		} else {
			s.conn.end()
		}
	}
	return len(ending)
}

// listener takes note of another version of a listener, or that it is gone, and ends the connections of the version
// before: Envoy would keep them until its drain time is over, and then cut them with answers on their way.
func (r *registry) listener(name string, gone bool) int {
	r.mu.Lock()
	replaced := r.listeners[name]
	old := map[*filter]bool{}
	for _, f := range replaced {
		old[f] = true
	}
	if gone {
		delete(r.listeners, name)
	} else {
		r.listeners[name], r.fresh = r.fresh, nil
	}
	r.mu.Unlock()
	if len(old) == 0 {
		return 0
	}
	for _, f := range replaced {
		guard(f, f.Replaced)
	}
	return r.end(func(s *session) bool { return old[s.filter] })
}

// stop ends all sessions, has no new ones, and calls done when none is left, at the latest after grace.
func (r *registry) stop(grace time.Duration, done func()) {
	r.mu.Lock()
	r.stopping = true
	empty := make(chan struct{})
	if len(r.sessions) == 0 {
		close(empty)
	} else {
		r.empty = empty
	}
	r.mu.Unlock()
	all := r.end(func(*session) bool { return true })
	go func() {
		defer caught("shutdown")
		late := time.NewTimer(grace)
		defer late.Stop()
		select {
		case <-empty:
			Log(Info, fmt.Sprintf("kafka_mesh: Envoy ends; %d connections were answered and closed", all))
		case <-late.C:
			Log(Warn, fmt.Sprintf("kafka_mesh: Envoy ends; not all of %d connections were closed within %v", all, grace))
		}
		r.flush()
		done()
	}()
}

// Flusher is a Filter that has something to write before Envoy ends.
type Flusher interface {
	// Flush waits until it is written, for a second or so at most.
	Flush()
}

// flush flushes all filters: what they write later may be lost with the process.
func (r *registry) flush() {
	r.mu.Lock()
	filters := slices.Clone(r.fresh)
	for _, of := range r.listeners {
		filters = append(filters, of...)
	}
	r.mu.Unlock()
	for _, f := range filters {
		if last, ok := f.Filter.(Flusher); ok {
			guard(f, last.Flush)
		}
	}
}

//export kmGoDrain
func kmGoDrain() {
	defer caught("drain")
	tellDraining()
	n := process.end(func(*session) bool { return true })
	Log(Info, fmt.Sprintf("kafka_mesh: Envoy drains; ending %d connections", n))
}

//export kmGoShutdown
func kmGoShutdown(bootstrap *C.km_bootstrap) {
	defer caught("shutdown")
	tellDraining()
	process.stop(shutdownGrace, func() { C.km_bootstrap_done(bootstrap) })
}

//export kmGoListener
func kmGoListener(name C.envoy_dynamic_module_type_envoy_buffer, gone C.bool) {
	defer caught("listener")
	if n := process.listener(text(name), bool(gone)); n > 0 {
		Log(Info, fmt.Sprintf("kafka_mesh: listener %s has changed; ending %d connections of the version before", text(name), n))
	}
}
