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

// awaited is what a batch is known by when it comes again.
type awaited struct {
	epoch    int16
	sequence int32 // of its first record
	// For a batch without sequence numbers: a hash of its first record, and whether that is hidden among others.
	first      uint64
	compressed bool
}

// identify says where b belongs, and what to know it by. Whatever is too short for a batch has no producer.
func identify(b *wire.Batch) (place, awaited) {
	at, id := place{topic: b.Topic, partition: b.Partition, producer: -1}, awaited{}
	if len(b.Records) >= recordsAt && wire.Idempotent(b.Records) {
		at.producer = int64(binary.BigEndian.Uint64(b.Records[producerIDAt:]))
		id.epoch = int16(binary.BigEndian.Uint16(b.Records[producerEpochAt:]))
		id.sequence = int32(binary.BigEndian.Uint32(b.Records[baseSequenceAt:]))
		return at, id
	}
	id.first = maphash.Bytes(seed, firstRecord(b.Records))
	id.compressed = len(b.Records) >= recordsAt && b.Records[codecAt]&codecMask != 0
	return at, id
}

// ahead is how far b, known by came, is ahead of the awaited batch: 0 if it is that batch or has its first record, below zero if it
// comes before. Without sequence numbers it is 0 or 1.
func (a awaited) ahead(came awaited, b *wire.Batch, numbered bool) int32 {
	switch d := distance(a.sequence, came.sequence); {
	case !numbered && came.first == a.first:
		return 0
	case !numbered:
		return 1
	case d < 0 && -d <= lastOffsetDelta(b.Records):
		return 0
	default:
		return d
	}
}

// distance is how many records lie between two sequence numbers, which go on with 0 after 2^31-1; below zero if to is the
// earlier one.
func distance(from, to int32) int32 {
	const bits = 31
	d := uint32(to-from) << (32 - bits) // the sign of a number of 31 bits is its highest bit
	return int32(d) >> (32 - bits)
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

// Opens reports whether b is the first that its producer sends to the partition with its epoch. It does not keep b.
func Opens(b *wire.Batch) bool {
	return len(b.Records) >= recordsAt && wire.Idempotent(b.Records) && binary.BigEndian.Uint32(b.Records[baseSequenceAt:]) == 0
}
