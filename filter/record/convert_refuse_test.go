package record_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/record"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// edited is a message after f, with its CRC made right again but not its size.
func edited(message []byte, f func(b []byte)) []byte {
	b := bytes.Clone(message)
	f(b)
	size := binary.BigEndian.Uint32(b[8:])
	binary.BigEndian.PutUint32(sealed(b)[8:], size)
	return b
}

// put32 puts a length into a message or a stream.
func put32(at int, v int32) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint32(b[at:], uint32(v)) }
}

// holding is the compressed message with this value.
func holding(magic, codec int8, value []byte) []byte {
	return oldMessage{Magic: magic, Attributes: codec, Value: value}.bytes()
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	one := func(magic int8) oldMessage { return oldMessage{Magic: magic, Key: []byte("k"), Value: []byte("abc")} }
	v0, v1 := one(0).bytes(), one(1).bytes()
	badCRC := bytes.Clone(v1)
	badCRC[12]++
	size := int32(len(v1) - 12)
	tests := []struct {
		name string
		set  []byte
		want wire.ErrorCode
		says string
	}{
		{"null", nil, wire.InvalidRecord, "no message set"},
		{"magic 3", edited(v1, func(b []byte) { b[16] = 3 }), wire.CorruptMessage, "unknown message format 3"},
		{"magic -1", edited(v1, func(b []byte) { b[16] = 255 }), wire.CorruptMessage, "unknown message format 255"},
		{"magic 0, then 1", slices.Concat(v0, v1), wire.InvalidRecord, "format 1 among"},
		{"magic 1, then 0", slices.Concat(v1, v0), wire.InvalidRecord, "format 0 among"},
		{"magic 1, then a batch", slices.Concat(v1, batch(1)), wire.InvalidRecord, "format 2 among"},
		{"wrong CRC", badCRC, wire.CorruptMessage, "CRC"},
		{"wrong CRC in the second", slices.Concat(v1, badCRC), wire.CorruptMessage, "CRC"},
		{"size too small", edited(v1, put32(8, size-1)), wire.CorruptMessage, "CRC"},
		{"size too large", edited(v1, put32(8, size+1)), wire.CorruptMessage, "came"},
		{"size of less than a message", edited(v1, put32(8, 13)), wire.CorruptMessage, "fewer than its header"},
		{"size below zero", edited(v1, put32(8, -1)), wire.CorruptMessage, "fewer than its header"},
		{"largest size", edited(v1, put32(8, 1<<31-1)), wire.CorruptMessage, "came"},
		{"magic 1 of the least size", sealed(bytes.Clone(v1[:26])), wire.CorruptMessage, "do not agree"},
		{"key too long", edited(v1, put32(26, 9)), wire.CorruptMessage, "do not agree"},
		{"key longer than anything", edited(v1, put32(26, 1<<31-1)), wire.CorruptMessage, "do not agree"},
		{"key and no value", edited(v1, put32(26, 8)), wire.CorruptMessage, "do not agree"},
		{"value too short", edited(v1, put32(31, 2)), wire.CorruptMessage, "do not agree"},
		{"value too long", edited(v1, put32(31, 4)), wire.CorruptMessage, "do not agree"},
		{"null value, bytes after it", edited(v1, put32(31, -1)), wire.CorruptMessage, "do not agree"},
		{"timestamp -2", oldMessage{Magic: 1, Timestamp: -2}.bytes(), wire.InvalidTimestamp, "timestamp -2"},
		{"zstd", wrapped(1, 4, v1), wire.InvalidRecord, "zstd"},
		{"codec 5", holding(0, 5, v0), wire.UnsupportedCompressionType, "codec 5"},
		{"codec 7", holding(1, 7, v1), wire.UnsupportedCompressionType, "codec 7"},
		{"plain, then compressed", slices.Concat(v1, wrapped(1, 1, v1)), wire.InvalidRecord, "compressed message among"},
	}
	for codec := int8(1); codec <= 3; codec++ {
		w, name := wrapped(1, codec, v1), record.Codec(codec).String()+", "
		tests = append(tests, []struct {
			name string
			set  []byte
			want wire.ErrorCode
			says string
		}{
			{name + "two wrappers", slices.Concat(w, w), wire.InvalidRecord, "more than one"},
			{name + "wrapper, then plain", slices.Concat(w, v1), wire.InvalidRecord, "more than one"},
			{name + "bytes after the wrapper", append(bytes.Clone(w), 1, 2, 3), wire.CorruptMessage, "3 bytes follow"},
			{name + "wrong CRC of the wrapper", edited(w, func([]byte) {})[:len(w)-1], wire.CorruptMessage, "came"},
			{name + "null", holding(1, codec, nil), wire.InvalidRecord, "without a value"},
			{name + "empty", holding(1, codec, []byte{}), wire.CorruptMessage, "decompress 0 bytes"},
			{name + "no messages", wrapped(1, codec, nil), wire.InvalidRecord, "without messages"},
			{name + "nested", wrapped(1, codec, w), wire.InvalidRecord, "compressed message among"},
			{name + "other magic", wrapped(1, codec, v0), wire.InvalidRecord, "format 0 among"},
			{name + "wrong inner CRC", wrapped(1, codec, badCRC), wire.CorruptMessage, "CRC"},
			{name + "inner timestamp", wrapped(1, codec, oldMessage{Magic: 1, Timestamp: -9}.bytes()), wire.InvalidTimestamp, "-9"},
			{name + "other bytes", holding(1, codec, []byte("compressed by no codec at all")), wire.CorruptMessage, "decompress 29 bytes"},
		}...)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, code, text := convert(tt.set); got != nil || code != tt.want || !strings.Contains(text, tt.says) {
				t.Errorf("Convert = %x %s %q, want %s that says %q", got, code, text, tt.want, tt.says)
			}
		})
	}
}

// Streams whose frames lie. The CRC of the message is right.
func TestConvertRefusesStreams(t *testing.T) {
	t.Parallel()
	set := setOf(oldMessage{Value: bytes.Repeat([]byte("abc"), 100)})
	frame := func(flags, size byte) []byte { return lz4Frame(flags, size, "", set, 100, "", "\x00\x00\x00\x00") }
	stream := xerial(set, 100)
	lie := func(v int32) []byte { b := bytes.Clone(stream); put32(16, v)(b); return b }
	tests := []struct {
		name  string
		codec int8
		value []byte
	}{
		{"gzip, bytes after it", 1, append(squeezed(1, set), "junk"...)},
		{"gzip, wrong checksum", 1, func() []byte { b := squeezed(1, set); b[len(b)-5]++; return b }()},
		{"snappy, bytes after it", 2, append(squeezed(2, set), "junk"...)},
		{"snappy, says it is larger than it can be", 2, append([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, squeezed(2, set)...)},
		{"snappy, header only half", 2, stream[:12]},
		{"snappy, half a length", 2, stream[:18]},
		{"snappy, empty block", 2, lie(0)},
		{"snappy, block too long", 2, lie(1 << 20)},
		{"snappy, block below zero", 2, lie(-1)},
		{"snappy, bytes after the last block", 2, append(bytes.Clone(stream), 0)},
		{"lz4, version 2", 3, frame(0xa0, 0x40)},
		{"lz4, blocks that depend on each other", 3, frame(0x40, 0x40)},
		{"lz4, dictionary", 3, frame(0x61, 0x40)},
		{"lz4, unknown flag", 3, frame(0x62, 0x40)},
		{"lz4, block size 3", 3, frame(0x60, 0x30)},
		{"lz4, block size 8", 3, frame(0x60, 0x80)},
		{"lz4, no end", 3, lz4Frame(0x60, 0x40, "", set, 100, "", "")},
		{"lz4, no content checksum", 3, lz4Frame(0x64, 0x40, "", set, 100, "", "\x00\x00\x00\x00")},
		{"lz4, no block checksum", 3, lz4Frame(0x70, 0x40, "", set, 1000, "", "\x00\x00\x00")},
		{"lz4, no content size", 3, lz4Frame(0x68, 0x40, "", nil, 1, "", "")},
		{"lz4, block larger than blocks are", 3, lz4Frame(0x60, 0x40, "", make([]byte, 64<<10+1), 1<<20, "", "\x00\x00\x00\x00")},
		{"lz4, broken block", 3, []byte("\x04\x22\x4d\x18\x60\x40\x82\x05\x00\x00\x00\xff\xff\xff\xff\xff\x00\x00\x00\x00")},
		{"lz4, legacy frame", 3, append([]byte("\x02\x21\x4c\x18"), frame(0x60, 0x40)[4:]...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, code, text := convert(holding(0, tt.codec, tt.value)); code != wire.CorruptMessage || !strings.Contains(text, "decompress") {
				t.Errorf("Convert = %s %q, want CORRUPT_MESSAGE in decompressing", code, text)
			}
		})
	}
}

// Wherever a set, a compressed stream or the set in it is cut off, nothing of it is taken.
func TestConvertTruncated(t *testing.T) {
	t.Parallel()
	for _, g := range goldenSets(t) {
		for n := 1; n < len(g.set); n++ {
			_, code, text := convert(g.set[:n])
			// A cut between two messages cannot be seen.
			if whole := g.codec == record.CodecNone && code == wire.None; !whole && (code != wire.CorruptMessage || text == "") {
				t.Errorf("%s: Convert(%d of %d bytes) = %s %q, want CORRUPT_MESSAGE", g.name, n, len(g.set), code, text)
			}
		}
	}
	inner := setOf(oldMessage{Value: []byte("first")}, oldMessage{Value: []byte("second")})
	first := len(inner) - len(setOf(oldMessage{Value: []byte("second")}))
	for codec := int8(1); codec <= 3; codec++ {
		for n := 1; n < len(inner); n++ {
			if _, code, _ := convert(wrapped(0, codec, inner[:n])); code != wire.CorruptMessage && n != first {
				t.Errorf("%s: Convert(%d of %d bytes within) = %s, want CORRUPT_MESSAGE", record.Codec(codec), n, len(inner), code)
			}
		}
		streams := [][]byte{squeezed(codec, inner)}
		if codec == 2 {
			streams = append(streams, xerial(inner, 1<<10))
		}
		for _, s := range streams {
			for n := range s {
				// A stream of no blocks holds nothing, which is another mistake.
				_, code, _ := convert(holding(0, codec, s[:n]))
				if code != wire.CorruptMessage && (code != wire.InvalidRecord || n != 16) {
					t.Errorf("%s: Convert(%d of %d bytes of stream) = %s, want CORRUPT_MESSAGE", record.Codec(codec), n, len(s), code)
				}
			}
		}
	}
}

func TestConvertLimit(t *testing.T) {
	t.Parallel()
	ms, _ := manyMessages(1, 50, 1000, false)
	plain := setOf(ms...)
	values := map[string][]byte{
		"gzip":              wrapped(1, 1, plain),
		"snappy":            wrapped(1, 2, plain),
		"snappy in blocks":  holding(1, 2, xerial(plain, 1000)),
		"lz4":               wrapped(1, 3, plain),
		"lz4 in raw blocks": holding(1, 3, lz4Frame(0x60, 0x40, "", plain, 1000, "", "\x00\x00\x00\x00")),
	}
	for name, set := range values {
		for limit := range 3 * len(plain) {
			// Near the limit and at the ends; in between every 997th.
			if d := len(plain) - limit; (d > 2 || d < -2) && limit > 2 && limit%997 != 0 {
				continue
			}
			c := record.Converter{Limit: limit}
			want := wire.None
			for left := limit; ; left -= len(plain) {
				if left < len(plain) {
					want = wire.MessageTooLarge
				}
				if _, code, text := c.Convert(set); code != want {
					t.Fatalf("%s: Convert with %d of %d left for %d = %s %q, want %s", name, left, limit, len(plain), code, text, want)
				}
				if want != wire.None {
					break
				}
			}
			if c.Limit < 0 {
				t.Errorf("%s: limit %d is now %d", name, limit, c.Limit)
			}
		}
	}
	// What is not compressed needs no limit.
	if _, code, text := new(record.Converter).Convert(plain); code != wire.None {
		t.Errorf("Convert(plain) without a limit = %s %q", code, text)
	}
}

// No lie makes Convert allocate more than a small multiple of the set, or of the limit if it is compressed.
func TestConvertAllocates(t *testing.T) { //nolint:paralleltest // counts all that is allocated meanwhile
	const limit = 1 << 20
	bomb := make([]byte, 64<<20)
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f} // snappy's length: 4 GiB
	tests := []struct {
		name string
		set  []byte
		most uint64
	}{
		{"message size", edited(setOf(oldMessage{}), put32(8, 1<<31-1)), 1 << 12},
		{"key length", edited(setOf(oldMessage{}), put32(18, 1<<31-1)), 1 << 12},
		{"snappy length", holding(0, 2, append(huge, make([]byte, 1000)...)), 1 << 14},
		{"lz4 block length", holding(0, 3, lz4Frame(0x60, 0x70, "", make([]byte, 1000), 1000, "", "\xff\xff\xff\x7f")), 1 << 18},
		{"gzip bomb", wrapped(0, 1, bomb), 10 * limit},
		{"snappy bomb", wrapped(0, 2, bomb), 10 * limit},
		{"snappy bomb in blocks", holding(0, 2, xerial(bomb, 32<<10)), 10 * limit},
		{"lz4 bomb", wrapped(0, 3, bomb), 10 * limit},
	}
	for _, tt := range tests {
		var code wire.ErrorCode
		got := allocated(func() {
			c := record.Converter{Limit: limit}
			_, code, _ = c.Convert(tt.set)
		})
		if code == wire.None || got > tt.most {
			t.Errorf("%s: Convert(%d bytes) = %s, allocates %d bytes, want at most %d", tt.name, len(tt.set), code, got, tt.most)
		}
	}
	// What can be converted needs its buffers too.
	fits := wrapped(0, 1, setOf(oldMessage{Value: bomb[:limit-100]}))
	var code wire.ErrorCode
	var text string
	got := allocated(func() {
		c := record.Converter{Limit: limit}
		_, code, text = c.Convert(fits)
	})
	if code != wire.None || got > 10*limit {
		t.Errorf("Convert of %d bytes = %s %q, allocates %d bytes", limit, code, text, got)
	}
}

// allocated is how many bytes f allocates, with nothing in the pools: the least of some runs, because what the runtime allocates
// meanwhile counts too.
func allocated(f func()) (least uint64) {
	least = math.MaxUint64
	for range 5 {
		runtime.GC()
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}
