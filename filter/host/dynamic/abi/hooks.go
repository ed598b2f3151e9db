package abi

/*
#cgo CFLAGS: -O2 -Wall -Werror
// Envoy's callbacks are found when it loads us. With -z now a callback that an older Envoy lacks is a clean error then;
// by default it would end the process when it is first called.
#cgo linux LDFLAGS: -Wl,--unresolved-symbols=ignore-all -Wl,-z,now
#include "conn.h"
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"runtime/debug"
	"time"
	"unsafe"
)

// ABIVersion is the version of Envoy's dynamic modules ABI that we were written for.
const ABIVersion = C.KM_ABI_VERSION

// filter is a Filter behind a handle.
type filter struct {
	Filter

	c         *C.km_config
	publisher publisher
}

// session is a Session behind a handle.
type session struct {
	Session

	filter     *filter
	conn       *Conn
	iterations *iterations // of its worker
	began      time.Time
	broken     bool // a call panicked
}

// Each hook stops panics, see guard.go, and C closes that one connection.

//export kmGoConfigNew
func kmGoConfigNew(c *C.km_config, name, raw C.envoy_dynamic_module_type_envoy_buffer) (h C.uintptr_t) {
	defer func() {
		if r := recover(); r != nil {
			Log(Error, fmt.Sprintf("kafka_mesh: panic while loading the configuration: %v\n%s", r, debug.Stack()))
			C.km_config_ref(c) // goroutines may be left that count: better leak it
		}
	}()
	f, err := (*module.Load())(&Config{c}, text(name), []byte(text(raw)))
	if err != nil {
		return 0
	}
	C.km_config_ref(c)
	loaded := &filter{Filter: f, c: c, publisher: publisher{stop: make(chan struct{})}}
	process.loaded(loaded)
	return C.uintptr_t(cgo.NewHandle(loaded))
}

//export kmGoConfigServed
func kmGoConfigServed(h C.uintptr_t) {
	defer caught("configuration served")
	if f, ok := lookup[*filter](h); ok {
		f.publisher.start(f.c)
		guard(f, f.Served)
	}
}

//export kmGoConfigDestroy
func kmGoConfigDestroy(h C.uintptr_t) {
	defer caught("config destroy")
	f, ok := lookup[*filter](h)
	if !ok {
		return
	}
	cgo.Handle(h).Delete()
	process.unloaded(f)
	close(f.publisher.stop)
	// On Envoy's main thread nothing may take its time. Nobody waits for this goroutine: Envoy has no hook that could.
	go func() {
		defer caught("close")
		guard(f, f.Close)
		f.publisher.ticking.Wait()
		C.km_config_unref(f.c)
	}()
}

//export kmGoConnected
func kmGoConnected(h C.uintptr_t, c *C.km_conn, p *C.km_peer, opened *C.uintptr_t) (served C.bool) {
	defer caught("new connection")
	conn := &Conn{c: c}
	f, ok := lookup[*filter](h)
	if !ok {
		conn.drop()
		return false
	}
	s := &session{filter: f, conn: conn, iterations: ofWorkers.at(int(p.worker))}
	if !process.opened(s) {
		// It is not read from, and so reset when Envoy has ended: its client then knows that nothing was taken, and connects
		// again. It might not after a FIN.
		conn.PauseReads(true)
		conn.drop()
		return true
	}
	ok = guard(f, func() {
		s.Session = f.NewSession(int(p.worker), Peer{
			RemoteHost: text(p.remote),
			RemotePort: int(p.remote_port),
			LocalHost:  text(p.local),
			LocalPort:  int(p.local_port),
			ServerName: text(p.server_name),
			Encrypted:  bool(p.encrypted),
		}, conn)
	})
	if !ok {
		process.closed(s)
		conn.drop()
		return false
	}
	*opened = C.uintptr_t(cgo.NewHandle(s))
	return true
}

//export kmGoData
func kmGoData(h C.uintptr_t, chunks *C.envoy_dynamic_module_type_envoy_buffer, count C.size_t, end C.bool) (ok C.bool) {
	defer caught("data")
	return on(h, func(s *session) {
		s.iterations.begin()
		for i, chunk := range unsafe.Slice(chunks, count) {
			p := unsafe.Slice((*byte)(unsafe.Pointer(chunk.ptr)), chunk.length)
			if i+1 < int(count) {
				s.DataMore(p)
			} else {
				s.Data(p)
			}
		}
		if end {
			s.End()
		}
	})
}

//export kmGoCongested
func kmGoCongested(h C.uintptr_t, above C.bool) (ok C.bool) {
	defer caught("congested")
	return on(h, func(s *session) { s.Congested(bool(above)) })
}

//export kmGoSent
func kmGoSent(h C.uintptr_t, write C.uint64_t) {
	defer caught("sent")
	if s, ok := lookup[*session](h); ok {
		s.conn.kept.end(uint64(write))
	}
}

//export kmGoCertified
func kmGoCertified(h C.uintptr_t, c *C.km_certificate) (ok C.bool) {
	defer caught("certified")
	return on(h, func(s *session) { s.Certified(text(c.uri), text(c.dns), text(c.subject)) })
}

//export kmGoHungUp
func kmGoHungUp(h C.uintptr_t) {
	defer caught("hung up")
	on(h, func(s *session) { s.HungUp() })
}

//export kmGoClosed
func kmGoClosed(h C.uintptr_t, onWorker C.bool) {
	defer caught("closed")
	s, ok := lookup[*session](h)
	if !ok {
		return
	}
	cgo.Handle(h).Delete()
	process.closed(s)
	// A session that panicked may have left a mutex locked: it must not stop the worker. And when Envoy destroys a
	// connection without a close event, we may be inside a call of this very session to its Conn, with its mutex held.
	if s.broken || !bool(onWorker) {
		go s.finish()
		return
	}
	s.tell()
	s.finish()
}

// finish tells the session that its connection is gone.
func (s *session) finish() {
	defer caught("closed")
	guard(s.filter, s.Closed)
	s.conn.drop()
}

// on calls f with the session behind h and says whether all went well. It does nothing if there is none.
func on(h C.uintptr_t, f func(*session)) C.bool {
	s, ok := lookup[*session](h)
	if !ok || s.broken {
		return true
	}
	s.broken = !guard(s.filter, func() { f(s) })
	return C.bool(!s.broken)
}

// lookup finds what is behind a handle. Unknown handles are harmless.
func lookup[T any](h C.uintptr_t) (v T, ok bool) {
	defer func() { _ = recover() }() // cgo panics on a handle that it does not know
	if h != 0 {
		v, ok = cgo.Handle(h).Value().(T)
	}
	return v, ok
}

func text(b C.envoy_dynamic_module_type_envoy_buffer) string {
	return C.GoStringN(b.ptr, C.int(b.length))
}
