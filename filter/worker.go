package filter

import (
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
	} else {
		w.thread.Cork = new(cork.Cork)
	}
	w.thread.Room = fetch.NewRoom(f.config.Limits.MaxWorkerBytes / 2)
	log := f.options.Log.With("worker", index)
	upstreams := map[string]broker.Upstream{}
	for i, cluster := range f.config.Clusters {
		client, err := f.options.NewClient(UpstreamSettings(cluster))
		if err != nil { // New has made one like it
			log.Error("cannot reach cluster", "cluster", cluster.Name, "error", err)
			upstreams[cluster.Name] = broker.Upstream{Cluster: unreachable{}, Brokers: unreachable{}}
			continue
		}
		s := UpstreamSettings(cluster)
		s.Troubles = f.health[i]
		u := upstream.New(s, f.health[i].Client(client), w.thread, f.options.Stats.Cluster(cluster.Name), log)
		w.clusters = append(w.clusters, u)
		upstreams[cluster.Name] = broker.Upstream{Cluster: u, Brokers: brokers{u}, PartitionCount: cluster.PartitionCount, OffsetRetention: cluster.OffsetRetention}
	}
	w.broker = broker.New(broker.Served(f.door != nil), &f.shared.routes, upstreams, unmatched(f.config.UnmatchedTopic), f.counts)
	w.broker.KeepIn(w.thread.Room)
	w.broker.OnUneven(f.shared.uneven.tell)
	w.broker.Let(broker.Access(f.config.TopicAccess)) // in the same order
	w.broker.LetGroups(broker.Access(f.config.GroupAccess))
	w.broker.Authorize(f.shared.rules)
	w.sessions = f.sessions.NewWorker(w.broker, w.thread.Cork)
	return w
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
