package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestConsumersReadTwoClusters has franz-go read topics of two clusters, two partitions each, at once: all that is there, and then what
// comes while it waits. It names topics by id.
func TestConsumersReadTwoClusters(t *testing.T) {
	t.Parallel()
	p := sharedBrokers(t)
	apples, bananas := "apples-consumed", "bananas-consumed"
	stack.CreateTopics(t, p.apples.Addr(), stack.TopicOptions{Partitions: 2}, apples)
	stack.CreateTopics(t, p.bananas.Addr(), stack.TopicOptions{Partitions: 2}, bananas)
	mesh := stack.TwoClusters(stack.Addr(t), p.apples.Addr(), p.bananas.Addr())
	stack.Standalone(t, &mesh)
	inApples, inBananas := producer(t, p.apples.Addr()), producer(t, p.bananas.Addr())
	from := map[int32]kgo.Offset{0: kgo.NewOffset().At(0), 1: kgo.NewOffset().At(0)}
	reader := stack.Client(t, mesh.Addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{apples: from, bananas: from}))
	const each = 200
	want := map[string]bool{}
	read := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for len(want) > 0 {
			fetches := reader.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				t.Fatalf("%d records have not come: %v", len(want), err)
			}
			fetches.EachRecord(func(r *kgo.Record) {
				key := fmt.Sprint(r.Topic, r.Partition, string(r.Value))
				if !want[key] {
					t.Errorf("%s: is not expected, or came before", key)
				}
				delete(want, key)
			})
		}
	}
	send := func(to *kgo.Client, topic, value string) {
		for partition := range int32(2) {
			stack.Check(t, to.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}).FirstErr())
			want[fmt.Sprint(topic, partition, value)] = true
		}
	}
	for i := range each {
		send(inApples, apples, fmt.Sprint("old ", i))
		send(inBananas, bananas, fmt.Sprint("old ", i))
	}
	read()
	for i := range 20 {
		send(inBananas, bananas, fmt.Sprint("new ", i))
		read()
		send(inApples, apples, fmt.Sprint("new ", i))
		read()
	}
}

// producer sends each record to the partition that it says.
func producer(t *testing.T, addr string) *kgo.Client {
	t.Helper()
	return stack.Client(t, addr, kgo.RecordPartitioner(kgo.ManualPartitioner()))
}
