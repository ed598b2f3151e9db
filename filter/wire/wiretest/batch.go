package wiretest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// BaseTimestamp is the time of the first of Records, in milliseconds: 2024-01-01 00:00 UTC.
const BaseTimestamp = 1_704_067_200_000

// Batch describes a record batch of magic 2. The zero value with some Records is a plain batch of a producer that is
// not idempotent.
type Batch struct {
	Records []Record
	Codec   kgo.CompressionCodecType // of franz-go: CodecNone to CodecZstd
	// Producer makes the batch idempotent.
	Producer *Producer
	// Attributes are added to those that follow from the rest: 0x10 transactional, 0x20 control.
	Attributes int16
}

// Record is one record of a Batch. Nil keys and values are null.
type Record struct {
	Key, Value []byte
	Timestamp  int64 // milliseconds
	Headers    []kmsg.Header
}

// Producer is who sent an idempotent batch, and the number of the batch's first record.
type Producer struct {
	ID       int64
	Epoch    int16
	Sequence int32
}

// Records makes n records with keys, a header, timestamps a millisecond apart and values of size bytes that compress
// about threefold.
func Records(n, size int) []Record {
	rs := make([]Record, n)
	for i := range rs {
		value := bytes.Repeat(fmt.Appendf(nil, `{"n":%07d,"x":"%08x"},`, i, crc32.ChecksumIEEE([]byte{byte(i), byte(i >> 8)})), size/28+1)
		rs[i] = Record{
			Key:       fmt.Appendf(nil, "key-%d", i),
			Value:     value[:size],
			Timestamp: BaseTimestamp + int64(i),
			Headers:   []kmsg.Header{{Key: "trace", Value: []byte{byte(i)}}},
		}
	}
	return rs
}

// Bytes is the batch as a producer sends it, with a correct CRC.
func (b Batch) Bytes() []byte {
	rb := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1,
		Magic:                2,
		Attributes:           b.Attributes | int16(b.Codec),
		LastOffsetDelta:      int32(len(b.Records)) - 1,
		ProducerID:           -1,
		ProducerEpoch:        -1,
		FirstSequence:        -1,
		NumRecords:           int32(len(b.Records)),
	}
	if p := b.Producer; p != nil {
		rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = p.ID, p.Epoch, p.Sequence
	}
	if len(b.Records) > 0 {
		rb.FirstTimestamp, rb.MaxTimestamp = b.Records[0].Timestamp, b.Records[0].Timestamp
	}
	var records []byte
	for i, r := range b.Records {
		rb.MaxTimestamp = max(rb.MaxTimestamp, r.Timestamp)
		records = r.append(records, i, r.Timestamp-rb.FirstTimestamp)
	}
	rb.Records = compress(b.Codec, records)
	rb.Length = int32(49 + len(rb.Records))
	raw := rb.AppendTo(nil)
	Seal(raw)
	return raw
}

// Seal puts the right length and CRC into a batch of magic 2 that a test has changed.
func Seal(batch []byte) {
	binary.BigEndian.PutUint32(batch[8:], uint32(len(batch)-12))
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli)))
}

// append appends the record as number i of its batch.
func (r Record) append(dst []byte, i int, delta int64) []byte {
	k := kmsg.Record{TimestampDelta64: delta, OffsetDelta: int32(i), Key: r.Key, Value: r.Value, Headers: r.Headers}
	// The length counts what follows it, and comes first.
	k.Length = int32(len(k.AppendTo(nil)) - 1)
	return k.AppendTo(dst)
}

func compress(codec kgo.CompressionCodecType, records []byte) []byte {
	var c kgo.CompressionCodec
	switch codec {
	case kgo.CodecNone:
		return records
	case kgo.CodecGzip:
		c = kgo.GzipCompression()
	case kgo.CodecSnappy:
		c = kgo.SnappyCompression()
	case kgo.CodecLz4:
		c = kgo.Lz4Compression()
	case kgo.CodecZstd:
		c = kgo.ZstdCompression()
	default:
		panic(fmt.Sprintf("wiretest: no codec %d", codec))
	}
	compressor, err := kgo.DefaultCompressor(c)
	if err != nil {
		panic("wiretest: " + err.Error())
	}
	out, got := compressor.Compress(new(bytes.Buffer), records)
	if got != codec {
		panic(fmt.Sprintf("wiretest: compressed with codec %d instead of %d", got, codec))
	}
	return out
}

// SealMessage puts the right size and CRC into a message of magic 0 or 1.
func SealMessage(message []byte) []byte {
	binary.BigEndian.PutUint32(message[8:], uint32(len(message)-12))
	binary.BigEndian.PutUint32(message[12:], crc32.ChecksumIEEE(message[16:]))
	return message
}
