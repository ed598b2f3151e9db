package metrics

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// to is a part with a batch of some records, which is stored.
func to(topic string, partition int32, records int) part {
	return part{
		topic: topic, partition: partition, records: records,
		batch: wiretest.Batch{Records: wiretest.Records(records, 100), Codec: kgo.CodecNone}.Bytes(),
	}
}

// failing is a part that its cluster is not sent, because there is no way to send it.
func failing(topic string, partition int32, code int16) part {
	p := to(topic, partition, 3)
	p.code, p.unsent = code, true
	return p
}

// unmatched is a part that no rule matches.
func unmatched(topic string) part {
	p := to(topic, 0, 2)
	p.code = 29 // TOPIC_AUTHORIZATION_FAILED
	return p
}

// countAt is where a batch has how many records it has, producerAt its producer.
const (
	countAt    = 57
	producerAt = 43
	magicAt    = 16
)

// lying is a part whose header says that there are count records, which counts as records. Brokers refuse it.
func lying(topic string, count int32, records int) part {
	p := to(topic, 0, 2)
	binary.BigEndian.PutUint32(p.batch[countAt:], uint32(count))
	wiretest.Seal(p.batch)
	p.records, p.code = records, 87 // INVALID_RECORD
	return p
}

// damaged is a part that the mesh does not give to its cluster.
func damaged(topic string) part {
	p := to(topic, 0, 2)
	p.batch[magicAt] = 9
	p.records, p.code, p.declined = 0, 2, true // CORRUPT_MESSAGE
	return p
}

// numbered is a part of an idempotent producer.
func numbered(topic string, producer int64, sequence int32, records int) part {
	p := to(topic, 0, records)
	p.batch = wiretest.Batch{
		Records: wiretest.Records(records, 100), Producer: &wiretest.Producer{ID: producer, Sequence: sequence}, Codec: kgo.CodecZstd,
	}.Bytes()
	return p
}

// messages is a part in the format of Kafka before 0.11: a message set of magic 0 or 1. What it counts as is for its caller to say.
func messages(topic string, partition int32, magic byte, count int) part {
	p := part{topic: topic, partition: partition, records: count}
	for i := range count {
		p.batch = append(p.batch, message(magic, byte(i))...)
	}
	return p
}

func message(magic, value byte) []byte {
	var b []byte
	if magic == 0 {
		b = (&kmsg.MessageV0{Key: []byte("key"), Value: []byte{value}}).AppendTo(nil)
	} else {
		b = (&kmsg.MessageV1{Magic: 1, Timestamp: wiretest.BaseTimestamp, Key: []byte("key"), Value: []byte{value}}).AppendTo(nil)
	}
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[16:]))
	return b
}

// lastStored is how long the last batch of a partition is that a broker has stored.
func lastStored(t *testing.T, broker, topic string, partition int32) int {
	t.Helper()
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.PartitionMaxBytes = partition, 8<<20
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12) // the last that names topics
	req.ReplicaID, req.MaxBytes, req.MinBytes = -1, 8<<20, 1
	req.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
	resp := rawkafka.Connect(t, broker, clientID).Ask(req).(*kmsg.FetchResponse)
	size := 0
	for rest := resp.Topics[0].Partitions[0].RecordBatches; len(rest) > 0; rest = rest[size:] {
		size = 12 + int(binary.BigEndian.Uint32(rest[8:]))
	}
	return size
}
