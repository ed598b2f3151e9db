package admin

import (
	"fmt"
	"log/slog"
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
	// Status is what is known of the mesh now, but for its traffic.
	Status() status.Mesh
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

	mu      sync.Mutex // held while its history is looked at
	history history
}

// NewBoard returns the board of a process that is run by host.
func NewBoard(host string, log *slog.Logger) *Board {
	build := version.Current()
	return &Board{
		process: status.Process{Version: build.Version, Commit: build.Commit, Go: build.Go, Host: host, Started: time.Now()},
		log:     log, stop: make(chan struct{}),
	}
}

// Join adds a mesh until leave is called, once. What it has counted stays in the metrics then, so that counters never go back.
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

// leave lets go of a mesh.
func (b *Board) leave(m *member) {
	var last []stats.Sample
	b.guard("metrics", func() { last = m.source.Read() })
	last = slices.DeleteFunc(last, func(s stats.Sample) bool { return s.Kind == stats.Gauge })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.members = slices.DeleteFunc(b.members, func(other *member) bool { return other == m })
	b.left = stats.Merge(b.left, last)
}

// all are the meshes of now, and whether the process is about to end.
func (b *Board) all() (members []*member, draining bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.members), b.draining
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
	samples := m.source.Read()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.history.take(samples, now)
}

// moment is what is told of a process now, and the charts of its meshes, in their order.
type moment struct {
	status.Status

	charts  []charts
	verdict verdict
}

// now is what is told now, or was a moment ago: that many ask costs no more than that one does.
func (b *Board) now() moment {
	b.gathering.Lock()
	defer b.gathering.Unlock()
	if b.last == nil || time.Since(b.last.Time) > fresh {
		m := b.gather(time.Now())
		b.last = &m
	}
	return *b.last
}

// fresh is the age up to which what was gathered is told again.
const fresh = 100 * time.Millisecond

// gather asks every mesh.
func (b *Board) gather(now time.Time) moment {
	members, draining := b.all()
	m := moment{Status: status.Status{Time: now, Process: b.process, Meshes: []status.Mesh{}}}
	broken := 0
	for _, member := range members {
		var mesh status.Mesh
		if !b.guard("status", func() { mesh = member.source.Status() }) {
			broken++
			continue
		}
		mesh.Bound()
		member.mu.Lock()
		member.history.fill(&mesh)
		m.charts = append(m.charts, member.history.charts())
		member.mu.Unlock()
		m.Meshes = append(m.Meshes, mesh)
	}
	m.verdict = judge(m.Meshes, draining, broken)
	m.Ready = m.verdict.Ready
	m.Problems = problems(&m.Status, draining, broken)
	return m
}

// samples are the metrics of all meshes together, those that have left included.
func (b *Board) samples() []stats.Sample {
	b.mu.Lock()
	members, sum := slices.Clone(b.members), b.left
	b.mu.Unlock()
	for _, m := range members {
		b.guard("metrics", func() { sum = stats.Merge(sum, m.source.Read()) })
	}
	return sum
}

// guard runs a function under recover and says whether it returned.
func (b *Board) guard(where string, call func()) (returned bool) {
	defer b.recover(where)
	call()
	return true
}

// recover stops a panic: it would end a process that is not ours.
func (b *Board) recover(where string) {
	if reason := recover(); reason != nil {
		defer func() { _ = recover() }() // the log may be what has the bug
		b.log.Error("panic recovered; please report it", "in", "admin "+where, "panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
	}
}
