package chaos

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
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
				if err := t.seen(ctx, t.topics[i], 2*partitions); err != nil {
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
				if err := t.admin["c1"].CreateTopics(ctx, stack.TopicOptions{Partitions: partitions, Replicas: nodes}, t.topics[i].name); err != nil {
					return err
				}
			}
			t.note("made again")
			return young()
		}},
	}
}

// elect moves the leaders of all partitions to the next of their replicas, all at once, again and again. Young producers begin at
// that moment: they have seen the old leaders.
func elect(ctx context.Context, t *trial) error {
	const moves = 5
	for range moves {
		names := []string{t.topics[0].name, t.topics[2].name}
		if err := t.prefer(ctx, names...); err != nil {
			return err
		}
		young := t.young(ctx)
		if err := t.admin["c1"].Elect(ctx, []int32{0, 1, 2}, names...); err != nil {
			return err
		}
		t.note("elected")
		if err := young(); err != nil {
			return err
		}
		t.acknowledged(ctx, 300, soon, nil)
	}
	return nil
}

// prefer has the second replica of each partition be the one that should lead it.
func (t *trial) prefer(ctx context.Context, topics ...string) error {
	for _, name := range topics {
		has, err := t.admin["c1"].Partitions(ctx, name)
		if err != nil {
			return err
		}
		for _, p := range has {
			next := append(p.Replicas[1:len(p.Replicas):len(p.Replicas)], p.Replicas[0])
			if err := t.admin["c1"].Reassign(ctx, name, p.Partition, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// reassign has partitions live on two brokers of three, which are others each time, and on all again in the end. Young producers
// begin in the middle.
func reassign(ctx context.Context, t *trial) error {
	const moves = 3
	to := func(next func(replicas []int32) []int32) error {
		for _, i := range []int{0, 2} {
			has, err := t.admin["c1"].Partitions(ctx, t.topics[i].name)
			if err != nil {
				return err
			}
			for _, p := range has {
				on := next(p.Replicas)
				t.note("%s/%d on %v", t.topics[i].name, p.Partition, on)
				if err := t.admin["c1"].Reassign(ctx, t.topics[i].name, p.Partition, on); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for range moves {
		young := t.young(ctx)
		begun := make(chan error, 1)
		go func() {
			t.sent(ctx, 100, soon)
			begun <- young()
		}()
		err := to(func(replicas []int32) []int32 {
			first := replicas[0]%nodes + 1
			return []int32{first, first%nodes + 1}
		})
		if err := errors.Join(err, <-begun); err != nil {
			return err
		}
		t.acknowledged(ctx, 300, soon, nil)
	}
	return to(func([]int32) []int32 { return []int32{1, 2, 3} })
}

// seen waits until clients of a topic are told of all its partitions.
func (t *trial) seen(ctx context.Context, tp topic, partitions int) error {
	addr := t.front.addr()
	if tp.name[0] == 'd' {
		addr = t.bootstrap(tp.cluster)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(splitAddrs(addr)...))
	if err != nil {
		return err
	}
	defer client.Close()
	return stack.Await(ctx, "clients to see the partitions of "+tp.name, func() error {
		has, err := stack.Admin{Client: client}.Partitions(ctx, tp.name)
		if err == nil && len(has) < partitions {
			err = fmt.Errorf("%d of %d", len(has), partitions)
		}
		return err
	})
}
