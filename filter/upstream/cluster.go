package upstream

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/produce"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Cluster is one worker's way into one cluster. Its methods may be called from any goroutine and, but for Close, never wait.
type Cluster struct {
	settings     Settings
	client       Client
	watcher      socket.Watcher
	room         *fetch.Room
	sessions     int
	fetched      *stats.Fetch
	log          *slog.Logger
	panics       guard.Panics
	topology     *topology.Map
	pool         *produce.Pool
	calls        calls
	coordinators coordinators
	looked       atomic.Pointer[time.Time] // when a failed call last had the cluster asked; nil: never
	renewals     atomic.Int64              // how often what links are made from has been replaced

	life context.Context //nolint:containedctx // of the watching and of what was opened; ended by Close
	end  context.CancelFunc
	work sync.WaitGroup // the watching and every link that was opened
}

// Thread is what serves a worker: a host's thread.
type Thread struct {
	// Cork, while it is held, has what the cluster is given wait.
	Cork *cork.Cork
	// Watcher has the connections to brokers. Nil: goroutines have.
	Watcher socket.Watcher
	// Room bounds the memory of what clients fetch. Nil: there is one of 128 MiB for the cluster alone.
	Room *fetch.Room
	// SessionPartitions is how many partitions a client reads of a broker at least for which there is a session. Zero: ten.
	SessionPartitions int
}

// defaultRoom is how many bytes the room of a cluster has that has none given.
const defaultRoom = 128 << 20

// New returns the way into a cluster through c. It connects when it is first needed.
func New(s Settings, c Client, t Thread, st *stats.Cluster, log *slog.Logger) *Cluster {
	u := &Cluster{settings: s.withDefaults(), client: c, watcher: t.Watcher, room: cmp.Or(t.Room, fetch.NewRoom(defaultRoom)), sessions: t.SessionPartitions, fetched: &st.Fetch, log: log.With("cluster", s.Name)}
	u.panics.Caught = func(where string, reason any, stack []byte) {
		st.Panics.Add(1)
		u.log.Error("panic recovered; please report it", "in", where, "panic", reason, "stack", string(stack))
	}
	u.topology = topology.New(u.settings.topology(u.panics, func() { st.MetadataRefreshes.Add(1) }), c)
	u.pool = produce.New(u.settings.produce(u.link()), c, u.topology, t.Cork, st, u.log)
	u.calls.answerTimeout = u.settings.AnswerTimeout
	u.life, u.end = context.WithCancel(context.Background()) //nolint:gosec // Close calls it
	u.work.Go(func() { u.panics.Guard("watch", u.watch) })
	return u
}

// Produce hands batches to the leaders of their partitions with the client's acks (-1 or 1) and its timeout. done is
// called once, when every batch has its Result, from any goroutine and possibly before Produce returns; it gets the
// longest throttle time that a broker asked for. Until then the batches are kept and their Records read.
//
// fences are those of the client's connection to this cluster. Only the cluster uses them, and it keeps them while it has a batch
// that came with them.
func (u *Cluster) Produce(fences *order.Fences, batches []*wire.Batch, acks int16, timeoutMillis int32, done func(throttleMillis int32)) {
	u.pool.Produce(fences, batches, acks, timeoutMillis, done)
}

// Fences returns those of a new connection of a client.
func (u *Cluster) Fences() *order.Fences { return u.pool.Fences() }

// Forget says that the connection of the fences is gone.
func (u *Cluster) Forget(fences *order.Fences) { u.pool.Forget(fences) }

// Topics reports what the cluster says of the named topics, in the order named; nil asks for all topics. With create,
// the cluster may create those that are missing. done is called once, from any goroutine and possibly before Topics
// returns; it must not change what it gets.
func (u *Cluster) Topics(names []string, create bool, done func([]wire.Topic)) {
	u.topology.Topics(names, create && !u.settings.NoAutoCreate, done)
}

// Lane is what there is to one broker. Several may be to the same.
type Lane = produce.LaneSnapshot

// Snapshot returns what lanes and topics there are now, for those who look at a mesh.
func (u *Cluster) Snapshot() produce.Snapshot { return u.pool.Snapshot() }

// Name is the cluster's name in the configuration.
func (u *Cluster) Name() string { return u.settings.Name }

// Close takes no more batches, waits until those it has are answered or ctx ends, and stops. Batches that are still
// open then are answered as failed.
func (u *Cluster) Close(ctx context.Context) {
	u.topology.Drain()
	u.pool.Drain(ctx)
	u.calls.close(u.end)
	u.pool.Shut()
	u.topology.Close()
	u.pool.Wait()
	u.work.Wait()
}

// link is what connections are told to be that the worker's thread may have.
func (u *Cluster) link() link.Settings {
	s := u.settings.link(u.panics)
	s.Watcher = u.watcher
	return s
}

// watch has every connection replaced when what it is made from has been. After a panic it goes on.
func (u *Cluster) watch() {
	watch := func() error {
		u.client.Watch(u.life, u.renew)
		return nil
	}
	for again := true; again; {
		again = u.panics.Attempt("watch", watch) != nil && u.pause()
	}
}

// pause waits a while and reports whether the cluster is still used.
func (u *Cluster) pause() bool {
	timer := time.NewTimer(u.settings.ReconnectBackoffMax)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-u.life.Done():
		return false
	}
}

// renew has every connection replaced by one made from what is there now.
func (u *Cluster) renew() {
	u.log.Debug("certificates or passwords have been replaced; connecting anew")
	u.topology.Renew()
	u.pool.Renew()
	u.renewals.Add(1)
}
