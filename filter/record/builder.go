package record

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// Offsets of the fields of a batch of magic 2 that only a writer needs.
const (
	offLeaderEpoch    = 12
	offCRC            = 17
	offFirstTimestamp = 27
	offMaxTimestamp   = 35
)

// builder writes records of magic 2, one after another (DefaultRecord.java).
type builder struct {
	buf        []byte // room for the header of a batch, then the records
	first, max int64  // timestamps
	appendTime bool   // a message claimed to have the broker's
	count      int
}

// newBuilder makes a builder that writes into buf, as far as it suffices.
func newBuilder(buf []byte) builder {
	return builder{buf: append(buf[:0], make([]byte, HeaderSize)...), max: noTimestamp}
}

// add appends m as a record without headers.
func (b *builder) add(m message) {
	if b.count == 0 {
		b.first = m.timestamp
	}
	b.max = max(b.max, m.timestamp)
	b.appendTime = b.appendTime || m.appendTime
	// May overflow, and does so again when a reader adds it to the first timestamp.
	since := m.timestamp - b.first
	length := 1 + varintSize(since) + varintSize(int64(b.count)) + fieldSize(m.key) + fieldSize(m.value) + 1

	b.buf = binary.AppendVarint(b.buf, int64(length))
	b.buf = append(b.buf, 0) // attributes
	b.buf = binary.AppendVarint(b.buf, since)
	b.buf = binary.AppendVarint(b.buf, int64(b.count))
	b.buf = appendField(b.buf, m.key)
	b.buf = appendField(b.buf, m.value)
	b.buf = append(b.buf, 0) // headers
	b.count++
}

// seal writes the header of batch, whose records are those added, compressed with codec.
func (b *builder) seal(batch []byte, codec Codec) {
	put := binary.BigEndian
	clear(batch[:HeaderSize]) // among others the base offset, the broker's to give
	put.PutUint32(batch[offLength:], uint32(len(batch)-overhead))
	put.PutUint32(batch[offLeaderEpoch:], ^uint32(0))
	batch[offMagic] = magic2
	batch[offAttributes+1] = byte(codec)
	if b.appendTime {
		batch[offAttributes+1] |= logAppendTime
	}
	put.PutUint32(batch[offLastOffsetDelta:], uint32(b.count-1))
	put.PutUint64(batch[offFirstTimestamp:], uint64(b.first))
	put.PutUint64(batch[offMaxTimestamp:], uint64(b.max))
	put.PutUint64(batch[offProducerID:], ^uint64(0))
	put.PutUint16(batch[offProducerEpoch:], ^uint16(0))
	put.PutUint32(batch[offBaseSequence:], ^uint32(0))
	put.PutUint32(batch[offCount:], uint32(b.count))
	// MakeTable returns the one table of this polynomial that the library keeps.
	put.PutUint32(batch[offCRC:], crc32.Checksum(batch[offAttributes:], crc32.MakeTable(crc32.Castagnoli)))
}

// appendField appends a key or a value; nil is null.
func appendField(dst, field []byte) []byte {
	if field == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(field))), field...)
}

// fieldSize is how many bytes appendField appends.
func fieldSize(field []byte) int {
	if field == nil {
		return varintSize(-1)
	}
	return varintSize(int64(len(field))) + len(field)
}

// varintSize is how many bytes binary.AppendVarint appends.
func varintSize(v int64) int {
	zigzag := uint64(v)<<1 ^ uint64(v>>63)
	return (bits.Len64(zigzag|1) + 6) / 7
}
