package dynamic

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic/abi"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
)

// Register makes the shared library that it is linked into a Kafka mesh whose clusters are reached by what newClient
// returns. Call it in an init of the main package.
func Register(newClient func(upstream.Settings) (upstream.Client, error)) {
	allowMoreThreads()
	log := newLog(abi.LogEnabled, abi.Log)
	load := &loader{log: log, newClient: newClient, threads: &threads{log: log}, shown: newShown(log)}
	abi.RegisterAdmin(load.shown)
	abi.Register(func(c *abi.Config, name string, raw []byte) (abi.Filter, error) {
		f, err := load.filter(c.Define, name, raw)
		if err != nil {
			return nil, err // and not a nil *hosted in an interface that is not nil
		}
		return f, nil
	}, load.threads.abi)
}

// loader makes filters. Envoy's main thread calls it, one call at a time.
type loader struct {
	log       *slog.Logger
	newClient func(upstream.Settings) (upstream.Client, error)
	threads   *threads
	shown     *shown
	logs      accesslog.Writers
	told      sync.Once // what this build is
}

// definer is abi.Config's Define.
type definer func(metrics []abi.Metric) (abi.Memory, error)

// hosted is a filter as Envoy sees it. Its methods are called as abi.Filter says.
type hosted struct {
	filter *filter.Filter
	stats  *stats.Set
	log    *slog.Logger
	config *config.Config
	shown  *shown
	hide   func() // nil: Envoy only looks at the configuration
}

var (
	_ abi.Filter   = (*hosted)(nil)
	_ abi.Session  = (*session.Session)(nil)
	_ abi.Teller   = telling{}
	_ abi.Flusher  = (*hosted)(nil)
	_ session.Conn = (*abi.Conn)(nil)
)

// filter makes one of a configuration. What is wrong with that is logged, a line for each mistake, because Envoy only
// says that the filter could not be made. name is the filter_name of the configuration: it tells filters apart in logs.
func (l *loader) filter(define definer, name string, raw []byte) (*hosted, error) {
	l.told.Do(func() { l.log.Info("loaded", version.Current().Attrs()...) })
	log := l.log
	if name != "" {
		log = log.With("filter", name)
	}
	h, err := l.load(log, name, define, raw)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			log.Error("configuration refused: " + line)
		}
		return nil, err
	}
	return h, nil
}

func (l *loader) load(
	log *slog.Logger, name string, define definer, raw []byte,
) (*hosted, error) {
	c, err := config.Parse(raw)
	if err != nil {
		return nil, err
	}
	if err := c.ForEnvoy(); err != nil {
		return nil, err
	}
	for _, w := range slices.Concat(c.Warnings, c.EnvoyWarnings) {
		log.Warn("configuration: " + w.Error())
	}
	set, err := newStats(c, define)
	if err != nil {
		return nil, err
	}
	f, err := filter.New(c, filter.Options{
		NewClient: l.newClient, Stats: set, Log: log, AccessLogs: &l.logs, TellsHost: true, Name: name, Thread: l.threads.upstream,
	})
	if err != nil {
		return nil, err
	}
	return &hosted{filter: f, stats: set, log: log, config: c, shown: l.shown}, nil
}

func newStats(c *config.Config, define definer) (*stats.Set, error) {
	table := filter.Metrics(c)
	metrics := make([]abi.Metric, 0, len(table))
	for i := range table {
		metrics = append(metrics, metric(&table[i]))
	}
	memory, err := define(metrics)
	if err != nil {
		return nil, err
	}
	return stats.NewIn(table, stats.Memory(memory)), nil
}

// metric is a metric as Envoy has it.
func metric(m *stats.Metric) abi.Metric {
	of := abi.Metric{Name: m.Name}
	switch m.Kind {
	case stats.Counter:
		of.Kind = abi.Counter
	case stats.Gauge:
		if of.Kind = abi.Gauge; m.Level {
			of.Kind = abi.SetGauge
		}
	case stats.Histogram:
		of.Kind, of.Samples = abi.Histogram, make([]int64, m.Slots())
		for slot := range of.Samples {
			sample, ok := stats.SlotSample(slot)
			if !ok {
				sample = abi.NoSample
			}
			of.Samples[slot] = sample
		}
	}
	return of
}

// NewSession starts the session of one client.
//
//nolint:ireturn // abi.Filter asks for it
func (h *hosted) NewSession(worker int, p abi.Peer, c *abi.Conn) abi.Session {
	s := h.filter.NewSession(worker, peer(p), c)
	if h.config.AccessLog != nil {
		return telling{s}
	}
	return s
}

// Served has the clusters watched, and the mesh shown: Envoy's --mode validate, which dials nobody and listens nowhere, never gets here.
func (h *hosted) Served() {
	h.filter.Monitor()
	h.hide = h.shown.show(h.filter, h.config.Admin)
}

// Flush has the access log be complete.
func (h *hosted) Flush() { h.filter.Flush() }

// Replaced has the mesh shown as one that drains.
func (h *hosted) Replaced() { h.filter.Drain() }

// Close answers what is still in flight and ends the upstream connections. The mesh is shown until then, and not asked afterwards: Envoy's
// part of it goes.
func (h *hosted) Close() {
	if h.hide != nil {
		defer h.hide() // after a bug, too
	}
	h.filter.Close()
}

// Panicked counts and logs a panic that package abi stopped.
func (h *hosted) Panicked(reason any, stack []byte) {
	h.stats.PanicsRecovered.Add(1)
	h.log.LogAttrs(context.Background(), slog.LevelError, "panic recovered; please report it",
		slog.Any("panic", reason), slog.String("stack", string(stack)))
}

// telling is a session of a configuration with an access log: when it ends, Envoy's is told.
type telling struct{ *session.Session }

// Tell implements abi.Teller.
func (t telling) Tell(e *abi.Ending) { t.TellHost(e) }

func peer(p abi.Peer) session.Peer {
	f := session.Peer{LocalHost: p.LocalHost, LocalPort: int32(p.LocalPort), ServerName: p.ServerName, Encrypted: p.Encrypted}
	if p.RemoteHost != "" {
		f.Remote = net.JoinHostPort(p.RemoteHost, strconv.Itoa(p.RemotePort))
	}
	return f
}
