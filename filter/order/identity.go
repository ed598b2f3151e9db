package order

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Where a record batch of magic 2 has what is looked at (DefaultRecordBatch.java).
const (
	codecAt           = 22
	lastOffsetDeltaAt = 23
	producerIDAt      = 43
	producerEpochAt   = 51
	baseSequenceAt    = 53
	recordsAt         = 61

	codecMask = 0x07
	// maxHashed bounds how much of a batch is looked at to know it again.
	maxHashed = 4 << 10
)

//nolint:gochecknoglobals // the same hash has to be made of a record whenever it comes
var seed = maphash.MakeSeed()

// identify says where b belongs, and what to know it by. Whatever is too short for a batch has no producer.
func identify(b *wire.Batch, call uint64) (place, awaited) {
	at, id := place{topic: b.Topic, partition: b.Partition, producer: -1}, awaited{call: call}
	if len(b.Records) >= recordsAt && wire.Idempotent(b.Records) {
		at.producer = int64(binary.BigEndian.Uint64(b.Records[producerIDAt:]))
		id.epoch = int16(binary.BigEndian.Uint16(b.Records[producerEpochAt:]))
		id.sequence = int32(binary.BigEndian.Uint32(b.Records[baseSequenceAt:]))
		return at, id
	}
	id.first = maphash.Bytes(seed, firstRecord(b.Records))
	return at, id
}

// firstRecord is the first record of a batch, or as much of the compressed records as is looked at. Its timestamp and offset are
// relative to the batch's, so that it is the same in whatever batch a client puts it first.
func firstRecord(batch []byte) []byte {
	if len(batch) < recordsAt {
		return batch
	}
	records := batch[recordsAt:]
	end := len(records)
	if batch[codecAt]&codecMask == 0 {
		if n, size := binary.Varint(records); size > 0 && n >= 0 && n < int64(end-size) {
			end = size + int(n)
		}
	}
	return records[:min(end, maxHashed)]
}

func lastOffsetDelta(batch []byte) int32 {
	return int32(binary.BigEndian.Uint32(batch[lastOffsetDeltaAt:]))
}
