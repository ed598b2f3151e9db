package produce

import (
	"hash/fnv"
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
	// streams holds where each connection's batches are on their way to. A new leader's lane is used by a connection only when it has
	// nothing on another, so that its batches never race.
	streams map[*order.Fences]stream
	// cargo numbers the request for which one of its batches was last looked at.
	cargo uint64
	// latest is the number of the Produce call that last brought a batch: a call may bring one batch of a partition, no more.
	latest uint64
}

// stream is what one client's connection has on its way to a partition.
type stream struct {
	lane   *lane
	inLane int // batches, queued or in flight
}

// enter counts a batch of a connection as on its way through a lane. It reports false if the connection has some on another.
func (p *partition) enter(from *order.Fences, l *lane) bool {
	s := p.streams[from]
	if s.inLane > 0 && s.lane != l {
		return false
	}
	if p.streams == nil {
		p.streams = map[*order.Fences]stream{}
	}
	p.streams[from] = stream{l, s.inLane + 1}
	return true
}

// leave counts a batch as answered, and returns the lane that it took.
func (p *partition) leave(from *order.Fences) *lane {
	s := p.streams[from]
	if s.inLane--; s.inLane > 0 {
		p.streams[from] = s
	} else {
		delete(p.streams, from)
	}
	return s.lane
}

// slot says which of n connections to a broker the partition's batches take: always the same, whoever asks.
func (p *partition) slot(topic string, n int) int {
	if n == 1 {
		return 0
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(topic)) // never fails
	return int((hash.Sum32() + uint32(p.index)) % uint32(n))
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
