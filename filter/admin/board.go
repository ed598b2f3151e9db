package admin

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
)

// Source is a mesh, as a Board sees it. Its methods may be called from any goroutine, and wait for nobody who serves clients.
type Source interface {
	// Status is what is known of the mesh now, but for its clients and its traffic.
	Status() status.Mesh
	// Clients is what is known of its clients. It may look at each of them.
	Clients() status.Clients
	// Read is what its metrics have come to.
	Read() []stats.Sample
}

// Board has the meshes of a process. Its methods may be called from any goroutine.
type Board struct {
	process status.Process
	log     *slog.Logger

	stop    chan struct{}
	stopped sync.WaitGroup

	gathering sync.Mutex
	last      *moment // what was gathered last; nobody changes it

	mu       sync.Mutex
	members  []*member
	draining bool
	left     []stats.Sample // what the meshes counted that have left
	watching bool
	closed   bool
}

// member is a mesh that has joined.
type member struct {
	source Source
	hidden bool // its metrics count, and nothing else of it is shown; of the board's mutex

	using sync.RWMutex // held while the mesh is asked: it waits with its leave
	gone  bool         // it has left, and may not be asked any more

	mu      sync.Mutex // held while its history is looked at
	history history
}

// ask has f ask the mesh, unless it has left, and says whether it did.
func (m *member) ask(f func(Source)) (asked bool) {
	m.using.RLock()
	defer m.using.RUnlock()
	if !m.gone {
		f(m.source)
	}
	return !m.gone
}

// draw puts rates and the like into what is told of the mesh, and draws its charts.
func (m *member) draw(mesh *status.Mesh) charts {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.history.fill(mesh)
	return m.history.charts()
}

// NewBoard returns the board of a process that is run by host.
func NewBoard(host string, log *slog.Logger) *Board {
	build := version.Current()
	return &Board{
		process: status.Process{Version: build.Version, Commit: build.Commit, Go: build.Go, Host: host, Started: time.Now()},
		log:     log, stop: make(chan struct{}),
	}
}

// Join adds a mesh until leave is called, once. What it has counted stays in the metrics then, so that counters never go back, and when
// leave has returned nobody asks it any more.
func (b *Board) Join(s Source) (leave func()) {
	m := &member{source: s}
	b.guard("metrics", func() { m.look(time.Now()) })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.members = append(b.members, m)
	if !b.watching && !b.closed {
		b.watching = true
		b.stopped.Go(b.watch)
	}
	return sync.OnceFunc(func() { b.leave(m) })
}

// Drain says that the process is about to end, or has a successor: it is not ready any more.
func (b *Board) Drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
}

// Close ends the looking at metrics.
func (b *Board) Close() {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.stop)
	}
	b.mu.Unlock()
	b.stopped.Wait()
}

// Text is the page for a terminal.
func (b *Board) Text() string {
	m := b.now()
	return m.text() + "\n"
}

// JSON is all that is told, and the code of HTTP that it is answered with.
func (b *Board) JSON() (code int, text string) { return encode(http.StatusOK, b.now().Status) }

// Ready is what is answered to a question for readiness.
func (b *Board) Ready(query url.Values) (code int, text string) {
	code, v := answerReady(b.readiness(), query)
	return code, v.text(time.Now())
}

// Show says whether a mesh that has joined is shown. Its metrics count in any case: counters never go back, nor twice forward.
func (b *Board) Show(s Source, shown bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.members {
		if m.source == s {
			m.hidden = !shown
		}
	}
}

// leave lets go of a mesh.
func (b *Board) leave(m *member) {
	var last []stats.Sample
	b.guard("metrics", func() { m.ask(func(s Source) { last = s.Read() }) })
	last = slices.DeleteFunc(last, func(s stats.Sample) bool { return s.Kind == stats.Gauge })
	b.mu.Lock()
	b.members = slices.DeleteFunc(b.members, func(other *member) bool { return other == m })
	b.left = stats.Merge(b.left, last)
	b.mu.Unlock()
	m.using.Lock()
	defer m.using.Unlock()
	m.gone = true
}

// all are the meshes of now that are shown, and whether the process is about to end.
func (b *Board) all() (members []*member, draining bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	members = slices.DeleteFunc(slices.Clone(b.members), func(m *member) bool { return m.hidden })
	return members, b.draining
}

// watch looks at every mesh's metrics again and again.
func (b *Board) watch() {
	defer b.recover("watch")
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-b.stop:
			return
		case now := <-ticker.C:
			members, _ := b.all()
			for _, m := range members {
				b.guard("metrics", func() { m.look(now) })
			}
		}
	}
}

// look takes note of the mesh's metrics.
func (m *member) look(now time.Time) {
	var samples []stats.Sample
	if !m.ask(func(s Source) { samples = s.Read() }) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.history.take(samples, now)
}

// guard runs a function under recover.
func (b *Board) guard(where string, call func()) {
	defer b.recover(where)
	call()
}

// recover stops a panic: it would end a process that is not ours.
func (b *Board) recover(where string) {
	if reason := recover(); reason != nil {
		defer func() { _ = recover() }() // the log may be what has the bug
		b.log.Error("panic recovered; please report it", "in", "admin "+where, "panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
	}
}
