package record

import (
	"encoding/binary"
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Magic numbers.
const (
	magic0 = 0
	magic1 = 1
	magic2 = 2
)

// zstdVersion is the first Produce version that may carry zstd (KIP-110).
const zstdVersion = 7

// minLegacySize is the size of the smallest message of magic 0 after its offset and length: CRC, magic, attributes, key
// and value lengths (LegacyRecord.RECORD_OVERHEAD_V0).
const minLegacySize = 14

// Check says what a broker would answer for b, the records of one partition in a Produce request of version 3 or later.
// The code is None if b is exactly one whole batch that may be forwarded; otherwise the message says what is wrong and
// the Header is as far as it could be read.
//
// The codes are those of ProduceRequest.validateRecords and LogValidator of Kafka 4, with two exceptions, both for the
// sake of the other batches in the request that this one would be part of: any length that does not agree is
// CORRUPT_MESSAGE (a broker trims what follows a batch if it is shorter than another batch's beginning), and
// transactional batches are refused, because transactions are not served.
func Check(version int16, b []byte) (Header, wire.ErrorCode, string) {
	if len(b) == 0 {
		return Header{}, wire.InvalidRecord, "no record batch"
	}
	if len(b) <= offMagic {
		return Header{}, wire.CorruptMessage, fmt.Sprintf("record batch of %d bytes is cut off", len(b))
	}
	switch magic := b[offMagic]; magic {
	case magic0, magic1:
		return Header{}, wire.InvalidRecord, fmt.Sprintf("message format %d, only 2 is served", magic)
	case magic2:
	default:
		return Header{}, wire.CorruptMessage, fmt.Sprintf("unknown message format %d", magic)
	}
	if len(b) < HeaderSize {
		return Header{}, wire.CorruptMessage, fmt.Sprintf("record batch of %d bytes is cut off", len(b))
	}
	h := parseHeader(b)
	if code, message := checkLength(b); code != wire.None {
		return h, code, message
	}
	code, message := checkContent(version, h, b)
	return h, code, message
}

// checkLength says whether the batch is as long as it says and alone.
func checkLength(b []byte) (wire.ErrorCode, string) {
	size := int(int32(binary.BigEndian.Uint32(b[offLength:]))) + overhead
	switch {
	case size < HeaderSize:
		return wire.CorruptMessage, fmt.Sprintf("record batch says it has %d bytes, fewer than its header", size)
	case size > len(b):
		return wire.CorruptMessage, fmt.Sprintf("record batch says it has %d bytes, %d came", size, len(b))
	case size < len(b) && isBatch(b[size:]):
		return wire.InvalidRecord, "more than one record batch"
	case size < len(b):
		return wire.CorruptMessage, fmt.Sprintf("%d bytes follow the record batch", len(b)-size)
	default:
		return wire.None, ""
	}
}

// isBatch says whether b begins with something that a broker takes for a batch or a message.
func isBatch(b []byte) bool {
	if len(b) <= offMagic || b[offMagic] > magic2 {
		return false
	}
	size := int(int32(binary.BigEndian.Uint32(b[offLength:])))
	return minLegacySize <= size && size+overhead <= len(b)
}

// checkContent says whether what the header says can be stored.
func checkContent(version int16, h Header, b []byte) (wire.ErrorCode, string) {
	attributes := b[offAttributes+1]
	last := int32(binary.BigEndian.Uint32(b[offLastOffsetDelta:]))
	switch {
	case h.Codec > CodecZstd:
		return wire.UnsupportedCompressionType, fmt.Sprintf("unknown compression codec %d", h.Codec)
	case h.Codec == CodecZstd && version < zstdVersion:
		return wire.UnsupportedCompressionType, fmt.Sprintf("zstd needs Produce version %d, this is %d", zstdVersion, version)
	case attributes&control != 0:
		return wire.InvalidRecord, "control batches are the broker's to write"
	case attributes&transactional != 0:
		return wire.InvalidTxnState, "transactions are not served here"
	case h.Count < 1:
		return wire.InvalidRecord, fmt.Sprintf("record batch of %d records", h.Count)
	case int64(last)+1 != int64(h.Count):
		return wire.InvalidRecord, fmt.Sprintf("record batch of %d records has offsets for %d", h.Count, int64(last)+1)
	default:
		return wire.None, ""
	}
}
