package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Offsets of the fields of a message of magic 0 or 1 (LegacyRecord.java). The offset and the size before them are as in
// a batch of magic 2, and the magic is at the same place.
const (
	offLegacyCRC        = 12
	offLegacyAttributes = 17
	offLegacyTimestamp  = 18 // int64, in magic 1 only
)

// logAppendTime is the bit of the attributes that says that the timestamp is the broker's, in magic 1 and in batches.
const logAppendTime = 0x08

// noTimestamp is the timestamp of a record that has none (RecordBatch.NO_TIMESTAMP).
const noTimestamp = -1

// fault is what is answered for records that are not taken. The zero value is that nothing is wrong with them.
type fault struct {
	code    wire.ErrorCode
	message string
}

func corrupt(format string, args ...any) fault {
	return fault{wire.CorruptMessage, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) fault {
	return fault{wire.InvalidRecord, fmt.Sprintf(format, args...)}
}

// message is one message of magic 0 or 1. Its slices point into the set it was read from; nil is null.
type message struct {
	codec      Codec
	appendTime bool // the timestamp claims to be the broker's
	timestamp  int64
	key, value []byte
}

// nextMessage reads the message that set begins with, which must have this magic, and returns what follows it. The
// message's offset is not looked at: what counts in a produced set is the order.
func nextMessage(set []byte, magic byte) (m message, rest []byte, f fault) {
	if len(set) < overhead+minLegacySize {
		return message{}, nil, corrupt("message of %d bytes is cut off", len(set))
	}
	size := int(int32(binary.BigEndian.Uint32(set[offLength:])))
	switch got := set[offMagic]; {
	case size < minLegacySize:
		return message{}, nil, corrupt("message says it has %d bytes, fewer than its header", size)
	case size > len(set)-overhead:
		return message{}, nil, corrupt("message says it has %d bytes, %d came", size, len(set)-overhead)
	case got > magic2:
		return message{}, nil, corrupt("unknown message format %d", got)
	case got != magic:
		return message{}, nil, invalid("message format %d among messages of format %d", got, magic)
	}
	b, rest := set[:overhead+size], set[overhead+size:]
	if stored, sum := binary.BigEndian.Uint32(b[offLegacyCRC:]), crc32.ChecksumIEEE(b[offMagic:]); stored != sum {
		return message{}, nil, corrupt("message has CRC %08x, says %08x", sum, stored)
	}
	m = message{codec: Codec(b[offLegacyAttributes] & codecMask), timestamp: noTimestamp}
	fields := b[offLegacyTimestamp:]
	if magic == magic1 {
		m.appendTime = b[offLegacyAttributes]&logAppendTime != 0
		m.timestamp = int64(binary.BigEndian.Uint64(fields))
		fields = fields[8:]
	}
	var ok1, ok2 bool
	m.key, fields, ok1 = nextField(fields)
	m.value, fields, ok2 = nextField(fields)
	if !ok1 || !ok2 || len(fields) > 0 {
		return message{}, nil, corrupt("lengths of key and value do not agree with a message of %d bytes", size)
	}
	return m, rest, fault{}
}

// nextField reads a key or a value. As in a broker, any length below zero is null.
func nextField(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	b = b[4:]
	switch {
	case n < 0:
		return nil, b, true
	case n > len(b):
		return nil, nil, false
	default:
		return b[:n:n], b[n:], true
	}
}
