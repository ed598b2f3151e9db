package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

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
// The code is None if b begins with exactly one whole batch that may be forwarded, once Trim has cut off what follows;
// otherwise the message says what is wrong and the Header is as far as it could be read.
//
// Only what could harm the batches of others in the same request is checked. The codes are those of Kafka 4, except where
// it fails with UNKNOWN_SERVER_ERROR: an unknown codec is UNSUPPORTED_COMPRESSION_TYPE, and a batch smaller than its header
// CORRUPT_MESSAGE. Transactional batches are refused, because transactions are not served.
func Check(version int16, b []byte) (Header, wire.ErrorCode, string) {
	size, code, message := next(b)
	switch {
	case code != wire.None:
		return Header{}, code, message
	case size == 0:
		return Header{}, wire.InvalidRecord, fmt.Sprintf("no whole record batch in %d bytes", len(b))
	case b[offMagic] < magic2:
		return Header{}, wire.InvalidRecord, fmt.Sprintf("message format %d, only 2 is served", b[offMagic])
	case size < HeaderSize:
		return Header{}, wire.CorruptMessage, fmt.Sprintf("record batch of %d bytes, fewer than its header", size)
	}
	h := parseHeader(b)
	switch more, code, message := next(b[size:]); {
	case code != wire.None:
		return h, code, "behind the record batch: " + message
	case more > 0:
		return h, wire.InvalidRecord, "more than one record batch"
	}
	code, message = checkContent(version, h, b[:size])
	return h, code, message
}

// Trim is what Check takes for the batch of b: b without the bytes behind it that are no batch, which a broker drops too.
// It keeps b.
func Trim(b []byte) []byte {
	size, _, _ := next(b)
	return b[:size:size]
}

// next is the size of the batch or message that b begins with, 0 if b ends before it does, or what a broker answers for b
// (ByteBufferLogInputStream.nextBatchSize).
func next(b []byte) (size int, code wire.ErrorCode, message string) {
	if len(b) < overhead {
		return 0, wire.None, ""
	}
	size = int(int32(binary.BigEndian.Uint32(b[offLength:]))) + overhead
	if size < minLegacySize+overhead {
		return 0, wire.CorruptMessage, fmt.Sprintf("record batch says it has %d bytes, fewer than the smallest", size)
	}
	if len(b) <= offMagic {
		return 0, wire.None, ""
	}
	if b[offMagic] > magic2 {
		return 0, wire.CorruptMessage, fmt.Sprintf("unknown message format %d", b[offMagic])
	}
	if len(b) < size {
		return 0, wire.None, ""
	}
	return size, wire.None, ""
}

// isBatch says whether b begins with something that a broker takes for a batch or a message.
func isBatch(b []byte) bool {
	size, code, _ := next(b)
	return code == wire.None && size > 0
}

// checkContent says whether what the header says may be forwarded. The rest is the broker's to check, behind the CRC: a
// batch that was damaged on its way must get CORRUPT_MESSAGE, for which its client sends it again.
func checkContent(version int16, h Header, b []byte) (wire.ErrorCode, string) {
	switch {
	case b[offAttributes+1]&transactional != 0:
		return wire.TransactionalIDAuthorizationFailed, "transactions are not served here"
	case h.Codec == CodecZstd && version < zstdVersion:
		return wire.UnsupportedCompressionType, fmt.Sprintf("zstd needs Produce version %d, this is %d", zstdVersion, version)
	case h.Codec > CodecZstd && crc32.Checksum(b[offAttributes:], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[offCRC:]):
		return wire.CorruptMessage, "the checksum of the record batch is wrong"
	case h.Codec > CodecZstd:
		return wire.UnsupportedCompressionType, fmt.Sprintf("unknown compression codec %d", h.Codec)
	default:
		return wire.None, ""
	}
}
