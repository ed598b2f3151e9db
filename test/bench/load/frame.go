package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// produceVersion is that of Frames' requests: the first with flexible fields, which all of today's clients send.
const produceVersion = 9

// clientID is in the header of Frames' requests.
const clientID = "bench"

// frame is a Produce request of one batch, made once and sent many times.
type frame struct {
	bytes     []byte
	records   int64
	partition int // where bytes has the partition
	batch     int // where it has the batch
	value     int // where it has the value of the batch's last record
}

// newFrame makes a request with one batch for partition 0 of a topic.
func newFrame(topic string, acks int16, batch []byte, records int64, recordBytes int) frame {
	b := rawkafka.Frame(clientID, 0, rawkafka.Produce(produceVersion, acks, topic, 0, batch))
	// Behind the partition there are the batch's length, which takes a varint, the batch, and tags of partition, topic and request.
	length := len(binary.AppendUvarint(nil, uint64(len(batch)+1)))
	at := len(b) - 3 - len(batch)
	return frame{bytes: b, records: records, partition: at - length - 4, batch: at, value: at + len(batch) - 1 - recordBytes}
}

// stamp writes when the last record was due into its value, and the batch's checksum anew.
func (f *frame) stamp(due int64) {
	binary.BigEndian.PutUint64(f.bytes[f.value:], uint64(due))
	sign(f.bytes[f.batch : len(f.bytes)-3])
}

// sign writes a batch's checksum.
func sign(batch []byte) {
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], castagnoli))
}

//nolint:gochecknoglobals // a constant that has to be computed
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// number sets what differs between two requests with the same frame.
func (f *frame) number(correlation, partition int32) {
	binary.BigEndian.PutUint32(f.bytes[8:], uint32(correlation))
	binary.BigEndian.PutUint32(f.bytes[f.partition:], uint32(partition))
}

// newBatch makes a record batch of about size bytes, of records with values of recordBytes bytes, at least one.
func newBatch(size, recordBytes int) (batch []byte, records int64) {
	var encoded []byte
	n := max(1, size/(recordBytes+16))
	for i := range n {
		r := kmsg.NewRecord()
		r.OffsetDelta, r.Value = int32(i), value(recordBytes, uint64(i))
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		encoded = r.AppendTo(encoded)
	}
	b := kmsg.NewRecordBatch()
	b.PartitionLeaderEpoch, b.Magic, b.LastOffsetDelta = -1, 2, int32(n-1)
	b.FirstTimestamp, b.MaxTimestamp = 1_700_000_000_000, 1_700_000_000_000
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = -1, -1, -1
	b.NumRecords, b.Records = int32(n), encoded
	batch = b.AppendTo(nil)
	binary.BigEndian.PutUint32(batch[8:], uint32(len(batch)-12))
	sign(batch)
	return batch, int64(n)
}

// value is a record's value: like a line of JSON, which compresses to about a half.
func value(size int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b []byte
	for len(b) < size {
		b = fmt.Appendf(b, `{"user_id":%d,"event":"page_view","session":"%016x","ms":%d},`, r.IntN(1e6), r.Uint64(), r.IntN(1e4))
	}
	return b[:size]
}

var errShort = errors.New("an answer that ends early")

// checkAnswer reads the answer to a frame, without its length: it must be to the right request and without an error.
func checkAnswer(b []byte, correlation int32) error {
	// correlation id 4, tags 1, topics 1, length of the name 1
	if len(b) < 7 {
		return errShort
	}
	if got := int32(binary.BigEndian.Uint32(b)); got != correlation {
		return fmt.Errorf("an answer to request %d, not to %d", got, correlation)
	}
	at := 7 + int(b[6]) - 1 + 1 + 4 // name, partitions, partition
	if len(b) < at+2 {
		return errShort
	}
	if code := int16(binary.BigEndian.Uint16(b[at:])); code != 0 {
		return fmt.Errorf("error code %d", code)
	}
	return nil
}
