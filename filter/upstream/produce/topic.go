package produce

import (
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// topic is what a pool knows of one topic, guarded by the pool's mutex. It is told by the topology.
type topic struct {
	name  string
	known bool // meta has been answered, without an error
	meta  wire.Topic
	// asked is when meta was answered, used when a batch last needed it, or it was first heard of.
	asked, used time.Time
	// doubted is set when a broker's answer contradicts meta: batches wait until it has been asked for again.
	doubted bool
	// asking says that the topology has been told to ask for it, and has not come back yet.
	asking     bool
	partitions []*partition
	// waiting holds the batches that wait for meta, in order.
	waiting []waitingBatch
}

// waitingBatch is one that is in no lane.
type waitingBatch struct {
	batch   *wire.Batch
	produce *produce
	to      *lane // that it was held for, nil if none
}

// leader returns the node that leads partition i.
func (t *topic) leader(i int32) (node int32, code wire.ErrorCode) {
	if i < 0 || int(i) >= len(t.meta.Partitions) {
		return -1, wire.UnknownTopicOrPartition
	}
	if n := t.meta.Partitions[i].Leader; n >= 0 {
		return n, wire.None
	}
	return -1, wire.NotLeaderOrFollower
}

// learn replaces what is known by a cluster's answer.
func (t *topic) learn(meta wire.Topic, now time.Time) {
	t.meta, t.known, t.doubted, t.asked = meta, meta.Code == wire.None, false, now
	for len(t.partitions) < len(meta.Partitions) {
		t.partitions = append(t.partitions, &partition{index: int32(len(t.partitions))})
	}
}

// unused reports whether nobody has needed the topic for longer than age and none of its batches is on its way.
func (t *topic) unused(now time.Time, age time.Duration) bool {
	return now.Sub(t.used) > age && !t.busy()
}

// busy reports whether batches of the topic are on their way: what is known of their lanes keeps their order.
func (t *topic) busy() bool {
	return len(t.waiting) > 0 || slices.ContainsFunc(t.partitions, func(p *partition) bool { return len(p.streams) > 0 })
}
