package load

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// runMembers has consumers join groups, each its own, and wait for what nobody sends. It begins to measure when all have partitions.
func runMembers(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	var work, joined sync.WaitGroup
	defer work.Wait()
	defer cancel()
	for i := range j.Clients {
		for addr, topics := range j.destinations() {
			joined.Add(1)
			client, err := newMember(fmt.Sprintf("bench-%d-%d", os.Getpid(), i), addr, topics, dial, sync.OnceFunc(joined.Done))
			if err != nil {
				return Result{}, err
			}
			work.Go(func() {
				defer client.CloseAllowingRebalance()
				for ctx.Err() == nil {
					client.PollFetches(ctx)
				}
			})
		}
	}
	all := make(chan struct{})
	go func() {
		joined.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	elapsed, err := j.phases(ctx, nil, func(bool) { mark() })
	return Result{Seconds: elapsed.Seconds()}, err
}

// newMember joins a group that reads topics at an address, and calls joined when it has partitions.
func newMember(group, addr string, topics []string, dial DialFunc, joined func()) (*kgo.Client, error) {
	return kgo.NewClient(
		kgo.SeedBrokers(addr),
		kgo.Dialer(func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, addr) }),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { joined() }),
	)
}
