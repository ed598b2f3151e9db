package load

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// named are the partitions that a request names.
func named(r *kmsg.FetchRequest) (got []int32) {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			got = append(got, p.Partition)
		}
	}
	return got
}

// A full request names all partitions, from the one behind what was read last; one in a session those whose offset has changed.
func TestConsumerNames(t *testing.T) {
	t.Parallel()
	batch, _ := newBatch(1<<10, 1<<10)
	answered := kmsg.FetchResponseTopicPartition{Partition: 1, HighWatermark: 5, RecordBatches: batch}
	for _, tt := range []struct {
		name     string
		sessions bool
		id       int32
		epoch    int32 // that the request has
		want     []int32
	}{
		{"without a session", false, 0, -1, []int32{2, 0, 1}},
		{"one is asked for, and there is none", true, 0, 0, []int32{2, 0, 1}},
		{"in a session", true, 7, 1, []int32{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newConsumer(nil, &Job{Partitions: 3, Sessions: tt.sessions}, []string{"a"})
			if got := named(r.request()); !slices.Equal(got, []int32{0, 1, 2}) {
				t.Errorf("at first: %v", got)
			}
			records := int64(0)
			if r.id = tt.id; r.id != 0 {
				r.epoch++
			}
			if err := r.take(spot{0, 1}, &answered, false, func(n int64, _ []byte) { records += n }); err != nil || records != 1 {
				t.Fatalf("take: %d records, %v", records, err)
			}
			req := r.request()
			if got := named(req); !slices.Equal(got, tt.want) || req.SessionEpoch != tt.epoch || req.SessionID != tt.id {
				t.Errorf("behind an answer: %v in session %d, epoch %d", got, req.SessionID, req.SessionEpoch)
			}
			if r.next[0][1] != 1 {
				t.Errorf("it goes on at %d, want 1", r.next[0][1])
			}
		})
	}
}

// Records that a broker sends once more, because a batch begins before the offset, are not counted; at the end it begins again if it should.
func TestConsumerTakes(t *testing.T) {
	t.Parallel()
	batch, _ := newBatch(1<<10, 1<<10)
	second := slices.Clone(batch)
	binary.BigEndian.PutUint64(second, 1)
	for _, tt := range []struct {
		name    string
		again   bool
		high    int64
		records []byte
		count   int64
		next    int64
	}{
		{"two batches, and a part of a third", false, 9, slices.Concat(batch, second, batch[:70]), 2, 2},
		{"the same twice", false, 9, slices.Concat(batch, batch), 1, 1},
		{"the end", false, 2, slices.Concat(batch, second), 2, 2},
		{"the end, and again", true, 2, slices.Concat(batch, second), 2, 0},
		{"nothing", false, 0, nil, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newConsumer(nil, &Job{Partitions: 1}, []string{"a"})
			count := int64(0)
			p := kmsg.FetchResponseTopicPartition{HighWatermark: tt.high, RecordBatches: tt.records}
			if err := r.take(spot{}, &p, tt.again, func(n int64, _ []byte) { count += n }); err != nil {
				t.Fatal(err)
			}
			if count != tt.count || r.next[0][0] != tt.next {
				t.Errorf("%d records, then at %d, want %d and %d", count, r.next[0][0], tt.count, tt.next)
			}
		})
	}
	if err := newConsumer(nil, &Job{Partitions: 1}, []string{"a"}).take(spot{}, &kmsg.FetchResponseTopicPartition{ErrorCode: 1}, false, nil); err == nil {
		t.Error("an error code is no error")
	}
}

// A stamped batch says when it was due, and its checksum is right.
func TestStamp(t *testing.T) {
	t.Parallel()
	batch, records := newBatch(100, 100)
	f := newFrame("topic", -1, batch, records, 100)
	f.stamp(12345)
	sent := f.bytes[f.batch : f.batch+len(batch)]
	if got := stampIn(sent, 100); got != 12345 {
		t.Errorf("stampIn = %d, want 12345", got)
	}
	if got, want := binary.BigEndian.Uint32(sent[17:]), crc32.Checksum(sent[21:], castagnoli); got != want {
		t.Errorf("checksum %x, want %x", got, want)
	}
}
