package filter

import (
	"log/slog"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// worker is what serves the sessions of one of the host's threads.
type worker struct {
	thread   upstream.Thread
	clusters []*upstream.Cluster
	broker   *broker.Broker
	personas *personas // nil: clusters see all clients as the same
	sessions *session.Worker
}

// worker returns one of the workers, made when it is first needed. The mutex is held.
func (f *Filter) worker(index int) *worker {
	w := f.workers[index]
	if w == nil {
		w = f.newWorker(index)
		f.workers[index] = w
	}
	return w
}

func (f *Filter) newWorker(index int) *worker {
	w := &worker{}
	if f.options.Thread != nil {
		w.thread = f.options.Thread(index)
	}
	if w.thread.Cork == nil {
		w.thread.Cork = new(cork.Cork)
	}
	w.thread.Room = fetch.NewRoom(f.config.Limits.MaxWorkerBytes / 2)
	log := f.options.Log.With("worker", index)
	upstreams := map[string]broker.Upstream{}
	for i := range f.config.Clusters {
		cluster := &f.config.Clusters[i]
		if cluster.Identity != config.MeshIdentity { // its clients are served by the facades of their personas
			upstreams[cluster.Name] = f.refuse(cluster, errNoPersona)
			continue
		}
		upstreams[cluster.Name] = w.reach(f, i, log)
	}
	w.broker = broker.New(broker.Served(f.door != nil), &f.shared.routes, upstreams, unmatched(f.config.UnmatchedTopic), f.counts)
	w.broker.KeepIn(w.thread.Room)
	w.broker.OnUneven(f.shared.uneven.tell)
	w.broker.OnRefusedCommit(f.shared.refused.take)
	w.broker.Let(broker.Access(f.config.TopicAccess)) // in the same order
	w.broker.LetGroups(broker.Access(f.config.GroupAccess))
	w.broker.Authorize(f.shared.rules)
	w.personas = f.newPersonas(w, upstreams, log)
	if w.personas != nil {
		w.broker.Part(w.personas)
	}
	w.sessions = f.sessions.NewWorker(w.broker, w.thread.Cork)
	return w
}

// reach makes the worker's own way into a cluster.
func (w *worker) reach(f *Filter, index int, log *slog.Logger) broker.Upstream {
	cluster, known := &f.config.Clusters[index], f.health[index]
	s := UpstreamSettings(*cluster)
	client, err := f.options.NewClient(s)
	if err != nil { // New has made one like it
		log.Error("cannot reach cluster", "cluster", cluster.Name, "error", err)
		return f.unreachable(cluster)
	}
	s.Troubles = known
	u := upstream.New(s, known.Client(client), w.thread, f.options.Stats.Cluster(cluster.Name), log)
	w.clusters = append(w.clusters, u)
	return upstreamOf(cluster, u, brokers{u})
}

// upstreamOf is a cluster as the facade has it.
func upstreamOf(c *config.Cluster, of broker.Cluster, at broker.Brokers) broker.Upstream {
	return broker.Upstream{Cluster: of, Brokers: at, PartitionCount: c.PartitionCount, OffsetRetention: c.OffsetRetention}
}

// unreachable stands for a cluster that there is no way to.
func (*Filter) unreachable(c *config.Cluster) broker.Upstream {
	return upstreamOf(c, unreachable{}, unreachable{})
}

// refuse stands for a cluster that refuses a client everything.
func (f *Filter) refuse(c *config.Cluster, why string) broker.Upstream {
	r := &refused{why: why, refusal: f.options.Stats.Cluster(c.Name).IdentityRefusals}
	return upstreamOf(c, r, r)
}

// all are the worker's ways into clusters.
func (w *worker) all() []*upstream.Cluster {
	if w.personas == nil {
		return w.clusters
	}
	return append(w.personas.clusters(), w.clusters...)
}

func unmatched(u config.UnmatchedTopic) wire.ErrorCode {
	switch u {
	case config.UnknownTopic:
		return wire.UnknownTopicOrPartition
	case config.InvalidTopic:
		return wire.InvalidTopicException
	default:
		return wire.TopicAuthorizationFailed
	}
}

// brokers is a cluster as the facade has it.
type brokers struct{ *upstream.Cluster }

var _ broker.Brokers = brokers{}

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (b brokers) Own(clientID string) broker.Own { return connections{b.Cluster.Own(clientID)} }

// connections are a client's own, as the facade has them.
type connections struct{ *upstream.Own }

var _ broker.Own = connections{}

// Fetch implements broker.Own.
//
//nolint:ireturn // as the facade has it
func (c connections) Fetch(version int16, r *wire.FetchRequest, news func()) broker.Fetching {
	return c.Own.Fetch(version, r, news)
}
