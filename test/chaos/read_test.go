package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// readLogs reads all that a topic holds, straight from the brokers.
func readLogs(ctx context.Context, b *stack.KafkaBrokers, cluster, topic string) ([]ledger.Log, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ends, err := endsOf(ctx, b, topic)
	if err != nil {
		return nil, err
	}
	from := map[int32]kgo.Offset{}
	logs := make([]ledger.Log, len(ends))
	left := 0
	for p, end := range ends {
		logs[p].Place = ledger.Place{Cluster: cluster, Topic: topic, Partition: int32(p)}
		if end > 0 {
			from[int32(p)] = kgo.NewOffset().AtStart()
			left++
		}
	}
	if left == 0 {
		return logs, nil
	}
	client, err := b.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			logs[r.Partition].Records = append(logs[r.Partition].Records, found(r))
			if r.Offset == ends[r.Partition]-1 {
				left--
			}
		})
	}
	return logs, nil
}

// endsOf is how many records the partitions of a topic hold, once all their replicas have them.
func endsOf(ctx context.Context, b *stack.KafkaBrokers, topic string) ([]int64, error) {
	client, err := b.Client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := stack.Admin{Client: client}
	if err := admin.InSync(ctx, topic); err != nil {
		return nil, err
	}
	has, err := admin.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	ask := kmsg.NewPtrListOffsetsRequest()
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for _, partition := range has {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = partition.Partition, -1
		t.Partitions = append(t.Partitions, p)
	}
	ask.Topics = append(ask.Topics, t)
	ends := make([]int64, len(has))
	for _, shard := range client.RequestSharded(ctx, ask) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				ends[p.Partition] = p.Offset
			}
		}
	}
	return ends, nil
}
