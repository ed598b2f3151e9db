package record

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// keptScratch is how much of its buffers a Converter keeps for the next set.
const keptScratch = 1 << 20

// Converter turns the message sets of old producers into record batches: what goes in Produce versions 0 to 2, in the
// message formats 0 and 1 (KIP-31, KIP-32), becomes what goes in version 3 and later (KIP-98).
//
// The zero value works for sets that are not compressed; the others need a Limit. It is for one goroutine at a time, and
// worth keeping for the next request: it holds the tables of the codecs, about 1 MiB once gzip was used, and buffers.
type Converter struct {
	// Limit is how many bytes messages may still decompress to. Convert counts it down, so that it bounds the work and
	// the memory of all sets of a request together; set it anew for each request. What a set needs at once is at most a
	// few times the limit.
	Limit int

	plain   []byte // decompressed messages
	records []byte // records before they are compressed
	unzip   *gzip.Reader
	zip     *gzip.Writer
	shrink  *lz4.Compressor
}

// Convert makes one record batch of set, the records of one partition in a Produce request of version 0 to 2. Keys,
// values, order, timestamps and the codec stay. Messages of magic 0 have no timestamp and get -1, as from a broker. The
// batch is what [Check] lets pass, though its CRC and records are the broker's to check as those of any other.
//
// The batch is new memory, with two exceptions: a batch of magic 2, which brokers take in these versions too, is returned
// as it is and not looked at; an empty set gives a nil batch, for which a broker answers None with base offset -1 and
// stores nothing. Any code but None comes with a message that says what is wrong. Convert does not keep set.
//
// The codes are those of Kafka 3.9, the last that serves these versions. What differs: a message that is cut off, at the
// end of a set, and bytes after a message's value or after a compressed stream are CORRUPT_MESSAGE, while a broker drops
// them in silence; offsets are not looked at; and where a broker stumbles and answers UNKNOWN_SERVER_ERROR, the answer is
// CORRUPT_MESSAGE, INVALID_TIMESTAMP or UNSUPPORTED_COMPRESSION_TYPE.
func (c *Converter) Convert(set []byte) (batch []byte, code wire.ErrorCode, message string) {
	switch {
	case set == nil:
		return nil, wire.InvalidRecord, "no message set"
	case len(set) == 0:
		return nil, wire.None, ""
	case len(set) > offMagic && set[offMagic] == magic2:
		return set, wire.None, ""
	}
	batch, f := c.convert(set)
	if cap(c.plain) > keptScratch {
		c.plain = nil
	}
	if cap(c.records) > keptScratch {
		c.records = nil
	}
	if f.code != wire.None {
		return nil, f.code, f.message
	}
	return batch, wire.None, ""
}

func (c *Converter) convert(set []byte) ([]byte, fault) {
	if len(set) < overhead+minLegacySize {
		return nil, corrupt("message set of %d bytes is cut off", len(set))
	}
	magic := set[offMagic]
	if set[offLegacyAttributes]&codecMask != byte(CodecNone) {
		return c.convertCompressed(set, magic)
	}
	// A record is never larger than the message it was.
	b := newBuilder(make([]byte, 0, HeaderSize+len(set)))
	if f := b.addAll(set, magic, message{}); f.code != wire.None {
		return nil, f
	}
	b.seal(b.buf, CodecNone)
	return b.buf, fault{}
}

// convertCompressed converts a set that is one message, the wrapper, whose value is a compressed set.
func (c *Converter) convertCompressed(set []byte, magic byte) ([]byte, fault) {
	wrapper, rest, f := nextMessage(set, magic)
	switch {
	case f.code != wire.None:
		return nil, f
	case isBatch(rest):
		return nil, invalid("more than one message in a compressed set")
	case len(rest) > 0:
		return nil, corrupt("%d bytes follow the compressed message", len(rest))
	case wrapper.codec == CodecZstd:
		return nil, invalid("zstd in message format %d", magic)
	case wrapper.codec > CodecZstd:
		return nil, fault{wire.UnsupportedCompressionType, fmt.Sprintf("unknown compression codec %d", wrapper.codec)}
	case wrapper.value == nil:
		return nil, invalid("compressed message without a value")
	}
	if f := c.decompress(wrapper.codec, wrapper.value); f.code != wire.None {
		return nil, f
	}
	b := newBuilder(c.records)
	f = b.addAll(c.plain, magic, wrapper)
	c.records = b.buf
	if f.code == wire.None && b.count == 0 {
		f = invalid("compressed message without messages in it")
	}
	if f.code != wire.None {
		return nil, f
	}
	batch := make([]byte, HeaderSize, HeaderSize+len(wrapper.value)+len(wrapper.value)/8)
	batch = c.compress(batch, wrapper.codec, b.buf[HeaderSize:])
	b.seal(batch, wrapper.codec)
	return batch, fault{}
}

// addAll adds every message of a set in which none is compressed. If wrapper is a compressed message, it is what they came
// in, and says whose their timestamps are.
func (b *builder) addAll(set []byte, magic byte, wrapper message) fault {
	for len(set) > 0 {
		m, rest, f := nextMessage(set, magic)
		if f.code != wire.None {
			return f
		}
		if wrapper.codec != CodecNone {
			m.appendTime = wrapper.appendTime
		}
		if wrapper.appendTime {
			m.timestamp = wrapper.timestamp
		}
		switch {
		case m.codec != CodecNone:
			return invalid("compressed message among others")
		case m.timestamp < noTimestamp:
			return fault{wire.InvalidTimestamp, fmt.Sprintf("message has timestamp %d", m.timestamp)}
		}
		b.add(m)
		set = rest
	}
	return fault{}
}

// decompress puts what src decompresses to into c.plain and takes it off the limit.
func (c *Converter) decompress(codec Codec, src []byte) fault {
	var err error
	switch codec {
	case CodecGzip:
		c.plain, err = c.appendGunzip(c.plain[:0], src)
	case CodecSnappy:
		c.plain, err = appendUnsnappy(c.plain[:0], src, c.Limit)
	default:
		c.plain, err = appendUnLZ4(c.plain[:0], src, c.Limit)
	}
	c.Limit -= min(c.Limit, len(c.plain))
	switch {
	case errors.Is(err, errTooLarge):
		return fault{wire.MessageTooLarge, fmt.Sprintf("%d bytes of %s decompress to more than is allowed", len(src), codec)}
	case err != nil:
		return corrupt("decompress %d bytes of %s: %v", len(src), codec, err)
	default:
		return fault{}
	}
}

// compress appends records to dst, compressed as Java's producer does it.
func (c *Converter) compress(dst []byte, codec Codec, records []byte) []byte {
	switch codec {
	case CodecGzip:
		return c.appendGzip(dst, records)
	case CodecSnappy:
		return appendSnappy(dst, records)
	default:
		return c.appendLZ4(dst, records)
	}
}
