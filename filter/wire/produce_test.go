package wire_test

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// produceRequest has everything a request can have: two topics, several partitions, empty and null records.
func produceRequest(version int16) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version = version
	if version >= 3 {
		req.TransactionID = new("tx")
	}
	req.Acks, req.TimeoutMillis = -1, 1500
	for _, topic := range []string{"orders", "ä/ü"} {
		t := kmsg.NewProduceRequestTopic()
		t.Topic = topic
		for i, records := range [][]byte{[]byte("records of " + topic), {}, nil} {
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = int32(7*i), records
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	return req
}

// ofKmsg is what DecodeProduce should make of req.
func ofKmsg(req *kmsg.ProduceRequest) wire.ProduceRequest {
	want := wire.ProduceRequest{TransactionalID: req.TransactionID, Acks: req.Acks, TimeoutMillis: req.TimeoutMillis}
	for _, t := range req.Topics {
		topic := wire.ProduceTopic{Name: t.Topic}
		for _, p := range t.Partitions {
			topic.Batches = append(topic.Batches, wire.Batch{Topic: t.Topic, Partition: p.Partition, Records: p.Records})
		}
		want.Topics = append(want.Topics, topic)
	}
	return want
}

func TestDecodeProduce(t *testing.T) {
	t.Parallel()
	for v := int16(0); v <= 12; v++ {
		req := produceRequest(v)
		body := req.AppendTo(nil)
		got, err := wire.DecodeProduce(v, body)
		if d := cmp.Diff(ofKmsg(req), got); d != "" || err != nil {
			t.Errorf("DecodeProduce(%d): %v\n%s", v, err, d)
		}
		first := got.Topics[0].Batches[0].Records
		if i := strings.Index(string(body), string(first)); &body[i] != unsafe.SliceData(first) {
			t.Errorf("DecodeProduce(%d): records are copied", v)
		}
		if cap(first) != len(first) {
			t.Errorf("DecodeProduce(%d): appending to records would write into the frame", v)
		}
		if b := got.Topics[0].Batches; b[1].Records == nil || b[2].Records != nil {
			t.Errorf("DecodeProduce(%d): empty and null records = %#v, %#v", v, b[1].Records, b[2].Records)
		}
	}
}

func TestDecodeProduceTruncated(t *testing.T) {
	t.Parallel()
	for v := int16(0); v <= 12; v++ {
		body := produceRequest(v).AppendTo(nil)
		for n := range body {
			got, err := wire.DecodeProduce(v, body[:n])
			if reasonOf(err) != wire.ReasonMalformedBody || got.Topics != nil {
				t.Errorf("DecodeProduce(%d, first %d of %d bytes) = %v, %v, want malformed_body", v, n, len(body), got, err)
			}
		}
	}
}

// Bytes behind a request change nothing.
func TestDecodeProduceTrailing(t *testing.T) {
	t.Parallel()
	for v := int16(0); v <= 12; v++ {
		body := produceRequest(v).AppendTo(nil)
		want, err := wire.DecodeProduce(v, body)
		got, err2 := wire.DecodeProduce(v, slices.Concat(body, body))
		if d := cmp.Diff(want, got); err != nil || err2 != nil || d != "" {
			t.Errorf("DecodeProduce(%d): %v; with the same once more behind it: %v\n%s", v, err, err2, d)
		}
	}
}

func TestDecodeProduceLies(t *testing.T) {
	t.Parallel()
	v3 := "ffff" + "ffff" + "000005dc"        // no transactional id, acks all, 1500 ms
	v9 := "00" + "ffff" + "000005dc"          // the same
	topic := "00000001" + "000161"            // one topic, "a"
	compact := "02" + "0261"                  // the same
	one := topic + "00000001" + "00000000"    // one partition, 0
	oneCompact := compact + "02" + "00000000" // the same
	tests := []struct {
		name    string
		version int16
		body    string
		want    wire.Reason
	}{
		{"null topics", 3, v3 + "ffffffff", wire.ReasonMalformedBody},
		{"null compact topics", 9, v9 + "0000", wire.ReasonMalformedBody},
		{"topics beyond the body", 3, v3 + "00000002" + "000161" + "00000000", wire.ReasonMalformedBody},
		{"topics beyond any body", 3, v3 + "7fffffff", wire.ReasonMalformedBody},
		{"compact topics beyond any body", 9, v9 + "ffffffff0f", wire.ReasonMalformedBody},
		{"varint of six bytes", 9, v9 + "808080808000", wire.ReasonMalformedBody},
		{"varint of 33 bits", 9, v9 + "ffffffff1f", wire.ReasonMalformedBody},
		{"null topic", 3, v3 + "00000001" + "ffff" + "00000000", wire.ReasonMalformedBody},
		{"null compact topic", 9, v9 + "02" + "00" + "01" + "0000", wire.ReasonMalformedBody},
		{"topic longer than the body", 3, v3 + "00000001" + "7fff" + "6161616161", wire.ReasonMalformedBody},
		{"null partitions", 3, v3 + topic + "ffffffff", wire.ReasonMalformedBody},
		{"partitions beyond the body", 3, v3 + topic + "00000002" + "0000000000000000", wire.ReasonMalformedBody},
		{"compact partitions beyond the body", 9, v9 + compact + "03" + "00000000" + "0100" + "0000", wire.ReasonMalformedBody},
		{"records longer than the body", 3, v3 + one + "00000002" + "00", wire.ReasonMalformedBody},
		{"records longer than any body", 3, v3 + one + "7fffffff" + "00", wire.ReasonMalformedBody},
		{"compact records longer than any body", 9, v9 + oneCompact + "ffffffff0f" + "000000", wire.ReasonMalformedBody},
		{"tags beyond any body", 9, v9 + oneCompact + "01" + "ffffffff0f" + "0000", wire.ReasonMalformedBody},
		{"tag longer than the body", 9, v9 + oneCompact + "01" + "01007f" + "0000", wire.ReasonMalformedBody},
		{"version below", -1, v3 + "00000000", wire.ReasonUnsupportedVersion},
		{"version above", 13, v9 + "0100", wire.ReasonUnsupportedVersion},

		{"no topics", 3, v3 + "00000000", 0},
		{"no compact topics", 9, v9 + "0100", 0},
		{"negative length is null", 3, v3 + one + "80000000", 0},
		{"unknown tags", 9, v9 + oneCompact + "01" + "010102abcd" + "0105020000" + "010700", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body, err := hex.DecodeString(tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wire.DecodeProduce(tt.version, body); reasonOf(err) != tt.want {
				t.Errorf("DecodeProduce(%d, %s): %v, want %q", tt.version, tt.body, err, tt.want)
			}
		})
	}
}

func TestDecodeProduceLongNames(t *testing.T) {
	t.Parallel()
	req := produceRequest(9)
	req.Topics[0].Topic = strings.Repeat("x", 32767)
	if _, err := wire.DecodeProduce(9, req.AppendTo(nil)); err != nil {
		t.Errorf("topic of 32767 bytes: %v", err)
	}
	req.Topics[0].Topic += "x"
	if _, err := wire.DecodeProduce(9, req.AppendTo(nil)); reasonOf(err) != wire.ReasonMalformedBody {
		t.Errorf("topic of 32768 bytes: %v, want malformed_body", err)
	}
}

func TestDecodeProduceTooManyPartitions(t *testing.T) {
	t.Parallel()
	for _, n := range []int{wire.MaxElements - 1, wire.MaxElements} { // and one topic
		req := kmsg.NewPtrProduceRequest()
		req.Version = 9
		req.Topics = []kmsg.ProduceRequestTopic{{Partitions: make([]kmsg.ProduceRequestTopicPartition, n)}}
		_, err := wire.DecodeProduce(9, req.AppendTo(nil))
		if want := map[bool]wire.Reason{true: wire.ReasonTooManyPartitions}[n == wire.MaxElements]; reasonOf(err) != want {
			t.Errorf("%d partitions: %v, want %q", n, err, want)
		}
	}
	body := binary.BigEndian.AppendUint32(make([]byte, 0, 1<<20), 0xffff_ffff)
	body = binary.BigEndian.AppendUint32(body, 1500)
	body = binary.BigEndian.AppendUint32(body, wire.MaxElements+1)
	body = append(body, make([]byte, 6*(wire.MaxElements+1))...)
	if _, err := wire.DecodeProduce(3, body); reasonOf(err) != wire.ReasonTooManyPartitions {
		t.Errorf("topics without partitions: %v, want too_many_partitions", err)
	}
}

// golden reads a frame from testdata: hex, with comments after #.
func golden(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func TestGoldenProduce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		header wire.Header
	}{
		{"produce-v3.hex", wire.Header{Key: wire.KeyProduce, Version: 3, CorrelationID: 5, ClientID: []byte("rdkafka")}},
		{"produce-v9.hex", wire.Header{Key: wire.KeyProduce, Version: 9, CorrelationID: 4, ClientID: []byte("producer-1")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw := golden(t, tt.name)
			var f wire.Framer
			fr, rest, err := f.Next(raw)
			if err != nil || fr == nil || len(rest) != 0 {
				t.Fatalf("Next = %v, %d bytes, %v", fr, len(rest), err)
			}
			h, body, err := served.ParseHeader(fr.Bytes())
			if !reflect.DeepEqual(h, tt.header) || err != nil {
				t.Errorf("ParseHeader = %+v, %v, want %+v", h, err, tt.header)
			}
			got, err := wire.DecodeProduce(h.Version, body)
			batch := wiretest.Batch{Records: []wiretest.Record{{Value: []byte("hello"), Timestamp: wiretest.BaseTimestamp}}}.Bytes()
			want := wire.ProduceRequest{Acks: -1, TimeoutMillis: 30_000, Topics: []wire.ProduceTopic{{
				Name: "orders", Batches: []wire.Batch{{Topic: "orders", Partition: 2, Records: batch}},
			}}}
			if d := cmp.Diff(want, got); d != "" || err != nil {
				t.Errorf("DecodeProduce: %v\n%s", err, d)
			}
			up := wire.ProduceHeader{Version: h.Version, CorrelationID: h.CorrelationID, ClientID: string(h.ClientID), Acks: -1, TimeoutMillis: 30_000}
			if d := cmp.Diff(hex.Dump(raw), hex.Dump(encode(up, batches(got)))); d != "" {
				t.Errorf("AppendProduceRequest differs:\n%s", d)
			}
		})
	}
}

func FuzzDecodeProduce(f *testing.F) {
	for v := int16(0); v <= 12; v++ {
		f.Add(v, produceRequest(v).AppendTo(nil))
	}
	seeds(f, func(frame []byte) {
		if h, body, err := served.ParseHeader(frame[4:]); err == nil && h.Key == wire.KeyProduce {
			f.Add(h.Version, body)
		}
	})
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		got, err := wire.DecodeProduce(version, body)
		if version < 0 || version > 12 {
			if reasonOf(err) != wire.ReasonUnsupportedVersion {
				t.Fatalf("DecodeProduce(%d): %v, want unsupported_version", version, err)
			}
			return
		}
		if hugeTagCount(body) {
			return // kmsg would count to four billion
		}
		req := kmsg.NewPtrProduceRequest()
		req.Version = version
		theirs := req.ReadFrom(body)
		if err != nil {
			// We are stricter: null arrays, over-long strings, unsorted tags. Whatever kmsg itself writes
			// we must take, though.
			if theirs == nil && string(req.AppendTo(nil)) == string(body) && !overlong(req) {
				t.Errorf("DecodeProduce(%d, %x): %v, kmsg has no objection", version, body, err)
			}
			return
		}
		if theirs != nil {
			t.Fatalf("DecodeProduce(%d, %x) takes what kmsg does not: %v", version, body, theirs)
		}
		if d := cmp.Diff(ofKmsg(req), got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("DecodeProduce(%d, %x) and kmsg differ:\n%s", version, body, d)
		}
	})
}

// hugeTagCount says whether body has something that kmsg could take for billions of tags.
func hugeTagCount(body []byte) bool {
	for i := 0; i+3 < len(body); i++ {
		if body[i]&body[i+1]&body[i+2]&0x80 != 0 {
			return true
		}
	}
	return false
}

func overlong(req *kmsg.ProduceRequest) bool {
	for _, t := range req.Topics {
		if len(t.Topic) > 32767 {
			return true
		}
	}
	return req.TransactionID != nil && len(*req.TransactionID) > 32767
}

func BenchmarkDecodeProduce(b *testing.B) {
	batch := wiretest.Batch{Records: wiretest.Records(16, 1024)}.Bytes()
	for name, n := range map[string]int{"1 partition": 1, "64 partitions": 64} {
		b.Run(name, func(b *testing.B) {
			frame := wiretest.ProduceFrame(9, 1, "bench", "orders", repeat(batch, n)...)
			b.ReportAllocs()
			for b.Loop() {
				h, body, err := served.ParseHeader(frame[4:])
				if err != nil {
					b.Fatal(err)
				}
				if _, err := wire.DecodeProduce(h.Version, body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" kmsg", func(b *testing.B) {
			frame := wiretest.ProduceFrame(9, 1, "bench", "orders", repeat(batch, n)...)
			_, body, _ := served.ParseHeader(frame[4:])
			b.ReportAllocs()
			for b.Loop() {
				req := kmsg.NewPtrProduceRequest()
				req.Version = 9
				if err := req.ReadFrom(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func repeat(p []byte, n int) [][]byte {
	ps := make([][]byte, n)
	for i := range ps {
		ps[i] = p
	}
	return ps
}
