package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

const (
	// workers are those of the filter; a client that moves to the other is one that moves to another Envoy.
	workers = 2
	// slowAsking is how long metadata takes on average in some of the runs: longer than clients wait before they send again.
	slowAsking = 400 * time.Millisecond
	// grace is how long after the last fault everything has to be answered, and slowReading everything to be read: some clients take one
	// batch at a time, over a long way.
	grace, slowReading = 100 * time.Second, 400 * time.Second
)

// Result is what came of one run.
type Result struct {
	Seed     uint64
	Config   string
	Schedule fmt.Stringer
	// Strict is what was found of writers that number their batches, Loose of the others.
	Strict, Loose ledger.Report
	Batches       int
	// Read is how many batches readers were given.
	Read int
	// Trace is what happened, if that was asked for.
	Trace []string
	// Gaps is how often a broker saw a gap in the numbers of a writer.
	Gaps int
}

// Wrong is what may not be, with this seed or any.
func (r *Result) Wrong() ledger.Report {
	return append(slices.Clip(r.Strict), r.Loose.Only(
		ledger.Lost, ledger.Changed, ledger.WrongPlace, ledger.WrongOffset, ledger.Unanswered, ledger.Declined)...)
}

// Configs are the configurations that a run takes one of.
type Configs []setting

type setting struct {
	text   string
	config *config.Config
}

// NewConfigs returns configurations that differ in what has to do with order.
func NewConfigs() (Configs, error) {
	var configs Configs
	for _, more := range []string{
		"", "connections_per_broker: 2", "producer_config: {linger.ms: \"5\"}",
		"producer_config: {max.in.flight: \"1\"}", "producer_config: {topic.metadata.refresh.interval.ms: \"50\"}",
		"producer_config: {max.in.flight: \"2\", topic.metadata.refresh.interval.ms: \"200\"}", "producer_config: {socket.timeout.ms: \"2000\"}",
	} {
		text := "advertised_host: mesh\nadvertised_port: 9092\n" +
			"upstream_clusters:\n- {cluster_name: c1, bootstrap_servers: \"b:1\", " + more + "}\n" +
			"- {cluster_name: c2, bootstrap_servers: \"b:1\", " + more + "}\n" +
			"forwarding_rules:\n- {target_cluster: c1, topic_prefix: apples}\n- {target_cluster: c2, topic_prefix: bananas}\n"
		c, err := config.Parse([]byte(text))
		if err != nil {
			return nil, err
		}
		configs = append(configs, setting{more, c})
	}
	return configs, nil
}

// world is one run.
type world struct {
	line     *timeline
	rnd      *rand.Rand
	clusters map[string]*upstreamtest.Cluster
	leaders  map[string][]int32 // by cluster, of its topic's partitions
	missing  map[string]bool    // clusters whose topic is deleted
	old      []ledger.Log       // of topics that were deleted
	reach    reach
	mesh     *mesh // the same, unless clients connect to brokers
	filter   *filter.Filter
	loops    []*loop.Loop // have the connections to brokers, of every other seed: a worker each
	stats    *stats.Set
	clients  []*client
	readers  []*reader
	stored   []ledger.Log            // as it was in the end, for readers
	known    map[uint64]ledger.Found // by sum of the batch
	distance time.Duration           // to the brokers, there and back
	asking   time.Duration           // how long metadata usually takes
	hot      spot
	crowded  bool // most clients write to the hot spot
	schedule schedule
	stop     context.CancelFunc
}

// Way is how clients get to the clusters.
type Way struct {
	// Direct has them connect to the brokers themselves.
	Direct bool
	// Traced has what happens to them noted.
	Traced bool
	// Read has clients read what others write. They go through the mesh.
	Read bool
}

// Run plays the run of a seed. It has to be called in a synctest bubble.
func (cs Configs) Run(seed uint64, way Way) Result {
	w := newWorld(seed, way)
	s := cs[w.rnd.IntN(len(cs))]
	w.open(s.config, way.Direct, seed%2 == 0)
	var trace []string
	if way.Traced {
		w.line.told = &trace
	}
	w.hot = drawSpot(w.rnd)
	clients := 2 + w.rnd.IntN(6)
	w.crowded = w.rnd.IntN(2) == 0
	w.schedule = draw(rand.New(rand.NewPCG(seed, 2)), w.hot, w.leaders[w.hot.cluster][w.hot.partition], clients)
	w.populate(clients)
	if way.Read {
		w.gather(rand.New(rand.NewPCG(seed, 4)))
	}
	for _, f := range w.schedule {
		w.line.after(f.at, func() {
			w.line.note("%s", f)
			w.strike(f)
		})
	}
	end := w.schedule.end() + time.Millisecond
	healed := false
	w.line.after(end, func() {
		w.heal()
		healed = true
	})
	patience := grace
	if way.Read {
		patience = slowReading
	}
	w.line.run(end+patience, func() bool { return healed && w.done() })
	if way.Read {
		w.look()
	}
	r := Result{Seed: seed, Config: s.text, Schedule: w.schedule}
	w.close()
	w.judge(&r)
	r.Trace = trace
	return r
}

func newWorld(seed uint64, way Way) *world {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := &world{
		line: newTimeline(), rnd: rnd, clusters: map[string]*upstreamtest.Cluster{}, leaders: map[string][]int32{},
		missing: map[string]bool{}, known: map[uint64]ledger.Found{},
		distance: exponential(rnd, pick(rnd, time.Millisecond/4, 2*time.Millisecond, 15*time.Millisecond, 60*time.Millisecond)),
	}
	w.asking = pick(rnd, w.distance, w.distance, min(exponential(rnd, slowAsking), time.Second))
	for _, name := range []string{"c1", "c2"} {
		c := upstreamtest.New(brokers)
		c.Persist()
		if way.Direct {
			c.PersistAlways() // what the clients themselves have on their way nobody holds
		}
		w.clusters[name] = c
		if way.Read {
			c.Read(fetchVersions)
		}
		for range partitions {
			w.leaders[name] = append(w.leaders[name], int32(1+rnd.IntN(brokers)))
		}
		w.missing[name] = true
		w.restore(name)
		for id := range int32(brokers) {
			w.calm(name, id+1)
		}
		c.DelayDials(w.distance)
		c.DelayMetadata(w.asking)
	}
	return w
}

// calm has a broker be as fast as it usually is.
func (w *world) calm(cluster string, id int32) {
	w.clusters[cluster].Delay(id, w.distance/2, w.distance/2)
}

// remove deletes a cluster's topic.
func (w *world) remove(cluster string) {
	if w.missing[cluster] {
		return
	}
	w.missing[cluster] = true
	for p, entries := range w.clusters[cluster].DeleteTopic(topics()[cluster]) {
		w.old = append(w.old, w.log(ledger.Place{Cluster: cluster, Topic: topics()[cluster], Partition: int32(p)}, entries))
	}
}

// restore makes a cluster's topic again.
func (w *world) restore(cluster string) {
	if w.missing[cluster] {
		w.missing[cluster] = false
		w.clusters[cluster].CreateTopic(topics()[cluster], w.leaders[cluster]...)
	}
}

// open opens the way to the clusters. With loops the connections to brokers are the workers', else goroutines have them.
func (w *world) open(c *config.Config, brokersThemselves, loops bool) {
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	w.stats = new(stats.Set)
	if brokersThemselves {
		w.reach = &direct{line: w.line, clusters: w.clusters, ctx: ctx}
		return
	}
	w.stats = stats.New(filter.Metrics(c))
	if loops {
		for range workers {
			w.loops = append(w.loops, loop.New(func(reason any, _ []byte) { panic(reason) }))
		}
	}
	w.filter = newFilter(c, w.clusters, w.stats, w.loops)
	w.mesh = &mesh{line: w.line, filter: w.filter, rnd: w.rnd, workers: map[endpoint]int{}}
	w.reach = w.mesh
}

// newFilter makes a filter before the clusters; the loops, if there are any, have its connections to them.
func newFilter(c *config.Config, clusters map[string]*upstreamtest.Cluster, set *stats.Set, loops []*loop.Loop) *filter.Filter {
	o := filter.Options{
		NewClient: func(s upstream.Settings) (upstream.Client, error) { return clusters[s.Name], nil },
		Stats:     set,
		Log:       slog.New(slog.DiscardHandler),
	}
	o.Thread = func(i int) upstream.Thread {
		t := upstream.Thread{SessionPartitions: 1}
		if len(loops) > 0 {
			t.Cork, t.Watcher = loops[i].Cork(), loops[i]
		}
		return t
	}
	f, err := filter.New(c, o)
	if err != nil {
		panic(err) // the same configurations for every run
	}
	return f
}
