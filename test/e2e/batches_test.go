package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestBatchesAreByteIdentical sends batches in several versions of Produce and compares what the broker has stored.
func TestBatchesAreByteIdentical(t *testing.T) {
	t.Parallel()
	for _, target := range targets(t) {
		topic := "apples-bytes-" + target.name
		versions := []int16{3, 7, 9, 12}
		stack.CreateTopics(t, target.broker, stack.TopicOptions{Partitions: int32(len(versions) * len(codecs) * 2)}, topic)
		partition := int32(-1)
		for _, version := range versions {
			for codec := range codecs {
				for _, producer := range []int64{noProducer, mintedProducer} {
					partition++
					name := fmt.Sprintf("%s/v%d/%s/idempotent=%t", target.name, version, codecs[codec], producer != noProducer)
					place := place{target, topic, partition}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						if codecs[codec] == "zstd" && version < 7 {
							testZstdTooEarly(t, place, version, codec, producer)
							return
						}
						testByteIdentity(t, place, version, codec, producer)
					})
				}
			}
		}
	}
}

type place struct {
	target    target
	topic     string
	partition int32
}

// testByteIdentity sends two batches one after the other, and if they are idempotent the first one again.
func testByteIdentity(t *testing.T, p place, version int16, codec int, producer int64) {
	t.Helper()
	conn := dialRaw(t, p.target.addr)
	const perBatch = 5
	var want []byte
	first := batchOf(codec, producer, 0, perBatch)
	second := batchOf(codec, producer, perBatch, perBatch)
	for i, b := range [][]byte{first, second} {
		req := rawkafka.Produce(version, -1, p.topic, p.partition, b)
		got := produced(t, conn.Ask(req))
		if got.ErrorCode != 0 || got.BaseOffset != int64(i*perBatch) || got.Partition != p.partition {
			t.Fatalf("answer to batch %d = %+v, want base offset %d", i, got, i*perBatch)
		}
		want = append(want, b...)
	}
	if producer != noProducer {
		req := rawkafka.Produce(version, -1, p.topic, p.partition, first)
		got := produced(t, conn.Ask(req))
		if got.ErrorCode != 0 || got.BaseOffset != 0 {
			t.Fatalf("answer to the repeated batch = %+v, want base offset 0", got)
		}
	}
	stored := fetchRaw(t, p.target.broker, p.topic, p.partition)
	if want, got := masked(t, want), masked(t, stored); !bytes.Equal(want, got) {
		t.Errorf("stored bytes differ (-sent +stored):\n%s", cmp.Diff(hex.Dump(want), hex.Dump(got)))
	}
}

// testZstdTooEarly checks that zstd is refused before Produce v7, as brokers do.
func testZstdTooEarly(t *testing.T, p place, version int16, codec int, producer int64) {
	t.Helper()
	conn := dialRaw(t, p.target.addr)
	req := rawkafka.Produce(version, -1, p.topic, p.partition, batchOf(codec, producer, 0, 5))
	got := produced(t, conn.Ask(req))
	if got.ErrorCode != kerr.UnsupportedCompressionType.Code {
		t.Errorf("answer = %+v, want %v", got, kerr.UnsupportedCompressionType)
	}
	if end := direct(t, p.target.broker).offset(t, p.topic, p.partition, -1); end != 0 {
		t.Errorf("%d records were stored, want none", end)
	}
}

// fetchRaw reads a partition directly from a broker, from its beginning to its present end, as stored.
func fetchRaw(t *testing.T, broker, topic string, partition int32) []byte {
	t.Helper()
	conn := dialRaw(t, broker)
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.PartitionMaxBytes = partition, 8<<20
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12) // the last that names topics
	req.ReplicaID, req.MaxBytes, req.MinBytes = -1, 8<<20, 1
	req.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
	resp := conn.Ask(req).(*kmsg.FetchResponse)
	if len(resp.Topics) != 1 || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("fetch %s/%d from %s: %+v", topic, partition, broker, resp)
	}
	return resp.Topics[0].Partitions[0].RecordBatches
}

// TestEachAcksStores stores a batch under each acks. One with acks=0 is not answered: the answer that comes next is to what was
// asked next.
func TestEachAcksStores(t *testing.T) {
	t.Parallel()
	for _, target := range targets(t) {
		topic := "apples-acks-" + target.name
		stack.CreateTopics(t, target.broker, stack.TopicOptions{Partitions: 3}, topic)
		for partition, acks := range []int16{-1, 0, 1} {
			t.Run(fmt.Sprintf("%s/acks=%d", target.name, acks), func(t *testing.T) {
				t.Parallel()
				conn := dialRaw(t, target.addr)
				sent := batchOf(0, noProducer, 0, 3)
				req := rawkafka.Produce(9, acks, topic, int32(partition), sent)
				id := conn.Send(req)
				if acks != 0 {
					if got := produced(t, conn.Receive(req, id)); got.ErrorCode != 0 || got.BaseOffset != 0 {
						t.Fatalf("answer = %+v, want base offset 0", got)
					}
				}
				next := kmsg.NewPtrMetadataRequest()
				next.SetVersion(7)
				conn.Ask(next)
				waitEnd(t, target.broker, topic, int32(partition), 3)
				stored := fetchRaw(t, target.broker, topic, int32(partition))
				if !bytes.Equal(masked(t, sent), masked(t, stored)) {
					t.Errorf("stored bytes differ (-sent +stored):\n%s", cmp.Diff(hex.Dump(sent), hex.Dump(stored)))
				}
			})
		}
	}
}

// waitEnd waits until a partition holds that many records: with acks=0 nobody says when.
func waitEnd(t *testing.T, broker, topic string, partition int32, end int64) {
	t.Helper()
	c := direct(t, broker)
	stack.Wait(t, topic+" to hold what was sent", func() error {
		if got := c.offset(t, topic, partition, -1); got < end {
			return fmt.Errorf("partition %d holds %d of %d records", partition, got, end)
		}
		return nil
	})
}

// TestHalfCloseIsAnswered sends a request and closes the sending half at once: the answer still comes, and then the end.
func TestHalfCloseIsAnswered(t *testing.T) {
	t.Parallel()
	for _, target := range targets(t) {
		if target.name == "kafka" {
			continue // a broker that reads the end may drop its answer
		}
		topic := "apples-half-" + target.name
		stack.CreateTopics(t, target.broker, stack.TopicOptions{Partitions: 1}, topic)
		t.Run(target.name, func(t *testing.T) {
			t.Parallel()
			const requests = 3
			conn := dialRaw(t, target.addr)
			var ids [requests]int32
			req := rawkafka.Produce(9, -1, topic, 0, batchOf(0, noProducer, 0, 3))
			for i := range ids {
				ids[i] = conn.Send(req)
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			for i, id := range ids {
				if got := produced(t, conn.Receive(req, id)); got.ErrorCode != 0 || got.BaseOffset != int64(i*3) {
					t.Errorf("answer %d = %+v, want base offset %d", i, got, i*3)
				}
			}
			if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("after the answers: %d bytes, %v, want the end", n, err)
			}
		})
	}
}
