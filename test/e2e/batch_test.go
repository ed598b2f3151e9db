package e2e

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// codecs are the names of the compressions of a batch, by their number in its attributes.
var codecs = [...]string{
	kgo.CodecNone: "none", kgo.CodecGzip: "gzip", kgo.CodecSnappy: "snappy", kgo.CodecLz4: "lz4", kgo.CodecZstd: "zstd",
}

const (
	noProducer = -1 // the producer id of a batch that is not idempotent
	// mintedProducer looks like the ids that the mesh gives to idempotent producers: bit 61 and random bits below.
	mintedProducer = 1<<61 | 0x0123_4567_89ab_cdef
)

// batchOf is a batch of count of our records, as a producer sends it. The number of the first is its sequence number too.
func batchOf(codec int, producer int64, from, count int) []byte {
	b := wiretest.Batch{Codec: kgo.CompressionCodecType(codec)}
	if producer != noProducer {
		b.Producer = &wiretest.Producer{ID: producer, Sequence: int32(from)}
	}
	for i := range count {
		r := record("raw", "bytes", from+i)
		out := wiretest.Record{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp.UnixMilli()}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
		}
		b.Records = append(b.Records, out)
	}
	return b.Bytes()
}

// masked is a batch, or several, without what a broker writes into each: the base offset and the leader epoch.
func masked(t *testing.T, batches []byte) []byte {
	t.Helper()
	out := bytes.Clone(batches)
	for rest := out; len(rest) > 0; {
		if len(rest) < 61 {
			t.Fatalf("%d bytes are no batch: %x", len(rest), rest)
		}
		size := 12 + int(binary.BigEndian.Uint32(rest[8:]))
		if size > len(rest) {
			t.Fatalf("a batch of %d bytes in %d", size, len(rest))
		}
		clear(rest[:8])
		clear(rest[12:16])
		rest = rest[size:]
	}
	return out
}
