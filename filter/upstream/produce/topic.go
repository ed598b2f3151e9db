package produce

import (
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// topic is what a pool knows of one topic, guarded by the pool's mutex. It is told by the topology.
type topic struct {
	name  string
	known bool // meta has been answered, without an error
	meta  wire.Topic
	// asked is when meta was answered, used when a batch last needed it.
	asked, used time.Time
	// doubted is set when a broker's answer contradicts meta: batches wait until it has been asked for again.
	doubted bool
	// asking says that the topology has been told to ask for it, and has not come back yet.
	asking     bool
	partitions []*partition
	// waiting holds the batches that wait for meta, in order.
	waiting []waitingBatch
}

// partition is the state of one partition across its leaders.
type partition struct {
	index int32
	// streams holds where each connection's batches are on their way to. Another lane is used by a connection only when it has nothing
	// on the one before, so that its batches never race.
	streams map[*order.Fences]stream
	// queued is how many of its batches are queued in the lanes to a broker, by slot.
	queued []int32
	// cargo numbers the request for which one of its batches was last looked at.
	cargo uint64
	// latest is the number of the Produce call that last brought a batch: a call may bring one batch of a partition, no more.
	latest uint64
}

// stream is what one client's connection has on its way to a partition.
type stream struct {
	lane   *lane
	inLane int // batches, queued or in flight
	// opening says that the first batch that a producer ever sends to the partition is among them. What comes behind it is held until it
	// has its result: a broker that refused it would take the next one for the first.
	opening bool
	held    []waitingBatch
}

// enter counts a batch of a connection as on its way through a lane. It reports false if the connection has some on another.
func (p *partition) enter(from *order.Fences, l *lane, b *wire.Batch) bool {
	s := p.streams[from]
	if s.inLane > 0 && s.lane != l {
		return false
	}
	if p.streams == nil {
		p.streams = map[*order.Fences]stream{}
	}
	p.streams[from] = stream{lane: l, inLane: s.inLane + 1, opening: order.Opens(b)}
	return true
}

// hold keeps a batch back if what it is behind has to have its result first, and reports whether it does.
func (t *topic) hold(b *wire.Batch, req *produce) bool {
	if b.Partition < 0 || int(b.Partition) >= len(t.partitions) {
		return false
	}
	p := t.partitions[b.Partition]
	s := p.streams[req.fences]
	if s.opening {
		s.held = append(s.held, waitingBatch{b, req})
		p.streams[req.fences] = s
	}
	return s.opening
}

// leave counts a batch as answered. It returns the lane that it took, and what was held for its sake.
func (p *partition) leave(from *order.Fences, b *wire.Batch) (l *lane, held []waitingBatch) {
	s := p.streams[from]
	if s.opening && order.Opens(b) {
		held = s.held
		s.opening, s.held = false, nil
	}
	if s.inLane--; s.inLane > 0 {
		p.streams[from] = s
	} else {
		delete(p.streams, from)
	}
	return s.lane, held
}

// enqueue counts a batch as queued in the lane of a slot.
func (p *partition) enqueue(slot int) {
	for len(p.queued) <= slot {
		p.queued = append(p.queued, 0)
	}
	p.queued[slot]++
}

// queuedIn is how many of its batches are queued in the lane of a slot.
func (p *partition) queuedIn(slot int) int32 {
	if slot < len(p.queued) {
		return p.queued[slot]
	}
	return 0
}

type waitingBatch struct {
	batch   *wire.Batch
	produce *produce
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
