package chaos

import (
	"context"
	"errors"
	"fmt"
)

func topicFaults() []fault {
	return []fault{
		{name: "leader elected", happen: elect},
		{name: "leader reassigned", happen: reassign},
		{name: "partitions added", alone: true, happen: func(ctx context.Context, t *trial) error {
			for _, i := range []int{0, 2} {
				if err := t.admin["c1"].AddPartitions(ctx, t.topics[i].name, 2*partitions); err != nil {
					return err
				}
				for _, k := range kinds()[:2] {
					k.name, k.wide = "wide-"+k.name, true
					a := t.producer(k, t.topics[i])
					if err := errors.Join(t.start(ctx, a), t.clients[a.library].begin(a)); err != nil {
						return err
					}
				}
			}
			return nil
		}},
		{name: "topic made again", alone: true, happen: func(ctx context.Context, t *trial) error {
			young := t.young(ctx)
			for _, i := range []int{0, 2} {
				if err := t.admin["c1"].DeleteTopic(ctx, t.topics[i].name); err != nil {
					return err
				}
				t.topics[i].remade = true
			}
			t.note("deleted")
			t.sent(ctx, 500, soon)
			for _, i := range []int{0, 2} {
				if err := t.admin["c1"].CreateTopic(ctx, t.topics[i].name, partitions, nodes); err != nil {
					return err
				}
			}
			t.note("made again")
			return young()
		}},
	}
}

// elect moves the leaders of all partitions to the next of their replicas, again and again.
func elect(ctx context.Context, t *trial) error {
	return t.move(ctx, func(tp topic, partition int32, replicas []int32) error {
		next := append(replicas[1:len(replicas):len(replicas)], replicas[0])
		t.note("%s/%d led by %d", tp.name, partition, next[0])
		return errors.Join(t.admin["c1"].Reassign(ctx, tp.name, partition, next), t.admin["c1"].Elect(ctx, tp.name, partition))
	})
}

// reassign has partitions live on two brokers of three, which are others each time, and on all again in the end.
func reassign(ctx context.Context, t *trial) error {
	err := t.move(ctx, func(tp topic, partition int32, replicas []int32) error {
		first := replicas[0]%nodes + 1
		on := []int32{first, first%nodes + 1}
		t.note("%s/%d on %v", tp.name, partition, on)
		return t.admin["c1"].Reassign(ctx, tp.name, partition, on)
	})
	for _, i := range []int{0, 2} {
		for p := range int32(partitions) {
			err = errors.Join(err, t.admin["c1"].Reassign(ctx, t.topics[i].name, p, []int32{1, 2, 3}))
		}
	}
	return err
}

// move changes all partitions of the first cluster, again and again. Young producers begin in the middle.
func (t *trial) move(ctx context.Context, to func(tp topic, partition int32, replicas []int32) error) error {
	const moves = 3
	for range moves {
		begin := t.young(ctx)
		for _, tp := range []topic{t.topics[0], t.topics[2]} {
			has, err := t.admin["c1"].Partitions(ctx, tp.name)
			if err != nil {
				return err
			}
			for _, p := range has {
				if err := to(tp, p.Partition, p.Replicas); err != nil {
					return fmt.Errorf("%s/%d: %w", tp.name, p.Partition, err)
				}
			}
		}
		if err := begin(); err != nil {
			return err
		}
		t.acknowledged(ctx, 300, soon, nil)
	}
	return nil
}
