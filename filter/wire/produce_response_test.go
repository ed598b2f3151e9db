package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

func answered() []wire.ProduceTopic {
	stored := wire.Result{BaseOffset: 1 << 40, LogAppendTime: 1_704_067_200_000, LogStartOffset: 17, LeaderEpoch: 9}
	moved := wire.Failed(wire.NotLeaderOrFollower, "")
	moved.LeaderEpoch = 44
	bad := wire.Failed(wire.InvalidRecord, "one record is bad")
	bad.RecordErrors = []wire.RecordError{{2, "no key"}, {3, ""}}
	return []wire.ProduceTopic{
		{Name: "orders", Batches: []wire.Batch{
			{Topic: "orders", Partition: 0, Result: stored},
			{Topic: "orders", Partition: 1, Result: moved},
			{Topic: "orders", Partition: 5, Result: wire.Failed(wire.NotLeaderOrFollower, "")},
		}},
		{Name: "clicks", Batches: []wire.Batch{{Topic: "clicks", Partition: 3, Result: bad}}},
		{Name: "empty"},
	}
}

// kmsgResponse is what kmsg should read of answered.
func kmsgResponse(version int16, topics []wire.ProduceTopic, throttle int32) *kmsg.ProduceResponse {
	want := kmsg.NewPtrProduceResponse()
	want.Version = version
	if version >= 1 {
		want.ThrottleMillis = throttle
	}
	for _, t := range topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = t.Name
		for _, b := range t.Batches {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode, p.BaseOffset = b.Partition, int16(b.Result.Code), b.Result.BaseOffset
			if version >= 2 {
				p.LogAppendTime = b.Result.LogAppendTime
			}
			if version >= 5 {
				p.LogStartOffset = b.Result.LogStartOffset
			}
			for _, e := range b.Result.RecordErrors {
				if version >= 8 {
					r := kmsg.ProduceResponseTopicPartitionErrorRecord{RelativeOffset: e.Index}
					if e.Message != "" {
						r.ErrorMessage = &e.Message
					}
					p.ErrorRecords = append(p.ErrorRecords, r)
				}
			}
			if version >= 8 && b.Result.Message != "" {
				p.ErrorMessage = &b.Result.Message
			}
			if version >= 10 && b.Result.Code == wire.NotLeaderOrFollower && b.Result.LeaderEpoch >= 0 {
				p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = 0, b.Result.LeaderEpoch
			}
			topic.Partitions = append(topic.Partitions, p)
		}
		want.Topics = append(want.Topics, topic)
	}
	return want
}

func TestAppendProduceResponse(t *testing.T) {
	t.Parallel()
	for v := int16(0); v <= 12; v++ {
		before := []byte("already there")
		dst := wire.AppendProduceResponse(before, wire.Header{Key: wire.KeyProduce, Version: v, CorrelationID: -77}, answered(), 150)
		frame := dst[len(before):]
		corr, got, err := wiretest.ParseResponse(wire.KeyProduce, v, frame)
		if corr != -77 || err != nil {
			t.Errorf("v%d: correlation id %d, %v, want -77", v, corr, err)
		}
		if d := cmp.Diff(got, kmsg.Response(kmsgResponse(v, answered(), 150)), cmpopts.EquateEmpty(), cmp.AllowUnexported(kmsg.Tags{})); d != "" {
			t.Errorf("v%d: kmsg reads (-), want (+):\n%s", v, d)
		}
		if size := wire.ProduceResponseSize(v, answered()); size < len(frame) || size > 2*len(frame)+50 {
			t.Errorf("ProduceResponseSize(%d) = %d, want %d or little more", v, size, len(frame))
		}
	}
}

func TestAppendProduceResponseLongMessage(t *testing.T) {
	t.Parallel()
	for _, v := range []int16{8, 9} {
		// Character number 32767 is within the last ü that fits in part.
		message := strings.Repeat("ü", 20_000)
		topics := []wire.ProduceTopic{{Name: "t", Batches: []wire.Batch{{Result: wire.Failed(wire.InvalidRecord, message)}}}}
		_, resp, err := wiretest.ParseResponse(wire.KeyProduce, v, wire.AppendProduceResponse(nil, wire.Header{Version: v}, topics, 0))
		if err != nil {
			t.Fatal(err)
		}
		got := *resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorMessage
		if want := message[:32766]; got != want {
			t.Errorf("v%d: message of %d bytes, want %d", v, len(got), len(want))
		}
	}
}

func BenchmarkAppendProduceResponse(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n, " partitions"), func(b *testing.B) {
			topics := []wire.ProduceTopic{{Name: "orders", Batches: make([]wire.Batch, n)}}
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = wire.AppendProduceResponse(dst[:0], wire.Header{Version: 9}, topics, 0)
			}
		})
	}
}
