package contrib

import (
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"
	"github.com/envoyproxy/envoy/contrib/golang/filters/network/source/go/pkg/network"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/envoylog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
)

const (
	// PluginName is the plugin_name that Envoy's configuration has to have.
	PluginName = "kafkamesh"
	// releaseAfter is how long a configuration without clients keeps its upstream connections: Envoy never says that one is
	// no longer used, and each update of a listener makes another.
	releaseAfter = time.Minute
	// maxWorkers bounds the number of workers, see loader.workers.
	maxWorkers = 4
)

// Register makes the shared library that it is linked into a Kafka mesh whose clusters are reached by what newClient
// returns. Call it in an init of the main package, which also links Envoy's api_impl: the log goes through it.
func Register(newClient func(upstream.Settings) (upstream.Client, error)) {
	l := &loader{log: envoylog.New(func(l slog.Level) bool { return l >= slog.LevelInfo }, write), newClient: newClient}
	if !onlyValidates(os.Args) {
		l.shown = newShown(l.log)
	}
	network.RegisterNetworkFilterConfigFactory(PluginName, factories{})
	network.RegisterNetworkFilterConfigParser(l)
}

func write(l slog.Level, line string) {
	switch {
	case l < slog.LevelWarn:
		api.LogInfo(line)
	case l < slog.LevelError:
		api.LogWarn(line)
	default:
		api.LogError(line)
	}
}

// loader makes a mesh of a configuration.
type loader struct {
	log       *slog.Logger
	newClient func(upstream.Settings) (upstream.Client, error)
	shown     *shown // nil: Envoy only looks at its configuration
	logs      accesslog.Writers
	told      sync.Once // what this build is
}

// mesh is one configuration at work.
type mesh struct {
	log *slog.Logger
	// filter is nil if the configuration has mistakes.
	filter *filter.Filter
	stats  *stats.Set
	// There is no telling which of Envoy's workers a connection is on, so connections are dealt to workers in turn. As in
	// the plain binary, their number only says how many upstream pools share the load.
	workers uint32
	opened  atomic.Uint32 // connections so far
}

// ParseConfig makes a mesh. It never fails, because nobody would be told: what is wrong is logged, a line for each mistake.
// Envoy calls it on its main thread, also to validate.
func (l *loader) ParseConfig(a *anypb.Any) any {
	l.told.Do(func() { l.log.Info("loaded", version.Current().Attrs()...) })
	m := &mesh{log: l.log}
	l.load(m, a)
	return m
}

// load leaves m without a filter if it cannot make one.
func (l *loader) load(m *mesh, a *anypb.Any) {
	defer m.recover("ParseConfig", func() { m.filter = nil })
	if err := l.make(m, a); err != nil {
		m.filter = nil
		for line := range strings.SplitSeq(err.Error(), "\n") {
			l.log.Error("configuration refused, every connection will be closed: " + line)
		}
	}
}

func (l *loader) make(m *mesh, a *anypb.Any) error {
	c, err := parse(a)
	if err != nil {
		return err
	}
	if err := c.ForEnvoy(); err != nil {
		return err
	}
	for _, w := range slices.Concat(c.Warnings, c.EnvoyWarnings) {
		l.log.Warn("configuration: " + w.Error())
	}
	m.stats = stats.New(filter.Metrics(c))
	m.workers = uint32(min(runtime.GOMAXPROCS(0), maxWorkers))
	showing := &showing{admin: c.Admin}
	options := filter.Options{
		NewClient: l.newClient, Stats: m.stats, Log: l.log, AccessLogs: &l.logs, ReleaseAfter: releaseAfter, Monitor: l.shown != nil,
	}
	if l.shown != nil {
		options.Rested = func(resting bool) { l.shown.rest(showing, resting) }
	}
	if m.filter, err = filter.New(c, options); err != nil || l.shown == nil {
		return err
	}
	showing.filter = m.filter
	l.shown.add(showing)
	return nil
}

// factories gives the factory of a configuration, once for each connection.
type factories struct{}

// CreateFactoryFromConfig implements network.ConfigFactory.
func (factories) CreateFactoryFromConfig(c any) network.FilterFactory {
	return c.(*mesh) //nolint:forcetypeassert // it is what ParseConfig has returned
}

// CreateFilter starts a connection. It returns a pointer of its own each time, to which nothing else points.
func (m *mesh) CreateFilter(cb api.ConnectionCallback) api.DownstreamFilter {
	return &leaf{conn: &conn{mesh: m, callback: cb}}
}
