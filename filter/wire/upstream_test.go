package wire_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// batches are those of a request, in order.
func batches(req wire.ProduceRequest) []*wire.Batch {
	var bs []*wire.Batch
	for i := range req.Topics {
		for j := range req.Topics[i].Batches {
			bs = append(bs, &req.Topics[i].Batches[j])
		}
	}
	return bs
}

// encode joins the segments of a request.
func encode(h wire.ProduceHeader, bs []*wire.Batch) []byte {
	_, segments := wire.AppendProduceRequest(nil, nil, h, bs)
	return bytes.Join(segments, nil)
}

func someBatches() []*wire.Batch {
	return []*wire.Batch{
		{Topic: "orders", Partition: 0, Records: []byte("one")},
		{Topic: "orders", Partition: 7, Records: bytes.Repeat([]byte("two"), 100)},
		{Topic: "clicks", Partition: 0, Records: []byte{}},
		{Topic: strings.Repeat("long", 60), Partition: 3, Records: []byte("three")},
	}
}

func TestAppendProduceRequest(t *testing.T) {
	t.Parallel()
	for v := int16(3); v <= 12; v++ {
		for n := range len(someBatches()) + 1 {
			bs := someBatches()[:n]
			h := wire.ProduceHeader{Version: v, CorrelationID: 0x01020304, ClientID: "mesh", Acks: 1, TimeoutMillis: 1500}
			want := kmsg.NewPtrProduceRequest()
			want.Acks, want.TimeoutMillis = 1, 1500
			for i, b := range bs {
				if i == 0 || bs[i-1].Topic != b.Topic {
					topic := kmsg.NewProduceRequestTopic()
					topic.Topic = b.Topic
					want.Topics = append(want.Topics, topic)
				}
				p := kmsg.NewProduceRequestTopicPartition()
				p.Partition, p.Records = b.Partition, b.Records
				last := &want.Topics[len(want.Topics)-1]
				last.Partitions = append(last.Partitions, p)
			}
			if d := cmp.Diff(wiretest.Frame(wire.KeyProduce, v, h.CorrelationID, h.ClientID, want), encode(h, bs)); d != "" {
				t.Errorf("v%d, %d batches, differs from kmsg's frame:\n%s", v, n, d)
			}
		}
	}
}

func TestAppendProduceRequestSegments(t *testing.T) {
	t.Parallel()
	h := wire.ProduceHeader{Version: 9, CorrelationID: 1, ClientID: "mesh", Acks: -1}
	bs := someBatches()
	one := encode(h, bs)
	for room := range 200 {
		// Several requests into the same scratch, which grows at another place each time.
		scratch, segments := make([]byte, 0, room), [][]byte(nil)
		for range 3 {
			scratch, segments = wire.AppendProduceRequest(scratch, segments, h, bs)
		}
		if got := bytes.Join(segments, nil); !bytes.Equal(got, bytes.Repeat(one, 3)) {
			t.Fatalf("scratch of %d bytes: three requests are not three times one", room)
		}
	}
	_, segments := wire.AppendProduceRequest(nil, nil, h, bs)
	aliased := 0
	for _, s := range segments {
		if len(s) == 0 {
			t.Error("empty segment")
		}
		for _, b := range bs {
			if len(b.Records) > 0 && unsafe.SliceData(s) == unsafe.SliceData(b.Records) {
				aliased++
			}
		}
	}
	if aliased != 3 {
		t.Errorf("%d batches are aliased, want 3", aliased)
	}
}

// answers is a broker's response for bs.
func answers(version int16, bs []*wire.Batch) *kmsg.ProduceResponse {
	resp := kmsg.NewPtrProduceResponse()
	resp.Version, resp.ThrottleMillis = version, 12
	for i, b := range bs {
		if i == 0 || bs[i-1].Topic != b.Topic {
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic = b.Topic
			resp.Topics = append(resp.Topics, topic)
		}
		p := kmsg.NewProduceResponseTopicPartition()
		p.Partition, p.BaseOffset, p.LogAppendTime = b.Partition, 100+int64(i), 1000+int64(i)
		if version >= 5 {
			p.LogStartOffset = int64(i)
		}
		if i == 1 {
			p.ErrorCode = int16(wire.NotLeaderOrFollower)
			if version >= 8 {
				p.ErrorMessage = new("moved")
				p.ErrorRecords = []kmsg.ProduceResponseTopicPartitionErrorRecord{{RelativeOffset: 3, ErrorMessage: new("bad")}, {RelativeOffset: 4}}
			}
			if version >= 10 {
				p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = 5, 44
				resp.Brokers = []kmsg.ProduceResponseBroker{{NodeID: 5, Host: "elsewhere", Port: 9092}}
			}
		}
		last := &resp.Topics[len(resp.Topics)-1]
		last.Partitions = append(last.Partitions, p)
	}
	return resp
}

// resultsOf is what DecodeProduceResponse should make of answers.
func resultsOf(version int16, n int) []wire.Result {
	want := make([]wire.Result, n)
	for i := range want {
		want[i] = wire.Result{BaseOffset: 100 + int64(i), LogAppendTime: 1000 + int64(i), LogStartOffset: -1, LeaderEpoch: -1}
		if version >= 5 {
			want[i].LogStartOffset = int64(i)
		}
		if i == 1 {
			want[i].Code = wire.NotLeaderOrFollower
			if version >= 8 {
				want[i].Message = "moved"
				want[i].RecordErrors = []wire.RecordError{{3, "bad"}, {4, ""}}
			}
			if version >= 10 {
				want[i].LeaderEpoch = 44
			}
		}
	}
	return want
}

func results(bs []*wire.Batch) []wire.Result {
	rs := make([]wire.Result, len(bs))
	for i, b := range bs {
		rs[i] = b.Result
	}
	return rs
}

// body is what follows the correlation id of resp.
func body(version int16, resp *kmsg.ProduceResponse) []byte {
	return wiretest.ResponseFrame(version, 1, resp)[8:]
}

func TestDecodeProduceResponse(t *testing.T) {
	t.Parallel()
	for v := int16(3); v <= 12; v++ {
		bs := someBatches()
		resp := answers(v, bs)
		want := resultsOf(v, len(bs))
		for round := range 10 {
			throttle, err := wire.DecodeProduceResponse(v, body(v, resp), bs)
			if throttle != 12 || err != nil {
				t.Errorf("DecodeProduceResponse(%d) = %d, %v, want 12", v, throttle, err)
			}
			if d := cmp.Diff(want, results(bs)); d != "" {
				t.Errorf("v%d, round %d:\n%s", v, round, d)
			}
			// Brokers answer in any order.
			rand.Shuffle(len(resp.Topics), func(i, j int) { resp.Topics[i], resp.Topics[j] = resp.Topics[j], resp.Topics[i] })
			for _, topic := range resp.Topics {
				ps := topic.Partitions
				rand.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
			}
		}
	}
}

func TestDecodeProduceResponseTruncated(t *testing.T) {
	t.Parallel()
	for v := int16(3); v <= 12; v++ {
		bs := someBatches()
		whole := body(v, answers(v, bs))
		for n := range len(whole) + 2 {
			if n == len(whole) {
				continue
			}
			b := append(bytes.Clone(whole), 0)[:n]
			_, err := wire.DecodeProduceResponse(v, b, bs)
			checkUnknown(t, fmt.Sprintf("v%d, %d of %d bytes", v, n, len(whole)), err, bs)
		}
	}
}

// checkUnknown checks that a response that was not understood leaves no batch with a result that looks like one.
func checkUnknown(t *testing.T, what string, err error, bs []*wire.Batch) {
	t.Helper()
	if reasonOf(err) == 0 {
		t.Errorf("%s: %v, want a violation", what, err)
		return
	}
	for _, b := range bs {
		if d := cmp.Diff(wire.Failed(wire.NetworkException, err.Error()), b.Result); d != "" {
			t.Errorf("%s: %s/%d:\n%s", what, b.Topic, b.Partition, d)
		}
	}
}

func TestDecodeProduceResponseMismatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*kmsg.ProduceResponse)
		says   string
	}{
		{"missing topic", func(r *kmsg.ProduceResponse) { r.Topics = r.Topics[1:] }, "no answer for orders/0"},
		{"missing partition", func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions = r.Topics[0].Partitions[:1] }, "no answer for orders/7"},
		{"nothing", func(r *kmsg.ProduceResponse) { r.Topics = nil }, "no answer"},
		{"unknown topic", func(r *kmsg.ProduceResponse) { r.Topics[0].Topic = "other" }, "other/0, which was not asked"},
		{"unknown partition", func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions[0].Partition = 9 }, "orders/9, which was not asked"},
		{"twice", func(r *kmsg.ProduceResponse) { r.Topics = append(r.Topics, r.Topics[0]) }, "second answer for orders/0"},
		{"impossible code", func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions[0].ErrorCode = -32768 }, "orders/0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bs := someBatches()
			resp := answers(9, bs)
			tt.change(resp)
			_, err := wire.DecodeProduceResponse(9, body(9, resp), bs)
			checkUnknown(t, tt.name, err, bs)
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q does not say %q", err, tt.says)
			}
		})
	}
	bs := someBatches()
	_, err := wire.DecodeProduceResponse(13, nil, bs)
	checkUnknown(t, "version 13", err, bs)
}

func FuzzDecodeProduceResponse(f *testing.F) {
	for v := int16(3); v <= 12; v++ {
		f.Add(v, body(v, answers(v, someBatches())))
	}
	f.Fuzz(func(t *testing.T, version int16, b []byte) {
		bs := someBatches()
		_, err := wire.DecodeProduceResponse(version, b, bs)
		if err != nil {
			checkUnknown(t, "fuzzed", err, bs)
			return
		}
		// What was understood can be said again.
		req := ofBatches(bs)
		frame := wire.AppendProduceResponse(nil, wire.Header{Key: wire.KeyProduce, Version: version}, req, 0)
		again := someBatches()
		if _, err := wire.DecodeProduceResponse(version, frame[8:], again); err != nil {
			t.Fatal(err)
		}
		for i := range bs {
			if bs[i].Result.Code != wire.NotLeaderOrFollower || bs[i].Result.LeaderEpoch < 0 {
				bs[i].Result.LeaderEpoch = -1 // cannot be said
			}
		}
		if d := cmp.Diff(results(bs), results(again), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("v%d: decode, encode, decode:\n%s", version, d)
		}
	})
}

// ofBatches groups batches by topic again.
func ofBatches(bs []*wire.Batch) []wire.ProduceTopic {
	var ts []wire.ProduceTopic
	for i, b := range bs {
		if i == 0 || bs[i-1].Topic != b.Topic {
			ts = append(ts, wire.ProduceTopic{Name: b.Topic})
		}
		last := &ts[len(ts)-1]
		last.Batches = append(last.Batches, *b)
	}
	return ts
}

func coalesced(n int) []*wire.Batch {
	bs := make([]*wire.Batch, n)
	for i := range bs {
		bs[i] = &wire.Batch{Topic: fmt.Sprintf("topic-%d", i/16), Partition: int32(i % 16), Records: make([]byte, 1024)}
	}
	return bs
}

func BenchmarkAppendProduceRequest(b *testing.B) {
	h := wire.ProduceHeader{Version: 11, ClientID: "mesh", Acks: -1, TimeoutMillis: 30_000}
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n, " batches"), func(b *testing.B) {
			bs := coalesced(n)
			var scratch []byte
			var segments [][]byte
			b.ReportAllocs()
			for b.Loop() {
				scratch, segments = wire.AppendProduceRequest(scratch[:0], segments[:0], h, bs)
			}
		})
	}
}

func BenchmarkDecodeProduceResponse(b *testing.B) {
	for _, n := range []int{1, 64} {
		bs := coalesced(n)
		resp := answers(11, bs)
		inOrder := body(11, resp)
		for _, topic := range resp.Topics {
			ps := topic.Partitions
			rand.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
		}
		for name, in := range map[string][]byte{"in order": inOrder, "shuffled": body(11, resp)} {
			b.Run(fmt.Sprint(n, " batches ", name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := wire.DecodeProduceResponse(11, in, bs); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
