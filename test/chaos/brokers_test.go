package chaos

import (
	"context"
	"errors"
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

func brokerFaults() []fault {
	return []fault{
		{name: "nothing", happen: func(ctx context.Context, t *trial) error {
			nothing := func() error { return nil }
			return during(ctx, t, nothing, nothing)
		}},
		{name: "broker stopped", happen: func(ctx context.Context, t *trial) error {
			return t.without(ctx, t.intN(nodes), (*stack.KafkaCluster).Stop)
		}},
		{name: "broker killed", happen: func(ctx context.Context, t *trial) error {
			return t.without(ctx, t.intN(nodes), (*stack.KafkaCluster).Kill)
		}},
		{name: "broker paused", happen: func(ctx context.Context, t *trial) error {
			k := t.first.Nodes[t.intN(nodes)]
			t.note("%s paused", k.Addr())
			return errors.Join(during(ctx, t, k.Pause, k.Resume), t.whole(ctx))
		}},
		{name: "controller lost", happen: func(ctx context.Context, t *trial) error {
			node, err := t.admin["c1"].Controller(ctx)
			if err != nil {
				return err
			}
			return t.without(ctx, int(node-1), (*stack.KafkaCluster).Kill)
		}},
		{name: "rolling restart", happen: func(ctx context.Context, t *trial) error {
			for i := range nodes {
				if err := t.without(ctx, i, (*stack.KafkaCluster).Stop); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: "replicas missing", happen: missing},
		{name: "cluster gone", happen: gone, alone: true},
	}
}

// without has a broker of the first cluster be ended for a while.
func (t *trial) without(ctx context.Context, i int, end func(*stack.KafkaCluster)) error {
	k := t.first.Nodes[i]
	return errors.Join(during(ctx, t, func() error {
		t.note("broker %d ends", i+1)
		end(k)
		return nil
	}, func() error {
		t.note("broker %d starts", i+1)
		return k.Start(ctx)
	}), t.whole(ctx))
}

// whole waits until all topics have all their replicas.
func (t *trial) whole(ctx context.Context) error {
	for _, tp := range t.topics {
		if err := t.admin[tp.cluster].InSync(ctx, tp.name); err != nil {
			return err
		}
	}
	return nil
}

// missing has fewer replicas be there than topics want.
func missing(ctx context.Context, t *trial) error {
	set := func(least string) error {
		return errors.Join(t.admin["c1"].SetTopic(ctx, t.topics[0].name, "min.insync.replicas", least),
			t.admin["c1"].SetTopic(ctx, t.topics[2].name, "min.insync.replicas", least))
	}
	if err := set("3"); err != nil {
		return err
	}
	return errors.Join(t.without(ctx, t.intN(nodes), (*stack.KafkaCluster).Stop), set("2"))
}

// gone has the second cluster be away, and sees that the first goes on.
func gone(ctx context.Context, t *trial) error {
	there := func(a *account) bool { return a.cluster == "c1" && !a.direct }
	count := func() (n int) {
		for _, a := range t.all() {
			if there(a) {
				_, acked, _ := a.counts()
				n += acked
			}
		}
		return n
	}
	k := t.second.Nodes[0]
	for _, way := range []struct {
		name       string
		begin, end func() error
	}{
		{"hangs", k.Pause, k.Resume},
		{"resets", func() error { t.outside["c2"][0].leave(true); return nil }, func() error { t.outside["c2"][0].leave(false); return nil }},
	} {
		from := count()
		if err := way.begin(); err != nil {
			return err
		}
		t.note("the second cluster %s", way.name)
		ok := t.acknowledged(ctx, 1000, patience, there)
		t.note("acknowledged by the first in the meantime: %d", count()-from)
		if err := way.end(); err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("the first cluster's producers stand still while the second %s", way.name)
		}
		if err := t.progress(ctx, 10); err != nil {
			return err
		}
	}
	return nil
}
