package record_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/record"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// resealed is set with every message's CRC made right, as far as the sizes lead from one to the next.
func resealed(set []byte) []byte {
	set = bytes.Clone(set)
	for b := set; len(b) >= 26; {
		size := int(int32(binary.BigEndian.Uint32(b[8:])))
		if size < 14 || size > len(b)-12 {
			break
		}
		sealed(b[: 12+size : 12+size])
		b = b[12+size:]
	}
	return set
}

// checkConvert converts set. If it is taken, franz-go reads the same records before and after.
func checkConvert(t *testing.T, set []byte) {
	t.Helper()
	c := record.Converter{Limit: 1 << 16}
	batch, code, text := c.Convert(set)
	if (code == wire.None) != (text == "") || code != wire.None && batch != nil || c.Limit < 0 {
		t.Fatalf("Convert(%x) = %x %s %q, limit %d", set, batch, code, text, c.Limit)
	}
	if code != wire.None || len(set) == 0 || set[16] == 2 {
		return
	}
	h, code, text := record.Check(3, batch)
	if code != wire.None {
		t.Fatalf("Check(Convert(%x)) = %s %q", set, code, text)
	}
	after, err := read(batch)
	if err != nil || len(after) != int(h.Count) {
		t.Fatalf("Convert(%x): read %d of %d records, %v", set, len(after), h.Count, err)
	}
	// franz-go does not read the lz4 of magic 0, gives records without a timestamp one, and heeds the wrapper's bit.
	before, err := read(set)
	if err != nil || len(before) != len(after) {
		return
	}
	for i := range before {
		if set[16] == 0 || set[17]&8 != 0 || batch[22]&8 != 0 {
			before[i].Timestamp = after[i].Timestamp
		}
	}
	if d := differ(before, after); d != "" {
		t.Errorf("Convert(%x):\n%s", set, d)
	}
}

// FuzzConvert converts data as a set, as the stream in a wrapper, and as the set in that stream.
func FuzzConvert(f *testing.F) {
	for _, g := range goldenSets(f) {
		f.Add(g.set, byte(g.magic), byte(g.codec))
	}
	f.Add(xerial(setOf(oldMessage{Value: []byte("x")}), 7), byte(0), byte(2))
	f.Add(lz4Frame(0x7c, 0x70, "12345678", setOf(oldMessage{Value: []byte("x")}), 9, "sums", "\x00\x00\x00\x00sums"), byte(0), byte(3))
	f.Fuzz(func(t *testing.T, data []byte, magic, codec byte) {
		m, c := int8(magic&1), int8(codec&7)
		checkConvert(t, data)
		checkConvert(t, resealed(data))
		checkConvert(t, holding(m, c, data))
		if 1 <= c && c <= 4 {
			checkConvert(t, wrapped(m, c, resealed(data)))
		}
	})
}

// FuzzConvertRecords builds a set of what it is given, which must come out again.
func FuzzConvertRecords(f *testing.F) {
	f.Add(byte(0), byte(0), int64(0), []byte("key"), []byte("value"), byte(3))
	f.Add(byte(1), byte(3), int64(wiretest.BaseTimestamp), []byte{}, bytes.Repeat([]byte("value"), 300), byte(200))
	f.Fuzz(func(t *testing.T, magic, codec byte, timestamp int64, key, value []byte, n byte) {
		var ms []oldMessage
		var want []wiretest.Record
		for i := range int(n%64) + 1 {
			r := wiretest.Record{Key: key, Value: value, Timestamp: (timestamp + int64(i)*1001) & (1<<43 - 1)}
			switch i % 4 {
			case 1:
				r.Key = nil
			case 2:
				r.Value = nil
			case 3:
				r.Key, r.Value = value[:len(value)/2], value[len(value)/2:]
			}
			if magic%2 == 0 {
				r.Timestamp = -1
			}
			want = append(want, r)
			ms = append(ms, oldMessage{Magic: int8(magic % 2), Timestamp: r.Timestamp, Key: r.Key, Value: r.Value})
		}
		set := setOf(ms...)
		if len(set) > testLimit {
			return
		}
		if codec %= 4; codec > 0 {
			set = wrapped(int8(magic%2), int8(codec), set)
		}
		if d := differ(want, mustConvert(t, set, record.Codec(codec))); d != "" {
			t.Error(d)
		}
	})
}
