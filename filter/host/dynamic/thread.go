package dynamic

import (
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic/abi"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// thread is our part in one of Envoy's workers, for all filters of the process: the connections to brokers are read on it.
type thread struct {
	cork  cork.Cork
	watch func(sockets int) bool // has Envoy's worker look after what is ready
	log   *slog.Logger

	once   sync.Once
	poller atomic.Pointer[socket.Poller] // nil: there has been no connection, or goroutines have them

	mu    sync.Mutex
	tasks []func() // for the next iteration
}

var (
	_ abi.Thread     = (*thread)(nil)
	_ socket.Watcher = (*thread)(nil)
)

// Begin implements abi.Thread.
func (t *thread) Begin() { t.cork.Begin() }

// End implements abi.Thread.
func (t *thread) End() (more bool) {
	defer t.cork.End()
	if p := t.poller.Load(); p != nil {
		p.Look()
		more = p.Handle()
	}
	for _, f := range t.posted() {
		t.guard("task", f)
	}
	return more
}

// Watch implements socket.Watcher.
//
//nolint:ireturn // as Watcher has it
func (t *thread) Watch(conn net.Conn, closes func(), e socket.Events) socket.Socket {
	t.once.Do(t.start)
	if t.poller.Load() == nil {
		return nil
	}
	if s, ok := socket.WatchTLS(t, t.post, conn, closes, e); ok {
		return s
	}
	return t.poller.Load().Watch(conn, closes, e)
}

// post has f called in an iteration.
func (t *thread) post(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tasks = append(t.tasks, f)
	if len(t.tasks) == 1 {
		t.poller.Load().Wake()
	}
}

// posted takes out what was posted.
func (t *thread) posted() []func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	tasks := t.tasks
	t.tasks = nil
	return tasks
}

// start makes the poller.
func (t *thread) start() {
	p := socket.NewPoller(t.guard)
	if p != nil && !t.watch(p.FD()) {
		p.Close()
		p = nil
	}
	t.poller.Store(p)
}

// guard stops panics of sockets' events that nobody else has stopped.
func (t *thread) guard(where string, f func()) {
	defer func() {
		if reason := recover(); reason != nil {
			t.log.Error("panic recovered; please report it", "in", where, "panic", reason, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// threads are there for as long as the process.
type threads struct {
	log *slog.Logger

	mu sync.Mutex
	of map[int]*thread // by worker
}

func (ts *threads) at(worker int) *thread {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.of[worker]
	if t == nil {
		t = &thread{log: ts.log, watch: func(sockets int) bool { return abi.Watch(worker, sockets) }}
		if ts.of == nil {
			ts.of = map[int]*thread{}
		}
		ts.of[worker] = t
	}
	return t
}

// upstream is what a filter's connections of a worker are served by.
func (ts *threads) upstream(worker int) upstream.Thread {
	t := ts.at(worker)
	return upstream.Thread{Cork: &t.cork, Watcher: t}
}

// abi is what the border calls.
//
//nolint:ireturn // abi.Register asks for it
func (ts *threads) abi(worker int) abi.Thread { return ts.at(worker) }
