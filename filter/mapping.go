package filter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/credential"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// mapping is which users of which clusters principals are. The zero value maps nothing.
type mapping struct {
	files []*credential.File // by the clusters' places in the configuration; nil: that one maps nothing
	// changes counts how often something in them has changed.
	changes atomic.Int64
}

// openMapping reads the files of credentials.
func (f *Filter) openMapping() error {
	panics := &guard.Panics{Caught: func(where string, reason any, _ []byte) { f.caught(reason, where) }}
	f.mapping.files = make([]*credential.File, len(f.config.Clusters))
	for i := range f.config.Clusters {
		c := &f.config.Clusters[i]
		if c.Identity != config.MappedIdentity {
			continue
		}
		file, err := credential.Open(c.CredentialsFile, c.Dial, panics, func(r follower.Report) { f.toldOfCredentials(c.Name, r) }, f.remap)
		if err != nil {
			return fmt.Errorf("upstream cluster %s: identity: %w", c.Name, err)
		}
		f.mapping.files[i] = file
	}
	return nil
}

// follow has files be read again when they change, or no longer: then what was read last stays.
func (m *mapping) follow(on bool) {
	for _, file := range m.files {
		switch {
		case file == nil:
		case on:
			file.Resume()
		default:
			file.Rest()
		}
	}
}

// close is follow(false) for good.
func (m *mapping) close() {
	for _, file := range m.files {
		if file != nil {
			file.Close()
		}
	}
}

// any reports whether anything is mapped.
func (m *mapping) any() bool {
	return slices.ContainsFunc(m.files, func(file *credential.File) bool { return file != nil })
}

// remap has all workers look at who their clients are to clusters.
func (f *Filter) remap() {
	f.mapping.changes.Add(1)
	f.mu.Lock()
	workers := slices.Collect(maps.Values(f.workers))
	f.mu.Unlock()
	for _, w := range workers {
		if w.personas != nil {
			w.personas.review()
		}
	}
}

// toldOfCredentials logs what became of a file of credentials.
func (f *Filter) toldOfCredentials(cluster string, r follower.Report) {
	log := f.options.Log.With("cluster", cluster)
	switch {
	case r.Err != nil:
		log.Error("the credentials of identities cannot be read; what was there before stays", "error", r.Err)
	case r.Warning != "":
		log.Warn("the credentials of identities are not as they should be", "error", r.Warning)
	default:
		log.Info("the credentials of identities were read", "count", r.Count)
	}
}

// renewable reaches a cluster by a client that can be replaced.
type renewable struct {
	first upstream.Client
	guard func(where string, call func())
	wake  chan struct{} // holds 1: it has been replaced

	mu  sync.Mutex
	now upstream.Client
}

var _ upstream.Client = (*renewable)(nil)

func newRenewable(c upstream.Client, guard func(where string, call func())) *renewable {
	return &renewable{first: c, now: c, guard: guard, wake: make(chan struct{}, 1)}
}

// Dial implements link.Dialer.
func (r *renewable) Dial(ctx context.Context, addr string) (link.Conn, error) {
	r.mu.Lock()
	now := r.now
	r.mu.Unlock()
	return now.Dial(ctx, addr)
}

// Watch implements upstream.Client. What else connections are made from is the same for each of the clients.
func (r *renewable) Watch(ctx context.Context, changed func()) {
	var first sync.WaitGroup
	first.Go(func() { r.guard("watch", func() { r.first.Watch(ctx, changed) }) })
	defer first.Wait()
	for {
		select {
		case <-r.wake:
			changed()
		case <-ctx.Done():
			return
		}
	}
}

// replace has connections be made by another client, and those that are there be replaced.
func (r *renewable) replace(c upstream.Client) {
	r.mu.Lock()
	r.now = c
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default: // it is about to
	}
}
