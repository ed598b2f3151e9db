package record_test

import (
	"encoding/binary"
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

func batch(n int) []byte {
	return wiretest.Batch{Records: wiretest.Records(n, 100)}.Bytes()
}

// changed is a batch of three records after f, with its length and CRC made right again.
func changed(f func(b []byte)) []byte {
	b := batch(3)
	f(b)
	wiretest.Seal(b)
	return b
}

// message is a message of magic 0 or 1, with its value.
func message(magic int8) []byte {
	m := kmsg.MessageV0{Magic: magic, Value: []byte("old enough")}
	if magic == 1 {
		v1 := kmsg.MessageV1{Magic: magic, Value: m.Value}
		v1.MessageSize = int32(len(v1.AppendTo(nil)) - 12)
		return v1.AppendTo(nil)
	}
	m.MessageSize = int32(len(m.AppendTo(nil)) - 12)
	return m.AppendTo(nil)
}

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	for codec := kgo.CodecNone; codec <= kgo.CodecZstd; codec++ {
		for _, n := range []int{1, 2, 500} {
			b := wiretest.Batch{
				Records: wiretest.Records(n, 50), Codec: codec,
				Producer: &wiretest.Producer{ID: 1<<61 + 5, Epoch: 3, Sequence: 1000},
			}
			got, code, text := record.Check(7, b.Bytes())
			if code != wire.None || text != "" {
				t.Errorf("Check(%s, %d records) = %s %q", record.Codec(codec), n, code, text)
			}
			want := record.Header{Codec: record.Codec(codec), ProducerID: 1<<61 + 5, ProducerEpoch: 3, BaseSequence: 1000, Count: int32(n)}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("Check(%s, %d records):\n%s", record.Codec(codec), n, d)
			}
		}
	}
	// Unused bits and the timestamp type are the broker's business.
	b := changed(func(b []byte) { b[21], b[22] = 0xff, 0x48 })
	if _, code, text := record.Check(3, b); code != wire.None {
		t.Errorf("Check(other attributes) = %s %q", code, text)
	}
	// So are counts that do not agree, and control batches: behind the CRC, which may be wrong for the same reason.
	for _, change := range []func(b []byte){
		func(b []byte) { b[22] = 0x20 },
		func(b []byte) { binary.BigEndian.PutUint32(b[57:], 4) },
		func(b []byte) { binary.BigEndian.PutUint32(b[57:], 0) },
		func(b []byte) { binary.BigEndian.PutUint32(b[23:], 1<<32-1) },
	} {
		if _, code, text := record.Check(3, changed(change)); code != wire.None {
			t.Errorf("Check(header %x) = %s %q", changed(change)[:61], code, text)
		}
	}
	// So is the CRC.
	b[17]++
	if _, code, text := record.Check(3, b); code != wire.None {
		t.Errorf("Check(wrong CRC) = %s %q", code, text)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	lies := func(length int32) []byte {
		b := batch(3)
		binary.BigEndian.PutUint32(b[8:], uint32(length))
		return b
	}
	damaged := func(attributes byte) []byte {
		b := batch(3)
		b[22] = attributes
		return b
	}
	size := int32(len(batch(3)))
	tests := []struct {
		name    string
		version int16
		batch   []byte
		want    wire.ErrorCode
		says    string
	}{
		{"null", 3, nil, wire.InvalidRecord, "no whole record batch"},
		{"empty", 3, []byte{}, wire.InvalidRecord, "no whole record batch"},
		{"magic 0", 3, message(0), wire.InvalidRecord, "message format 0"},
		{"magic 1", 3, message(1), wire.InvalidRecord, "message format 1"},
		{"magic 3", 3, changed(func(b []byte) { b[16] = 3 }), wire.CorruptMessage, "unknown message format 3"},
		{"magic -1", 3, changed(func(b []byte) { b[16] = 0xff }), wire.CorruptMessage, "unknown message format"},
		{"two batches", 3, slices.Concat(batch(1), batch(2)), wire.InvalidRecord, "more than one"},
		{"batch and message", 3, slices.Concat(batch(1), message(1)), wire.InvalidRecord, "more than one"},
		{"trailing zeros", 3, append(batch(1), make([]byte, 12)...), wire.CorruptMessage, "behind the record batch"},
		{"trailing junk", 3, append(batch(1), slices.Repeat([]byte{0x7f}, 17)...), wire.CorruptMessage, "unknown message format 127"},
		{"length too large", 3, lies(size - 11), wire.InvalidRecord, "no whole"},
		{"length of less than a header", 3, lies(48), wire.CorruptMessage, "fewer than its header"},
		{"length of less than a message", 3, lies(13), wire.CorruptMessage, "fewer than the smallest"},
		{"length zero", 3, lies(0), wire.CorruptMessage, "fewer than the smallest"},
		{"length below zero", 3, lies(-1 << 31), wire.CorruptMessage, "fewer than the smallest"},
		{"largest length", 3, lies(1<<31 - 1), wire.InvalidRecord, "no whole"},
		{"codec 5", 9, changed(func(b []byte) { b[22] = 5 }), wire.UnsupportedCompressionType, "codec 5"},
		{"codec 7", 9, changed(func(b []byte) { b[22] = 7 }), wire.UnsupportedCompressionType, "codec 7"},
		{"zstd in version 6", 6, changed(func(b []byte) { b[22] = 4 }), wire.UnsupportedCompressionType, "zstd needs Produce version 7"},
		{"codec 5 and a wrong CRC", 9, damaged(5), wire.CorruptMessage, "checksum"},
		{"transactional control", 9, changed(func(b []byte) { b[22] = 0x30 }), wire.TransactionalIDAuthorizationFailed, "transactions"},
		{"transactional of an unknown codec", 9, changed(func(b []byte) { b[22] = 0x17 }), wire.TransactionalIDAuthorizationFailed, "transactions"},
		{"transactional", 9, changed(func(b []byte) { b[22] = 0x10 }), wire.TransactionalIDAuthorizationFailed, "transactions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, code, text := record.Check(tt.version, tt.batch); code != tt.want || !strings.Contains(text, tt.says) {
				t.Errorf("Check(%d, %d bytes) = %s %q, want %s that says %q", tt.version, len(tt.batch), code, text, tt.want, tt.says)
			}
		})
	}
}

func TestCheckTruncated(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{batch(3), batch(1)} {
		for n := 1; n < len(b); n++ {
			if _, code, text := record.Check(9, b[:n]); code != wire.InvalidRecord || text == "" {
				t.Errorf("Check(%d of %d bytes) = %s %q, want INVALID_RECORD", n, len(b), code, text)
			}
		}
	}
}

// What follows a batch and is none is dropped.
func TestTrim(t *testing.T) {
	t.Parallel()
	want := batch(3)
	for _, tail := range [][]byte{nil, {0}, make([]byte, 11), batch(1)[:16], batch(1)[:70], message(1)[:20]} {
		b := slices.Concat(want, tail)
		if _, code, text := record.Check(9, b); code != wire.None {
			t.Errorf("Check(batch and %x) = %s %q, want NONE", tail, code, text)
		}
		if got := record.Trim(b); !slices.Equal(want, got) || cap(got) != len(got) {
			t.Errorf("Trim(batch and %x) = %d bytes of %d, want %d", tail, len(got), cap(got), len(want))
		}
	}
	short := batch(3)
	binary.BigEndian.PutUint32(short[8:], uint32(len(short)-13)) // a broker finds its CRC wrong
	if got := record.Trim(short); len(got) != len(short)-1 {
		t.Errorf("Trim(batch that says it is a byte shorter) = %d bytes, want %d", len(got), len(short)-1)
	}
}

func TestCodecString(t *testing.T) {
	t.Parallel()
	for codec, want := range []string{"none", "gzip", "snappy", "lz4", "zstd", "unknown"} {
		if got := record.Codec(codec).String(); got != want {
			t.Errorf("Codec(%d) = %s, want %s", codec, got, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(int16(9), batch(3))
	f.Add(int16(3), message(1))
	f.Add(int16(3), slices.Concat(batch(1), batch(2)))
	f.Fuzz(func(t *testing.T, version int16, b []byte) {
		h, code, text := record.Check(version, b)
		if (code == wire.None) != (text == "") {
			t.Fatalf("Check(%x) = %s %q", b, code, text)
		}
		if code != wire.None {
			return
		}
		// What is accepted, kmsg reads as exactly one batch of magic 2.
		b = record.Trim(b)
		var rb kmsg.RecordBatch
		if err := rb.ReadFrom(b); err != nil || rb.Magic != 2 || len(rb.AppendTo(nil)) != len(b) || int(rb.Length) != len(b)-12 {
			t.Errorf("Check(%x) takes what is no batch: %v", b, err)
		}
		want := record.Header{
			Codec: record.Codec(rb.Attributes & 7), ProducerID: rb.ProducerID, ProducerEpoch: rb.ProducerEpoch,
			BaseSequence: rb.FirstSequence, Count: rb.NumRecords,
		}
		if d := cmp.Diff(want, h); d != "" || rb.Attributes&0x10 != 0 {
			t.Errorf("Check(%x) and kmsg differ:\n%s", b, d)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	raw := batch(100)
	b.ReportAllocs()
	for b.Loop() {
		if _, code, _ := record.Check(9, raw); code != wire.None {
			b.Fatal(code)
		}
	}
}
