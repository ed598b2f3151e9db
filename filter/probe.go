package filter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

const (
	// probeTimeout bounds one try to reach a cluster.
	probeTimeout = 10 * time.Second
	// Clusters that cannot be reached are tried again after a pause that doubles, until probeEnd.
	minProbePause = time.Second
	maxProbePause = 30 * time.Second
	probeEnd      = 10 * time.Minute
)

// verify connects to every cluster and logs in. The error has a line for each that fails, with the place in the configuration.
func (f *Filter) verify() error {
	errs := make([]error, len(f.config.Clusters))
	var all sync.WaitGroup
	for i, cluster := range f.config.Clusters {
		all.Go(func() {
			defer f.recover("verify")
			errs[i] = errInternal // unless there is no panic
			if errs[i] = f.reach(context.Background(), cluster); errs[i] != nil {
				errs[i] = fmt.Errorf("upstream_clusters[%d]: cannot reach %q: %w; mend it, or remove verify_upstreams", i, cluster.Name, errs[i])
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Probe tries every cluster in the background, so that what is wrong is in the log before the first client comes. Call it once, before
// Close.
func (f *Filter) Probe() {
	for _, cluster := range f.config.Clusters {
		f.probes.Go(func() {
			defer f.recover("probe")
			f.probeUntilReached(cluster)
		})
	}
}

func (f *Filter) probeUntilReached(cluster config.Cluster) {
	ctx, cancel := context.WithTimeout(f.life, probeEnd)
	defer cancel()
	log := f.options.Log.With("cluster", cluster.Name)
	said := ""
	for pause := minProbePause; ; pause = min(2*pause, maxProbePause) {
		err := f.reach(ctx, cluster)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if said != "" {
				log.Info("the cluster can be reached now")
			}
			return
		case err.Error() != said:
			said = err.Error()
			log.Warn("cannot reach the cluster; trying on", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// reach connects to one broker of a cluster and logs in.
func (f *Filter) reach(ctx context.Context, cluster config.Cluster) error {
	client, err := f.options.NewClient(UpstreamSettings(cluster))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return f.reachAny(ctx, client, cluster.BootstrapServers)
}

// reachAny tries all servers at once: one that does not answer must not hide that another does.
func (f *Filter) reachAny(ctx context.Context, client upstream.Client, servers []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(servers))
	for _, server := range servers {
		go f.dialOnce(ctx, client, server, results)
	}
	var failures []error
	for range servers {
		err := <-results
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// errInternal stands for a panic.
var errInternal = errors.New("internal error; please report it")

// dialOnce connects, hangs up, and says what came of it.
func (f *Filter) dialOnce(ctx context.Context, client upstream.Client, server string, result chan<- error) {
	defer f.recover("probe")
	err := errInternal
	defer func() { result <- err }()
	var conn link.Conn
	if conn, err = client.Dial(ctx, server); err == nil {
		err = errInternal // unless there is no panic
		conn.Close()
		err = nil
	}
}
