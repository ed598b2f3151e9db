package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// cluster looks at a Kafka cluster directly, past the mesh.
type cluster struct{ *kgo.Client }

func direct(t *testing.T, addr string, more ...kgo.Opt) cluster {
	t.Helper()
	return cluster{stack.Client(t, addr, more...)}
}

// request is a kmsg request whose answer is an R.
type request[R kmsg.Response] interface {
	RequestWith(ctx context.Context, r kmsg.Requestor) (R, error)
}

func ask[R kmsg.Response](t *testing.T, c cluster, req request[R]) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answer, err := req.RequestWith(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// topics are the names of all topics in the cluster.
func (c cluster) topics(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, topic := range ask(t, c, rawkafka.AllTopics()).Topics {
		names = append(names, *topic.Topic)
	}
	slices.Sort(names)
	return names
}

func (c cluster) partitions(t *testing.T, name string) []kmsg.MetadataResponseTopicPartition {
	t.Helper()
	answer := ask(t, c, rawkafka.Metadata(name))
	if len(answer.Topics) != 1 || answer.Topics[0].ErrorCode != 0 {
		return nil
	}
	return answer.Topics[0].Partitions
}

// offset is the first (-2) or the next (-1) offset of a partition.
func (c cluster) offset(t *testing.T, topic string, partition int32, which int64) int64 {
	t.Helper()
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp = partition, which
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	got := ask(t, c, req).Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		t.Fatalf("offset %d of %s/%d: %v", which, topic, partition, err)
	}
	return got.Offset
}

// readTopic reads a topic from its beginning to its present end: the records of each partition, in order.
func readTopic(t *testing.T, addr, topic string) map[int32][]*kgo.Record {
	t.Helper()
	c := direct(t, addr)
	list := c.partitions(t, topic)
	if len(list) == 0 {
		t.Fatalf("%s has no topic %s", addr, topic)
	}
	ends, left := map[int32]int64{}, int64(0)
	begin := map[int32]kgo.Offset{}
	for _, p := range list {
		if first := c.offset(t, topic, p.Partition, -2); first != 0 {
			t.Fatalf("%s/%d begins at offset %d, want 0", topic, p.Partition, first)
		}
		ends[p.Partition] = c.offset(t, topic, p.Partition, -1)
		begin[p.Partition] = kgo.NewOffset().At(0)
		left += ends[p.Partition]
	}
	c = direct(t, addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := make(map[int32][]*kgo.Record, len(list))
	for left > 0 {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %v", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset != int64(len(got[r.Partition])) {
				t.Fatalf("%s/%d: offset %d follows %d records", topic, r.Partition, r.Offset, len(got[r.Partition]))
			}
			got[r.Partition] = append(got[r.Partition], r)
			left--
		})
	}
	for p, end := range ends {
		if int64(len(got[p])) != end {
			t.Fatalf("%s/%d: read %d records, its end is %d", topic, p, len(got[p]), end)
		}
	}
	return got
}
