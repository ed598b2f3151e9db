package filter

import (
	"context"
	"log/slog"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// newHealth returns what is known of each cluster of a configuration: nothing.
func (f *Filter) newHealth(c *config.Config) []*health.Cluster {
	panics := guard.Panics{Caught: func(where string, reason any, stack []byte) {
		f.options.Stats.PanicsRecovered.Add(1)
		f.options.Log.LogAttrs(context.Background(), slog.LevelError, "panic recovered; please report it",
			slog.String("in", where), slog.Any("panic", reason), slog.String("stack", string(stack)))
	}}
	all := make([]*health.Cluster, 0, len(c.Clusters))
	for _, cluster := range c.Clusters {
		all = append(all, health.New(UpstreamSettings(cluster), f.options.Stats.Cluster(cluster.Name), f.options.Log, panics))
	}
	return all
}

// Health is what is known of the reachability of each cluster, in the order of the configuration.
func (f *Filter) Health() []health.Snapshot {
	all := make([]health.Snapshot, 0, len(f.health))
	for _, c := range f.health {
		all = append(all, c.Snapshot())
	}
	return all
}

// Monitor has every cluster watched from now on, with clients or without. Call it once, before Close.
func (f *Filter) Monitor() {
	f.mu.Lock()
	f.monitored, f.begun = true, true
	if f.open == 0 {
		f.restLater()
	}
	f.mu.Unlock()
	f.watchOrRest()
}

// watchOrRest has the clusters watched, or not, as is wanted by now. It may wait for the end of a watching.
func (f *Filter) watchOrRest() {
	f.watching.Lock()
	defer f.watching.Unlock()
	f.mu.Lock()
	watch, resting := f.monitored && !f.resting, f.resting
	f.mu.Unlock()
	if f.options.Rested != nil {
		f.options.Rested(resting)
	}
	f.door.follow(!resting)
	f.mapping.follow(!resting)
	if watch {
		f.watch()
		return
	}
	var all sync.WaitGroup
	for _, c := range f.health {
		all.Go(func() { f.guard("rest", c.Rest) })
	}
	all.Wait()
}

func (f *Filter) watch() {
	for i, c := range f.health {
		client, err := f.options.NewClient(UpstreamSettings(f.config.Clusters[i]))
		if err != nil { // New has made one like it
			f.options.Log.Error("cannot watch cluster", "cluster", f.config.Clusters[i].Name, "error", err)
			continue
		}
		c.Watch(client)
	}
}

// forget ends the watching for ever.
func (f *Filter) forget() {
	f.watching.Lock()
	defer f.watching.Unlock()
	var closing sync.WaitGroup
	for _, c := range f.health {
		closing.Go(func() { f.guard("close", c.Close) })
	}
	closing.Wait()
}
