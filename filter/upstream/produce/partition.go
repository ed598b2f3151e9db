package produce

import (
	"cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// partition is the state of one partition across its leaders.
type partition struct {
	index int32
	// streams holds where each connection's batches are on their way to. Another lane is used by a connection only when it has nothing
	// on the one before, so that its batches never race.
	streams map[*order.Fences]stream
	// queued is how many of its batches are queued in lanes, by slot: those to its last leader count too, until they are refused.
	queued []int32
	// clients is how many connections of clients have batches of it in lanes, by slot: one that is leaving counts where it goes.
	clients []int32
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
	// leaving is the lane that is to be taken when nothing is on this one any more: it has too many clients. What comes until then is held.
	leaving *lane
	held    []waitingBatch
}

// counted is the lane that the stream counts in.
func (s *stream) counted() *lane { return cmp.Or(s.leaving, s.lane) }

// enter counts a batch of a connection as on its way through a lane. It reports false if the connection has some on another.
func (p *partition) enter(from *order.Fences, l *lane, b *wire.Batch) bool {
	s := p.streams[from]
	if s.inLane > 0 && s.lane != l {
		return false
	}
	if p.streams == nil {
		p.streams = map[*order.Fences]stream{}
	}
	if s.inLane == 0 {
		p.count(l.slot, 1)
	}
	p.streams[from] = stream{lane: l, inLane: s.inLane + 1, opening: order.Opens(b)}
	return true
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
		return s.lane, held
	}
	p.count(s.counted().slot, -1)
	delete(p.streams, from)
	if s.leaving != nil {
		held = s.held
		for i := range held {
			held[i].to = s.leaving
		}
	}
	return s.lane, held
}

// count counts a connection as having batches in the lane of a slot, or no more.
func (p *partition) count(slot int, change int32) {
	for len(p.clients) <= slot {
		p.clients = append(p.clients, 0)
	}
	p.clients[slot] += change
}

// clientsIn is how many connections have batches in the lane of a slot.
func (p *partition) clientsIn(slot int) int32 {
	if slot < len(p.clients) {
		return p.clients[slot]
	}
	return 0
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

// hold keeps a batch back if what it is behind has to have its result first, and reports whether it does. The mutex is held.
func (p *Pool) hold(t *topic, b *wire.Batch, req *produce, d *dispatch) bool {
	if b.Partition < 0 || int(b.Partition) >= len(t.partitions) {
		return false
	}
	part := t.partitions[b.Partition]
	s := part.streams[req.fences]
	if !s.opening && s.leaving == nil {
		return false
	}
	if part.latest == req.number || len(s.held) > 0 && s.held[len(s.held)-1].produce == req {
		d.fail(b, req, wire.InvalidRequest, twoBatches)
		return true
	}
	s.held = append(s.held, waitingBatch{batch: b, produce: req})
	part.streams[req.fences] = s
	return true
}
