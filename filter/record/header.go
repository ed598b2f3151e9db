package record

import "encoding/binary"

// HeaderSize is how many bytes of a batch come before its records.
const HeaderSize = 61

// Offsets of the fields of a batch of magic 2 (DefaultRecordBatch.java). The magic is at the same place in a message of
// magic 0 or 1.
const (
	offLength          = 8 // int32, of what follows the field
	offMagic           = 16
	offAttributes      = 21
	offLastOffsetDelta = 23
	offProducerID      = 43
	offProducerEpoch   = 51
	offBaseSequence    = 53
	offCount           = 57

	overhead = offLength + 4 // bytes of a batch that its length does not count
)

// Bits of the attributes.
const (
	codecMask     = 0x07
	transactional = 0x10
)

// Codec is how the records of a batch are compressed.
type Codec uint8

// The codecs that Kafka knows. 5 to 7 can be written but mean nothing.
const (
	CodecNone Codec = iota
	CodecGzip
	CodecSnappy
	CodecLZ4
	CodecZstd
)

// String is the codec's name in compression.type.
func (c Codec) String() string {
	switch c {
	case CodecNone:
		return "none"
	case CodecGzip:
		return "gzip"
	case CodecSnappy:
		return "snappy"
	case CodecLZ4:
		return "lz4"
	case CodecZstd:
		return "zstd"
	default:
		return "unknown"
	}
}

// Header is what the header of a batch says, as far as it matters here.
type Header struct {
	Codec         Codec
	ProducerID    int64 // -1: not idempotent
	ProducerEpoch int16
	BaseSequence  int32 // of the first record
	Count         int32 // records
}

const (
	// leastRecord is the length of the smallest record: each of its fields in a byte.
	leastRecord = 7
	// mostShrunk is how many times the length of compressed records those may have. Deflate gets no further.
	mostShrunk = 1024
)

// Records is how many records a batch of size bytes has: so many as its header says, but none less than none, and no more than fit.
func (h Header) Records(size int) int32 {
	room := int64(size-HeaderSize) / leastRecord
	if h.Codec != CodecNone {
		room = int64(size-HeaderSize) * mostShrunk / leastRecord
	}
	return int32(max(0, min(int64(h.Count), room)))
}

// parseHeader reads the header of a batch of at least HeaderSize bytes.
func parseHeader(b []byte) Header {
	return Header{
		Codec:         Codec(b[offAttributes+1] & codecMask),
		ProducerID:    int64(binary.BigEndian.Uint64(b[offProducerID:])),
		ProducerEpoch: int16(binary.BigEndian.Uint16(b[offProducerEpoch:])),
		BaseSequence:  int32(binary.BigEndian.Uint32(b[offBaseSequence:])),
		Count:         int32(binary.BigEndian.Uint32(b[offCount:])),
	}
}
