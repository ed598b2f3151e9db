package chaos

import (
	"context"
	"errors"
	"slices"
	"time"
)

// fault is something that happens to a load, and is over when happen returns.
type fault struct {
	name   string
	happen func(context.Context, *trial) error
	path   bool // it is about what is before the clusters, so that one of a cluster may happen at the same time
	alone  bool // nothing else may happen to its load
}

// soon is how long a step of a fault waits at most for the load to get on: some faults let nothing through.
const soon = 15 * time.Second

// step is how many records that is.
const step = 500

// mixed is the name of the fault that is many.
const mixed = "mix"

func faults() []fault {
	return slices.Concat(brokerFaults(), topicFaults(), groupFaults(), networkFaults(), hostFaults(), clockFaults(), []fault{{name: mixed, happen: mix}})
}

// during has young producers begin, and the load get on by a step, between the begin of a fault and its end.
func during(ctx context.Context, t *trial, begin, end func() error) error {
	young := t.young(ctx)
	if err := begin(); err != nil {
		return errors.Join(err, young(), end())
	}
	err := young()
	if !t.acknowledged(ctx, step, soon, nil) {
		t.note("%d records were not acknowledged in %s", step, soon)
	}
	return errors.Join(err, end())
}

// mix has two faults at once happen to one load, one before the clusters and one of them, again and again.
func mix(ctx context.Context, t *trial) error {
	var paths, clusters []fault
	for _, f := range faults() {
		switch {
		case f.alone || f.name == mixed:
		case f.path:
			paths = append(paths, f)
		default:
			clusters = append(clusters, f)
		}
	}
	for end := time.Now().Add(t.length); time.Now().Before(end); {
		path, cluster := paths[t.intN(len(paths))], clusters[t.intN(len(clusters))]
		t.note("%s and %s", path.name, cluster.name)
		done := make(chan error, 1)
		go func() { done <- path.happen(ctx, t) }()
		err := errors.Join(cluster.happen(ctx, t), <-done)
		if err == nil {
			err = t.progress(ctx, 10)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
