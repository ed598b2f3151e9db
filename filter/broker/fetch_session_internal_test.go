package broker

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// A session that has forgotten nearly all that it had holds no more than is counted for it.
//
//nolint:paralleltest // others would be measured too
func TestSessionOfFewHoldsLittle(t *testing.T) {
	const many, most = 50_000, 1 << 20
	full := &wire.FetchRequest{Topics: []wire.FetchTopic{{Name: "apples", Partitions: make([]wire.FetchPartition, many)}}}
	told := []wire.FetchedTopic{{Partitions: make([]wire.Fetched, many)}}
	forgotten := make([]int32, 0, many)
	for i := range full.Topics[0].Partitions {
		full.Topics[0].Partitions[i].Partition = int32(i)
		forgotten = append(forgotten, int32(i))
	}
	before := inUse()
	s := newFetchSession(false)
	s.begin(full, told)
	s.update(&wire.FetchRequest{Forgotten: []wire.ForgottenTopic{{Name: "apples", Partitions: forgotten[1:]}}})
	if held := inUse() - before; held > most {
		t.Errorf("%d bytes are held for %d partition, and %d are counted", held, len(s.spots), s.memory)
	}
	runtime.KeepAlive(full)
	runtime.KeepAlive(told)
	runtime.KeepAlive(forgotten)
	runtime.KeepAlive(s)
}

// inUse is how many bytes are held.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What is counted for a partition is no less than what it holds, in a map that has just grown or is about to be made smaller.
func TestSessionPartitionCost(t *testing.T) {
	t.Parallel()
	slot := unsafe.Sizeof(fetchSpot{}) + unsafe.Sizeof((*sessionPartition)(nil)) + 1
	if holds := unsafe.Sizeof(sessionPartition{}) + 4*slot; holds > sessionPartitionCost {
		t.Errorf("holds %d bytes, of which %d are counted", holds, sessionPartitionCost)
	}
}
