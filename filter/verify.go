package filter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// verifyTimeout bounds the try to reach a cluster.
const verifyTimeout = 10 * time.Second

// verify connects to every cluster and logs in. The error has a line for each that fails, with the place in the configuration.
func (f *Filter) verify() error {
	errs := make([]error, len(f.config.Clusters))
	var all sync.WaitGroup
	for i, cluster := range f.config.Clusters {
		all.Go(func() {
			defer f.recover("verify")
			errs[i] = errInternal // unless there is no panic
			if err := f.reach(i); err != nil {
				errs[i] = fmt.Errorf("upstream_clusters[%d]: cannot reach %q: %s; mend it, or remove verify_upstreams",
					i, cluster.Name, health.Words(err, cluster.Dial.Explain))
			} else {
				errs[i] = nil
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// reach connects to one broker of the cluster with a number, and logs in.
func (f *Filter) reach(i int) error {
	cluster := f.config.Clusters[i]
	client, err := f.options.NewClient(UpstreamSettings(cluster))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), verifyTimeout)
	defer cancel()
	return f.reachAny(ctx, f.health[i].Client(client), cluster.BootstrapServers)
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
	defer f.recover("verify")
	err := errInternal
	defer func() { result <- err }()
	var conn link.Conn
	if conn, err = client.Dial(ctx, server); err == nil {
		err = errInternal // unless there is no panic
		conn.Close()
		err = nil
	}
}
