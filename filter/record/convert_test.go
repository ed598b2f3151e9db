package record_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/record"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

const testLimit = 8 << 20

// convert is Convert with a fresh Converter.
func convert(set []byte) ([]byte, wire.ErrorCode, string) {
	return (&record.Converter{Limit: testLimit}).Convert(set)
}

// read is what franz-go's consumer reads from a batch or a message set, CRC and compression and all.
func read(raw []byte) ([]wiretest.Record, error) {
	p := kmsg.NewFetchResponseTopicPartition()
	p.RecordBatches, p.HighWatermark = raw, 1<<40
	got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: -1 << 62}, &p, decompressor, nil)
	if got.Err != nil {
		return nil, got.Err
	}
	rs := make([]wiretest.Record, len(got.Records))
	for i, r := range got.Records {
		rs[i] = wiretest.Record{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp.UnixMilli()}
	}
	return rs, nil
}

// differ says how records differ; nothing if they do not. (cmp alone looks at every byte, slowly.)
func differ(want, got []wiretest.Record) string {
	same := func(a, b wiretest.Record) bool {
		return a.Timestamp == b.Timestamp && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) &&
			(a.Key == nil) == (b.Key == nil) && (a.Value == nil) == (b.Value == nil)
	}
	if slices.EqualFunc(want, got, same) {
		return ""
	}
	return cmp.Diff(want, got)
}

// mustConvert converts set and returns the records of the batch, whose header it checks.
func mustConvert(t *testing.T, set []byte, codec record.Codec) []wiretest.Record {
	t.Helper()
	before := bytes.Clone(set)
	batch, code, text := convert(set)
	if code != wire.None || text != "" {
		t.Fatalf("Convert = %s %q", code, text)
	}
	if !bytes.Equal(set, before) {
		t.Error("Convert changes the set")
	}
	rs, err := read(batch)
	if err != nil {
		t.Fatalf("read %x: %v", batch, err)
	}
	h, code, text := record.Check(3, batch)
	want := record.Header{Codec: codec, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1, Count: int32(len(rs))}
	if h != want || code != wire.None {
		t.Errorf("Check(converted) = %+v %s %q, want %+v", h, code, text, want)
	}
	var b kmsg.RecordBatch
	if err := b.ReadFrom(batch); err != nil {
		t.Fatal(err)
	}
	if b.FirstOffset != 0 || b.PartitionLeaderEpoch != -1 || b.Attributes&^7 != 0 {
		t.Errorf("batch has base offset %d, leader epoch %d, attributes %#x", b.FirstOffset, b.PartitionLeaderEpoch, b.Attributes)
	}
	latest := int64(-1)
	for _, r := range rs {
		latest = max(latest, r.Timestamp)
	}
	if b.FirstTimestamp != rs[0].Timestamp || b.MaxTimestamp != latest {
		t.Errorf("batch has timestamps %d to %d, want %d to %d", b.FirstTimestamp, b.MaxTimestamp, rs[0].Timestamp, latest)
	}
	return rs
}

// fourRecords is what the sets in testdata hold.
func fourRecords(magic int8) []wiretest.Record {
	rs := []wiretest.Record{
		{Key: []byte("key-1"), Value: []byte("value one"), Timestamp: wiretest.BaseTimestamp},
		{Value: []byte("a value without a key, a value without a key"), Timestamp: wiretest.BaseTimestamp + 5},
		{Key: []byte("key-3"), Timestamp: wiretest.BaseTimestamp - 7},
		{Key: []byte{}, Value: []byte{}, Timestamp: wiretest.BaseTimestamp + 1},
	}
	for i := range rs {
		if magic == 0 {
			rs[i].Timestamp = -1
		}
	}
	return rs
}

// goldenSet is one line of testdata/message-sets.hex.
type goldenSet struct {
	name  string
	magic int8
	codec record.Codec
	set   []byte
}

func goldenSets(tb testing.TB) []goldenSet {
	tb.Helper()
	text, err := os.ReadFile("testdata/message-sets.hex")
	if err != nil {
		tb.Fatal(err)
	}
	var sets []goldenSet
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if line[0] == '#' {
			continue
		}
		set, err := hex.DecodeString(f[3])
		if err != nil {
			tb.Fatal(err)
		}
		codec := slices.Index([]string{"none", "gzip", "snappy", "lz4"}, f[2])
		sets = append(sets, goldenSet{strings.Join(f[:3], " "), int8(f[1][0] - '0'), record.Codec(codec), set})
	}
	if len(sets) != 16 {
		tb.Fatalf("%d golden sets, want 16", len(sets))
	}
	return sets
}

func TestConvertGolden(t *testing.T) {
	t.Parallel()
	for _, g := range goldenSets(t) {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			if d := differ(fourRecords(g.magic), mustConvert(t, g.set, g.codec)); d != "" {
				t.Error(d)
			}
			// Uncompressed there is only one way to write the batch.
			if g.codec == record.CodecNone {
				got, _, _ := convert(g.set)
				if want := (wiretest.Batch{Records: fourRecords(g.magic)}).Bytes(); !bytes.Equal(got, want) {
					t.Errorf("Convert = %x, want %x", got, want)
				}
			}
			// An old client's header checksum or the right one, both are read.
			if g.codec == record.CodecLZ4 {
				other := bytes.Clone(g.set)
				at := bytes.Index(other, []byte("\x04\x22\x4d\x18")) + 6
				other[at] ^= 0x1a ^ 0x82
				mustConvert(t, sealed(other), g.codec)
			}
		})
	}
	// The frame that magic 0 needs is in there: no lz4 library takes it.
	broken := goldenSets(t)[3]
	if _, err := read(broken.set); err == nil || broken.name != "java-3.9.2 0 lz4" {
		t.Errorf("franz-go reads %s: its header checksum is right", broken.name)
	}
}

// manyMessages is n messages, compressible or not, and their records.
func manyMessages(magic int8, n, size int, random bool) ([]oldMessage, []wiretest.Record) {
	noise := rand.NewChaCha8([32]byte{byte(magic)})
	ms, rs := make([]oldMessage, n), wiretest.Records(n, size)
	for i := range rs {
		rs[i].Headers = nil
		if random {
			noise.Read(rs[i].Value)
		}
		if magic == 0 {
			rs[i].Timestamp = -1
		}
		ms[i] = oldMessage{Magic: magic, Timestamp: rs[i].Timestamp, Key: rs[i].Key, Value: rs[i].Value}
	}
	return ms, rs
}

func TestConvertLarge(t *testing.T) {
	t.Parallel()
	for magic := range int8(2) {
		for codec := range int8(4) {
			for _, random := range []bool{false, true} {
				t.Run(fmt.Sprintf("magic %d %s random %v", magic, record.Codec(codec), random), func(t *testing.T) {
					t.Parallel()
					ms, want := manyMessages(magic, 300, 300, random)
					set := setOf(ms...)
					plain := len(set)
					if codec > 0 {
						set = wrapped(magic, codec, set)
					}
					if d := differ(want, mustConvert(t, set, record.Codec(codec))); d != "" {
						t.Error(d)
					}
					if batch, _, _ := convert(set); codec > 0 && !random && len(batch) > plain/2 {
						t.Errorf("%d bytes became a batch of %d: not compressed", plain, len(batch))
					}
				})
			}
		}
	}
}

// lz4Frame is a frame with these flags and block size, of blocks that are not compressed.
func lz4Frame(flags, blockSize byte, header string, data []byte, step int, blockSum, end string) []byte {
	out := append([]byte("\x04\x22\x4d\x18"), flags, blockSize)
	out = append(out, header+"\x00"...)
	for chunk := range slices.Chunk(data, step) {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(chunk))|1<<31)
		out = append(append(out, chunk...), blockSum...)
	}
	return append(out, end...)
}

func TestConvertFramings(t *testing.T) {
	t.Parallel()
	ms, want := manyMessages(1, 20, 100, false)
	set := setOf(ms...)
	const size = "\x00\x01\x02\x03\x04\x05\x06\x07"
	tests := []struct {
		name  string
		codec int8
		value []byte
	}{
		{"gzip, two members", 1, slices.Concat(squeezed(1, set[:50]), squeezed(1, set[50:]))},
		{"snappy, raw", 2, squeezed(2, set)},
		{"snappy, one block", 2, xerial(set, 1<<20)},
		{"snappy, blocks of 7 bytes", 2, xerial(set, 7)},
		{"snappy, versions 0", 2, append([]byte("\x82SNAPPY\x00\x00\x00\x00\x00\x00\x00\x00\x00"), xerial(set, 1<<20)[16:]...)},
		{"lz4, checksum of the content", 3, squeezed(3, set)},
		{"lz4, raw blocks", 3, lz4Frame(0x60, 0x40, "", set, 500, "", "\x00\x00\x00\x00")},
		{"lz4, content size", 3, lz4Frame(0x68, 0x50, size, set, 500, "", "\x00\x00\x00\x00")},
		{"lz4, block checksums", 3, lz4Frame(0x70, 0x60, "", set, 500, "sums", "\x00\x00\x00\x00")},
		{"lz4, everything", 3, lz4Frame(0x7c, 0x70, size, set, 500, "sums", "\x00\x00\x00\x00sums")},
		{"lz4, bytes after the frame", 3, append(squeezed(3, set), "junk"...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wrapper := oldMessage{Magic: 1, Attributes: tt.codec, Value: tt.value}.bytes()
			if d := differ(want, mustConvert(t, wrapper, record.Codec(tt.codec))); d != "" {
				t.Error(d)
			}
		})
	}
}

// What a broker decides by itself goes on to it, or does not matter to it.
func TestConvertAsABroker(t *testing.T) {
	t.Parallel()
	value := []byte("v")
	at := func(ts int64) oldMessage { return oldMessage{Magic: 1, Timestamp: ts, Value: value} }
	odd := oldMessage{Magic: 1, Attributes: 1, Timestamp: -5, Key: value, Value: squeezed(1, setOf(at(3), at(4)))}
	within := oldMessage{Magic: 1, Attributes: 8, Timestamp: 7, Value: value}
	nullKey := at(5).bytes()
	nullKey[29] = 0xfe // the key's length: -2
	tests := []struct {
		name  string
		set   []byte
		codec record.Codec
		want  []int64 // timestamps
	}{
		{"wrapper with key and odd timestamp", odd.bytes(), 1, []int64{3, 4}},
		{"offsets", slices.Concat(oldMessage{Offset: 1 << 40, Value: value}.bytes(), oldMessage{Offset: -5, Value: value}.bytes()), 0, []int64{-1, -1}},
		{"other attributes", oldMessage{Attributes: 0x78, Value: value}.bytes(), 0, []int64{-1}},
		{"length below -1", sealed(nullKey), 0, []int64{5}},
		{"timestamps far apart", setOf(at(-1), at(1<<43), at(0)), 0, []int64{-1, 1 << 43, 0}},
		{"append time within a wrapper", wrapped(1, 1, within.bytes()), 1, []int64{7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rs := mustConvert(t, tt.set, tt.codec)
			got := make([]int64, len(rs))
			for i, r := range rs {
				if got[i] = r.Timestamp; !bytes.Equal(r.Value, value) || r.Key != nil {
					t.Errorf("record %d is %+v", i, r)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("timestamps %d, want %d", got, tt.want)
			}
		})
	}
}

// The difference of two timestamps may be more than an int64 holds. (franz-go's consumer counts in nanoseconds.)
func TestConvertWidestTimestamps(t *testing.T) {
	t.Parallel()
	want := []int64{-1, 1<<63 - 1, 0}
	var set []byte
	for _, ts := range want {
		set = append(set, oldMessage{Magic: 1, Timestamp: ts}.bytes()...)
	}
	raw, code, text := convert(set)
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); code != wire.None || err != nil || b.MaxTimestamp != want[1] {
		t.Fatalf("Convert = %s %q, %v, latest timestamp %d", code, text, err, b.MaxTimestamp)
	}
	rest := b.Records
	for i, ts := range want {
		var r kmsg.Record
		n, size := binary.Varint(rest)
		if err := r.ReadFrom(rest[:size+int(n)]); err != nil || b.FirstTimestamp+r.TimestampDelta64 != ts || int(r.OffsetDelta) != i {
			t.Errorf("record %d: offset %d, timestamp %d, %v, want %d", i, r.OffsetDelta, b.FirstTimestamp+r.TimestampDelta64, err, ts)
		}
		rest = rest[size+int(n):]
	}
}

// The claim that a timestamp is the broker's goes along; the wrapper's counts for all messages in it.
func TestConvertAppendTime(t *testing.T) {
	t.Parallel()
	inner := setOf(oldMessage{Magic: 1, Timestamp: 3}, oldMessage{Magic: 1, Timestamp: 4})
	for name, set := range map[string][]byte{
		"plain":   oldMessage{Magic: 1, Attributes: 8, Timestamp: 9}.bytes(),
		"wrapped": oldMessage{Magic: 1, Attributes: 8 | 2, Timestamp: 9, Value: squeezed(2, inner)}.bytes(),
	} {
		batch, code, text := convert(set)
		var b kmsg.RecordBatch
		if err := b.ReadFrom(batch); code != wire.None || err != nil {
			t.Errorf("%s: Convert = %s %q, %v", name, code, text, err)
		}
		if b.Attributes&^7 != 8 || b.FirstTimestamp != 9 || b.MaxTimestamp != 9 {
			t.Errorf("%s: attributes %#x, timestamps %d to %d, want append time 9", name, b.Attributes, b.FirstTimestamp, b.MaxTimestamp)
		}
	}
}

func TestConvertNothingToDo(t *testing.T) {
	t.Parallel()
	if batch, code, text := convert([]byte{}); batch != nil || code != wire.None || text != "" {
		t.Errorf("Convert(empty) = %x %s %q, want nothing", batch, code, text)
	}
	// A batch is not even looked at.
	for _, b := range [][]byte{batch(3), batch(3)[:17], slices.Concat(batch(1), message(1))} {
		if got, code, _ := convert(b); code != wire.None || &got[0] != &b[0] || len(got) != len(b) {
			t.Errorf("Convert(batch) = %x %s, want it back", got, code)
		}
	}
}

// A Converter that has been used makes the same of a set as a new one, and keeps nothing of the results before.
func TestConverterAgain(t *testing.T) {
	t.Parallel()
	big, _ := manyMessages(0, 5000, 300, false) // more than a Converter keeps of its buffers
	sets := [][]byte{wrapped(0, 1, setOf(big...)), {1, 2, 3}}
	for _, g := range goldenSets(t) {
		sets = append(sets, g.set)
	}
	c := record.Converter{Limit: 100 << 20}
	var results [][]byte
	for range 2 {
		for _, set := range sets {
			got, _, _ := c.Convert(set)
			results = append(results, got)
		}
	}
	for i, got := range results {
		if want, _, _ := convert(sets[i%len(sets)]); !bytes.Equal(got, want) {
			t.Errorf("set %d: Convert = %x, want %x", i, got, want)
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	for codec := range int8(4) {
		b.Run(record.Codec(codec).String(), func(b *testing.B) {
			ms, _ := manyMessages(1, 100, 160, false)
			set := setOf(ms...)
			b.SetBytes(int64(len(set)))
			if codec > 0 {
				set = wrapped(1, codec, set)
			}
			var c record.Converter
			b.ReportAllocs()
			for b.Loop() {
				c.Limit = testLimit
				if _, code, text := c.Convert(set); code != wire.None {
					b.Fatal(code, text)
				}
			}
		})
	}
}
