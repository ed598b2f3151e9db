package filter

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// drainTime bounds how long Close waits for batches that clusters have not answered yet.
const drainTime = 5 * time.Second

// Options are what a host brings to a configuration.
type Options struct {
	// NewClient makes the client of one cluster; it must not connect. Mains pass saramaclient.New.
	NewClient func(upstream.Settings) (upstream.Client, error)
	// Stats receives the metrics; Metrics of the configuration is its table.
	Stats *stats.Set
	Log   *slog.Logger
	// Name tells the configuration from others of the process, and Listener is where its clients connect to, for those who look at it. Empty:
	// the host does not know.
	Name, Listener string
	// AccessLogs are those of the process, so that its configurations may have the same file. Nil: this one has its own.
	AccessLogs *accesslog.Writers
	// TellsHost says that the host wants to know what a connection's requests came to, if there is an access log.
	TellsHost bool
	// ReleaseAfter is how long without any session the upstream connections are kept. It is for a host that is not told when
	// a configuration is no longer used. Zero: until Close.
	ReleaseAfter time.Duration
	// Rested is told when that has come, and when there is a session again; nil: nobody is.
	Rested func(resting bool)
	// Thread is what the host has for each of its threads, by their number. Nil: nothing.
	Thread func(worker int) upstream.Thread
	// Monitor has every cluster watched from the beginning, and not only when Filter.Monitor is called.
	Monitor bool
}

// Filter is one configuration at work. Its methods may be called from any goroutine.
type Filter struct {
	config    *config.Config
	options   Options
	shared    shared
	sessions  *session.Common
	counts    broker.Counts
	accessLog *accesslog.Log
	door      *door             // nil: clients do not log in
	mapping   mapping           // of clients to users of clusters
	health    []*health.Cluster // of each cluster of the configuration
	waking    sync.WaitGroup    // who has clusters watched again
	watching  sync.Mutex        // is held while the watching begins or ends

	began time.Time

	mu        sync.Mutex
	draining  bool // no session is started any more
	workers   map[int]*worker
	open      int         // sessions
	release   *time.Timer // nil unless Options.ReleaseAfter says so
	begun     bool        // there was a session, or Monitor: what logins are checked against is read again
	monitored bool        // clusters are watched
	resting   bool        // but not now: there has long been no session
}

// New returns a filter for a configuration. It connects to nothing yet, unless the configuration or Options.Monitor says so.
func New(c *config.Config, o Options) (*Filter, error) {
	raiseHeapFloor()
	f := &Filter{config: c, options: o, began: time.Now(), workers: map[int]*worker{}}
	f.shared.init(c)
	f.shared.uneven.log = o.Log
	f.counts = counts(c, o.Stats)
	f.health = f.newHealth(c)
	for _, cluster := range c.Clusters { // what cannot be a client is a mistake to find now
		if _, err := o.NewClient(UpstreamSettings(cluster)); err != nil {
			return nil, fmt.Errorf("upstream cluster %s: %w", cluster.Name, err)
		}
	}
	if c.VerifyUpstreams {
		if err := f.verify(); err != nil {
			return nil, err
		}
	}
	if err := f.openAccessLog(); err != nil {
		return nil, err
	}
	if err := cmp.Or(f.openDoor(), f.openMapping()); err != nil {
		f.closeDoor()
		f.accessLog.Close()
		return nil, err
	}
	f.sessions = session.NewCommon(session.Options{
		Limits: session.Limits(c.Limits), AdvertisedHost: c.AdvertisedHost, AdvertisedPort: c.AdvertisedPort,
		Quotas: f.shared.quotas, Stats: o.Stats, Log: o.Log, AccessLog: f.accessLog, Logins: f.door.policy(), NamedBy: namedBy(c.NamedBy), TellsHost: o.TellsHost && c.AccessLog != nil, Panicked: f.caught,
	})
	o.Stats.Build.Add(1)
	f.announceTaken()
	if o.Monitor {
		f.Monitor()
	}
	return f, nil
}

// NewSession returns the session of a new client connection. worker numbers the host's thread that serves it, from 0:
// the sessions of a worker share its upstream connections.
func (f *Filter) NewSession(workerIndex int, p session.Peer, c session.Conn) *session.Session {
	s := f.join(workerIndex).sessions.NewSession(p, c)
	s.OnEnd(f.leave)
	return s
}

// Drain says that no session will be started any more, for those who look at the mesh.
func (f *Filter) Drain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.draining = true
}

// Close waits, a few seconds at most, for what clusters have not answered yet, and ends all upstream connections. No
// session may be started afterwards; sessions that are still there get errors.
func (f *Filter) Close() {
	f.Drain()
	f.mu.Lock()
	workers := f.workers
	if f.release != nil {
		f.release.Stop()
	}
	f.mu.Unlock()
	f.waking.Wait()
	f.closeAll(workers)
	f.forget()
	f.sessions.Close()
	f.closeDoor()
	f.mapping.close()
	f.accessLog.Close()
	f.options.Stats.Build.Add(-1)
	f.announceLetGo()
}

// join counts a session in and returns its worker.
func (f *Filter) join(workerIndex int) *worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open++
	if f.resting || (f.door != nil || f.mapping.any()) && !f.begun {
		f.resting, f.begun = false, true
		f.waking.Go(func() { f.guard("watch", f.watchOrRest) })
	}
	return f.worker(workerIndex)
}

// leave counts a session out.
func (f *Filter) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	if f.open == 0 {
		f.restLater()
	}
}

// restLater has the filter rest when there has been no session for long, if it is to. The mutex is held.
func (f *Filter) restLater() {
	if f.options.ReleaseAfter == 0 {
		return
	}
	if f.release == nil {
		f.release = time.AfterFunc(f.options.ReleaseAfter, f.rest)
	} else {
		f.release.Reset(f.options.ReleaseAfter)
	}
}

// rest ends the upstream connections, and the watching, if there is no session. The next one begins anew.
func (f *Filter) rest() {
	defer f.recover("rest")
	f.mu.Lock()
	if f.open > 0 {
		f.mu.Unlock()
		return
	}
	workers := f.workers
	f.workers, f.resting = map[int]*worker{}, true
	f.mu.Unlock()
	f.closeAll(workers)
	f.watchOrRest()
}

// guard runs a function under recover.
func (f *Filter) guard(where string, call func()) {
	defer f.recover(where)
	call()
}

// recover stops a panic on a goroutine of the filter's own: it would end a process that is not ours.
func (f *Filter) recover(where string) {
	if reason := recover(); reason != nil {
		f.caught(reason, where)
	}
}

// caught counts and logs a panic that was stopped.
func (f *Filter) caught(reason any, where string, more ...any) {
	f.options.Stats.PanicsRecovered.Add(1)
	defer func() { _ = recover() }() // the log may be what has the bug
	f.options.Log.Error("panic recovered; please report it", append(more, "in", where, "panic", reason, "stack", string(debug.Stack()))...)
}

func (f *Filter) closeAll(workers map[int]*worker) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var closing sync.WaitGroup
	for _, w := range workers {
		closing.Go(func() { f.guard("close", w.sessions.Wait) })
		for _, u := range w.clusters {
			closing.Go(func() { f.guard("close", func() { u.Close(ctx) }) })
		}
		if w.personas != nil {
			closing.Go(func() { f.guard("close", func() { w.personas.close(ctx) }) })
		}
	}
	closing.Wait()
}
