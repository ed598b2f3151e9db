package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

func consumeFranz(ctx context.Context, bootstrap string, j *job) error {
	opts := []kgo.Opt{kgo.SeedBrokers(bootstrap)}
	if j.group == "" {
		all := map[string]map[int32]kgo.Offset{}
		for _, topic := range j.names {
			all[topic] = map[int32]kgo.Offset{}
			for p := range int32(partitions) {
				all[topic][p] = kgo.NewOffset().At(0)
			}
		}
		opts = append(opts, kgo.ConsumePartitions(all))
	} else {
		reset := kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())
		opts = append(opts, kgo.ConsumerGroup(j.group), kgo.ConsumeTopics(j.names...), reset)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	for more := true; more; {
		found := client.PollFetches(ctx)
		if err := found.Err(); err != nil {
			return err
		}
		found.EachRecord(func(r *kgo.Record) { more = j.record(r.Topic, r.Partition, r.Offset, r.Key, r.Value) })
	}
	if j.group == "" {
		return nil
	}
	return client.CommitUncommittedOffsets(ctx)
}
