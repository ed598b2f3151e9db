package matrix

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const (
	partitions = 2 // of each topic; clients/go/raw.go knows it too
	readWait   = time.Minute
	// settle is how long records may take to arrive of which nobody is told: with acks=0, and from a program that has just been started.
	settle = 45 * time.Second
)

// cluster looks at Kafka directly, past the mesh.
type cluster struct {
	*kgo.Client

	addr string
}

func direct(t *testing.T, addr string, more ...kgo.Opt) cluster {
	t.Helper()
	return cluster{stack.Client(t, addr, more...), addr}
}

// create creates topics.
func (c cluster) create(t *testing.T, names ...string) {
	t.Helper()
	c.createWith(t, nil, names...)
}

// createWith creates topics with settings of their own.
func (c cluster) createWith(t *testing.T, settings map[string]string, names ...string) {
	t.Helper()
	o := stack.TopicOptions{Partitions: partitions, Settings: settings}
	stack.Check(t, stack.Admin{Client: c.Client}.CreateTopics(t.Context(), o, names...))
}

// ends are the next offsets of all partitions of topics.
func (c cluster) ends(ctx context.Context, topics ...string) (map[string]map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	for _, topic := range topics {
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = topic
		for p := range int32(partitions) {
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp = p, -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return nil, err
	}
	ends := map[string]map[int32]int64{}
	for _, topic := range resp.Topics {
		ends[topic.Topic] = map[int32]int64{}
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, err
			}
			ends[topic.Topic][p.Partition] = p.Offset
		}
	}
	return ends, nil
}

// read waits until topics hold that many records together, or until it waited in vain, and reads what they hold: the
// records of each partition, in order.
func (c cluster) read(t *testing.T, expect int, topics ...string) []partition {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readWait)
	defer cancel()
	var ends map[string]map[int32]int64
	for deadline := time.Now().Add(settle); ; time.Sleep(20 * time.Millisecond) {
		var err error
		if ends, err = c.ends(ctx, topics...); err != nil {
			t.Fatal(err)
		}
		if total(ends) >= int64(expect) || time.Now().After(deadline) {
			break
		}
	}
	begin := map[string]map[int32]kgo.Offset{}
	for topic, list := range ends {
		begin[topic] = map[int32]kgo.Offset{}
		for p := range list {
			begin[topic][p] = kgo.NewOffset().At(0)
		}
	}
	reader := direct(t, c.addr, kgo.ConsumePartitions(begin))
	byPartition := map[string]map[int32][]*kgo.Record{}
	for left := total(ends); left > 0; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %v: %v, %d records are missing", topics, err, left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if byPartition[r.Topic] == nil {
				byPartition[r.Topic] = map[int32][]*kgo.Record{}
			}
			byPartition[r.Topic][r.Partition] = append(byPartition[r.Topic][r.Partition], r)
			left--
		})
	}
	var list []partition
	for topic, ps := range byPartition {
		for p, records := range ps {
			list = append(list, partition{topic, p, records})
		}
	}
	return list
}

// partition is what a partition holds.
type partition struct {
	topic   string
	number  int32
	records []*kgo.Record
}

func total(ends map[string]map[int32]int64) int64 {
	n := int64(0)
	for _, list := range ends {
		for _, end := range list {
			n += end
		}
	}
	return n
}
