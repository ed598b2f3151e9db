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
		upstreams[cluster.Name] = w.reach(f, i, UpstreamSettings(*cluster), log)
	}
	w.broker = broker.New(broker.Served(f.door != nil), &f.shared.routes, upstreams, unmatched(f.config.UnmatchedTopic), f.counts)
	w.broker.KeepIn(w.thread.Room)
	w.broker.OnUneven(f.shared.uneven.tell)
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
func (w *worker) reach(f *Filter, index int, s upstream.Settings, log *slog.Logger) broker.Upstream {
	up, u := f.wayTo(index, s, w.thread, log)
	if u != nil {
		w.clusters = append(w.clusters, u)
	}
	return up
}

// wayTo makes a way into a cluster for who the settings say; nil, with what stands for it: there is none.
func (f *Filter) wayTo(index int, s upstream.Settings, t upstream.Thread, log *slog.Logger) (broker.Upstream, *upstream.Cluster) {
	cluster, known := &f.config.Clusters[index], f.health[index]
	up := broker.Upstream{Cluster: unreachable{}, Brokers: unreachable{}, PartitionCount: cluster.PartitionCount, OffsetRetention: cluster.OffsetRetention}
	client, err := f.options.NewClient(s)
	if err != nil { // New has made one like it
		log.Error("cannot reach cluster", "cluster", cluster.Name, "error", err)
		return up, nil
	}
	s.Troubles = known
	u := upstream.New(s, known.Client(client), t, f.options.Stats.Cluster(cluster.Name), log)
	up.Cluster, up.Brokers = u, brokers{u}
	return up, u
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
