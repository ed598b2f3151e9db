package upstreamtest

import (
	"math"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

func TestParseHeader(t *testing.T) {
	t.Parallel()
	const id = 1<<61 | 5
	numbered := wiretest.Batch{
		Records:  wiretest.Records(3, 10),
		Producer: &wiretest.Producer{ID: id, Epoch: 2, Sequence: math.MaxInt32},
	}
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  header
	}{
		{"text", []byte("a text that is much longer than a header of a record batch would be"), header{count: 1, producer: -1}},
		{"nothing", nil, header{count: 1, producer: -1}},
		{
			"of no producer",
			wiretest.Batch{Records: wiretest.Records(2, 10)}.Bytes(),
			header{count: 2, producer: -1, epoch: -1, appended: appended{first: -1}},
		},
		{
			"numbered, over the end of the numbers", numbered.Bytes(),
			header{count: 3, producer: id, epoch: 2, appended: appended{first: math.MaxInt32, last: 1}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := parseHeader(tt.bytes); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// step is a batch, and what is answered.
type step struct {
	producer int64
	epoch    int16
	sequence int32
	records  int
	offset   int64
	code     wire.ErrorCode
}

// What a broker does with sequence numbers (ProducerAppendInfo.java, ProducerStateEntry.java).
func TestSequences(t *testing.T) {
	t.Parallel()
	const (
		gap    = wire.OutOfOrderSequenceNumber
		fenced = wire.InvalidProducerEpoch
	)
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{1, 0, 0, 1, 0, 0}, {1, 0, 1, 2, 1, 0}, {1, 0, 3, 1, 3, 0}}},
		{"an unknown producer may begin anywhere", []step{{1, 0, 6, 1, 0, 0}, {1, 0, 0, 1, -1, gap}, {1, 0, 7, 1, 1, 0}}},
		{"a gap", []step{{1, 0, 0, 1, 0, 0}, {1, 0, 2, 1, -1, gap}, {1, 0, 1, 1, 1, 0}, {1, 0, 2, 1, 2, 0}}},
		{"stored before", []step{{1, 0, 0, 1, 0, 0}, {2, 0, 0, 1, 1, 0}, {1, 0, 0, 1, 0, 0}, {1, 0, 1, 1, 2, 0}}},
		{"stored before, otherwise cut", []step{{1, 0, 0, 2, 0, 0}, {1, 0, 0, 1, -1, gap}}},
		{"six before", []step{
			{1, 0, 0, 1, 0, 0},
			{1, 0, 1, 1, 1, 0},
			{1, 0, 2, 1, 2, 0},
			{1, 0, 3, 1, 3, 0},
			{1, 0, 4, 1, 4, 0},
			{1, 0, 0, 1, 0, 0},
			{1, 0, 5, 1, 5, 0},
			{1, 0, 1, 1, 1, 0},
			{1, 0, 0, 1, -1, gap},
		}},
		{"a new epoch begins with 0", []step{{1, 0, 0, 1, 0, 0}, {1, 1, 1, 1, -1, gap}, {1, 1, 0, 1, 1, 0}, {1, 1, 1, 1, 2, 0}}},
		{"an old epoch", []step{{1, 1, 0, 1, 0, 0}, {1, 0, 1, 1, -1, fenced}}},
		{"after the last number", []step{{1, 0, math.MaxInt32, 1, 0, 0}, {1, 0, 0, 1, 1, 0}}},
		{"over the last number", []step{{1, 0, math.MaxInt32 - 1, 3, 0, 0}, {1, 0, 1, 1, 3, 0}}},
		{"no numbers", []step{{-1, -1, -1, 2, 0, 0}, {-1, -1, -1, 2, 2, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l partitionLog
			for i, s := range tt.steps {
				b := wiretest.Batch{Records: wiretest.Records(s.records, 1)}
				b.Producer = &wiretest.Producer{ID: s.producer, Epoch: s.epoch, Sequence: s.sequence}
				if offset, code := l.append(b.Bytes()); offset != s.offset || code != s.code {
					t.Errorf("batch %d: offset %d, %s; want %d, %s", i, offset, code, s.offset, s.code)
				}
			}
		})
	}
}
