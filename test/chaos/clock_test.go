package chaos

import (
	"context"
	"errors"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/clock"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const hour = 3600 // seconds

// clockFaults step the time of day of running programs, as NTP or the move of a virtual machine does.
func clockFaults() []fault {
	return []fault{
		{name: "clock stepped", path: true, happen: func(ctx context.Context, t *trial) error {
			mesh := []*stack.Process{t.hosts.envoy.Process, t.hosts.plain.Process}
			young := t.young(ctx)
			if err := t.stepClocks(ctx, time.Hour, mesh...); err != nil {
				return errors.Join(err, young())
			}
			err := t.hosts.envoy.WaitStats(ctx, "server.uptime", hour) // by its time of day
			return errors.Join(err, young(), t.stepClocks(ctx, -time.Hour, mesh...), t.stepClocks(ctx, 0, mesh...))
		}},
		{name: "broker clocks stepped", alone: true, happen: func(ctx context.Context, t *trial) error {
			for i, k := range t.first.Nodes {
				young := t.young(ctx)
				t.note("broker %d", i+1)
				err := t.stepClocks(ctx, time.Hour, k.Process)
				err = errors.Join(err, young(), t.stepClocks(ctx, 0, k.Process))
				if err != nil {
					return err
				}
				// What a broker meant to do at a time of day that is an hour off again, it does in an hour, unless it begins anew.
				if err := t.without(ctx, i, (*stack.KafkaCluster).Stop); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

// stepClocks has programs see the time of day d from the machine's, and the load get on.
func (t *trial) stepClocks(ctx context.Context, d time.Duration, programs ...*stack.Process) error {
	for _, p := range programs {
		if err := clock.Step(p.Pid(), d); err != nil {
			return err
		}
	}
	t.note("time of day %s from the machine's", d)
	if !t.acknowledged(ctx, 2*step, soon, nil) {
		t.note("%d records were not acknowledged in %s", 2*step, soon)
	}
	return nil
}
