package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
)

// grace bounds the wait for answers in flight when serve is told to stop. Filter.Close takes up to 5 seconds more, so the
// process ends within 10.
const grace = 5 * time.Second

func serveCommand() command {
	return command{
		name:    "serve",
		args:    "--config FILE [--listen ADDR] [--admin ADDR] [--log-level LEVEL] [--log-format FORMAT]",
		summary: "serve clients without Envoy",
		about: `Serves clients on a listener of its own, without Envoy: for development, tests
and bare machines. They speak TLS if the configuration has listen_tls, and
else plain TCP.

FILE is a configuration in YAML or JSON, "-" being standard input, or one of
Envoy's with one filter that uses the module or plugin kafkamesh. While it names
no advertised_host, clients are told the address that they dialled.

A page for who runs it, metrics for Prometheus, and what probes ask for are on
the admin listener: http://` + adminDefault + `/ unless the field admin, or --admin,
says otherwise.

On SIGHUP the configuration is read again. If it is invalid, its mistakes are
printed and the old one stays. Else it serves the connections to come; those
that are open are answered what is in flight and then closed, so that their
clients connect again.

On SIGTERM or SIGINT no more clients are accepted, requests in flight are
answered, and the metrics are printed to standard error. That takes 10 seconds
at most; a second signal ends the process at once.`,
		setup: func(f *flag.FlagSet) runFunc {
			file := f.String("config", "", "the configuration, a `FILE` in YAML or JSON; required")
			addr := f.String("listen", "127.0.0.1:19092", "the `ADDR` to listen on, host:port")
			admin := f.String("admin", "", "where the admin listener is, an `ADDR` or \"off\"; without it, where the configuration says, or "+adminDefault)
			log := logFlags(f)
			return func(ctx context.Context, args []string, s streams) error {
				switch {
				case len(args) > 0 && *file == "":
					return usageError(fmt.Sprintf("only flags are taken, got %q; did you mean --config %s?", args[0], args[0]))
				case len(args) > 0:
					return usageError(fmt.Sprintf("only flags are taken, got %q", args[0]))
				case *file == "":
					return usageError("--config FILE is missing")
				}
				return serve(ctx, options{*file, *addr, *admin, log}, s)
			}
		},
	}
}

// options are serve's flags.
type options struct {
	file, addr, admin string
	logging           *logging
}

// server is a running serve.
type server struct {
	streams
	options

	log   *slog.Logger
	shown *adminListener
	sent  *telemetry
	loops []*loop.Loop // a worker each
	tcp   *tcp.Server
	// current serves the connections to come. Those before it finish with the mesh that they began with.
	current atomic.Pointer[mesh]
	total   []stats.Sample // of the meshes that have ended

	accessLogs accesslog.Writers
}

// mesh is one configuration at work.
type mesh struct {
	config *config.Config
	filter *filter.Filter
	stats  *stats.Set
	tls    *listenTLS
	leave  func() // has it not shown any more
}

func serve(ctx context.Context, o options, s streams) error {
	srv := &server{streams: s, options: o, log: o.logging.logger(s.err)}
	slog.SetDefault(srv.log) // for what sarama's part says
	err := srv.run(ctx)
	if err != nil && o.logging.json && !errors.Is(err, errReported) {
		srv.log.Error("kafkamesh ends", "error", err)
		return errReported
	}
	return err
}

// run serves until ctx is done.
func (s *server) run(ctx context.Context) error {
	s.log.Info("kafkamesh", version.Current().Attrs()...)
	s.startLoops()
	defer s.closeLoops()
	s.shown = newAdmin(s, s.admin)
	defer s.shown.close()
	s.sent = &telemetry{log: s.log, read: s.shown.board.Samples, started: time.Now()}
	defer s.sent.close() // before the board is closed, and after the last mesh has left
	m, err := s.load()
	if err != nil {
		return err
	}
	s.take(m)
	l, err := s.listen(ctx, m.config)
	if err != nil {
		m.close()
		return err
	}
	s.tcp = tcp.New(tcp.Options{
		Open: func(worker int, p session.Peer, conn session.Conn) tcp.Session {
			return s.current.Load().filter.NewSession(worker, p, conn)
		},
		Log: s.log, Loops: s.loops, Grace: grace, Panicked: s.countPanic,
		HandshakeFailed: s.countHandshake,
		TLS:             func() (*tls.Config, bool) { return s.current.Load().tls.config() },
	})
	reload := make(chan os.Signal, 1) // one that comes meanwhile is enough: the file is read after it
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	s.log.Info("listening", "address", l.Addr())
	stopping := context.AfterFunc(ctx, func() {
		s.shown.board.Drain()
		s.log.Info("stopping; waiting for answers, at most", "for", grace)
	})
	defer stopping()
	reloads := make(chan struct{})
	go func() {
		defer close(reloads)
		s.reloadOnSignal(ctx, reload)
	}()
	err = s.tcp.Serve(ctx, l)
	if ctx.Err() == nil {
		return err // the listener is broken, and so will be the process
	}
	<-reloads
	s.retire(s.current.Load())
	s.logging.sayMetrics(s.err, s.log, s.total)
	return err
}

// listen listens to clients, and to who runs the server, and begins to send metrics.
func (s *server) listen(ctx context.Context, c *config.Config) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	err = s.shown.move(ctx, c)
	if err == nil {
		err = s.sent.move(ctx, c)
	}
	if err != nil {
		_ = l.Close() // nobody was served
		return nil, err
	}
	return l, nil
}

// take has a mesh serve the connections to come.
func (s *server) take(m *mesh) (before *mesh) {
	m.leave = s.shown.board.Join(m.filter)
	return s.current.Swap(m)
}

// maxLoops bounds the workers: each has its own connections to every broker.
const maxLoops = 4

// startLoops starts a worker for each CPU.
func (s *server) startLoops() {
	for range min(runtime.GOMAXPROCS(0), maxLoops) {
		s.loops = append(s.loops, loop.New(func(reason any, stack []byte) {
			s.log.Error("panic recovered; please report it", "panic", reason, "stack", string(stack))
			s.countPanic()
		}))
	}
}

func (s *server) closeLoops() {
	for _, l := range s.loops {
		l.Close()
	}
}

// thread is the loop of a worker, as the filter sees it.
func (s *server) thread(worker int) upstream.Thread {
	return upstream.Thread{Cork: s.loops[worker].Cork(), Watcher: s.loops[worker]}
}

func (s *server) countPanic() {
	if m := s.current.Load(); m != nil {
		m.stats.PanicsRecovered.Add(1)
	}
}

func (s *server) countHandshake(f stats.TLSFailure) { s.current.Load().stats.TLSFailed(f).Add(1) }

// load makes a mesh of the configuration in the file.
func (s *server) load() (*mesh, error) {
	mistakes := s.logging.beside(s.err, s.log, slog.LevelError)
	c, err := load(s.file, s.in, mistakes, s.logging.beside(s.err, s.log, slog.LevelWarn))
	if err != nil {
		return nil, err
	}
	m := &mesh{config: c, stats: stats.New(filter.Metrics(c))}
	m.filter, err = filter.New(c, filter.Options{
		NewClient: saramaclient.New, Stats: m.stats, Log: s.log, AccessLogs: &s.accessLogs, Listener: s.addr, Thread: s.thread, Monitor: true,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.file, err)
	}
	for _, lacking := range withoutTLS(c) {
		s.log.Warn(lacking)
	}
	m.tls = followTLS(c.ListenTLS, s.log)
	return m, nil
}

// reloadOnSignal reads the configuration again with each signal, until ctx is done.
func (s *server) reloadOnSignal(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			s.reload(ctx)
		}
	}
}

// reload replaces the mesh, unless the configuration is invalid. Connections that are open are ended in order: what is in
// flight is answered, and their clients connect again.
func (s *server) reload(ctx context.Context) {
	if s.file == "-" {
		s.log.Error("cannot reload: the configuration came from standard input")
		return
	}
	m, err := s.load()
	if err != nil {
		if !errors.Is(err, errReported) {
			s.log.Error("cannot reload", "error", err)
		}
		s.log.Error("the configuration is invalid; the one before it stays")
		return
	}
	old := s.take(m)
	old.filter.Drain()
	if err := s.shown.move(ctx, m.config); err != nil {
		s.log.Error("the admin listener stays where it is", "error", err)
	}
	if err := s.sent.move(ctx, m.config); err != nil {
		s.log.Error("metrics are sent where they were, if anywhere", "error", err)
	}
	s.tcp.Drain()
	s.retire(old)
	s.log.Info("reloaded")
}

// retire ends a mesh that no connection uses any more.
func (s *server) retire(m *mesh) {
	m.close()
	m.leave()
	s.total = stats.Merge(s.total, m.stats.Read())
}

// close ends what belongs to the mesh.
func (m *mesh) close() {
	m.filter.Close()
	m.tls.close()
}

// load reads the one configuration in file, and prints what is wrong with it and what it is warned of.
func load(file string, in io.Reader, mistakes, warnings printer) (*config.Config, error) {
	found, err := sources(file, in)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("%s: holds %d filters; serve needs a file with one", file, len(found))
	}
	c, err := found[0].parse(mistakes)
	if err != nil {
		return nil, err
	}
	found[0].warn(warnings, c.Warnings)
	return c, nil
}
