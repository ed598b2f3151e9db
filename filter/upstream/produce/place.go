package produce

import (
	"cmp"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// place finds the way of one batch, or leaves it waiting for its topic's metadata. The mutex is held.
func (p *Pool) place(b *wire.Batch, req *produce, d *dispatch) {
	p.stats.InFlightBatches.Add(1)
	p.stats.InFlightBytes.Add(int64(len(b.Records)))
	if p.draining {
		d.fail(b, req, wire.NotLeaderOrFollower, "the proxy is shutting down")
		return
	}
	if limit := cmp.Or(p.settings.MaxMessageBytes, maxBatchBytes); int64(len(b.Records)) > min(limit, maxBatchBytes) {
		d.fail(b, req, wire.MessageTooLarge, "the batch is larger than the cluster's message.max.bytes allows")
		return
	}
	if req.outOfOrder(b) {
		d.fail(b, req, wire.NotLeaderOrFollower, earlierFirst)
		return
	}
	t := p.topics[b.Topic]
	if t != nil && p.hold(t, b, req, d) {
		return
	}
	if (t == nil || !t.known) && p.failing {
		p.wanted = b.Topic
		d.fail(b, req, wire.NotLeaderOrFollower, unknownLeaders)
		return
	}
	t = p.topic(b.Topic, req.now)
	if !t.known || t.doubted && !p.failing || len(t.waiting) > 0 {
		t.waiting = append(t.waiting, waitingBatch{batch: b, produce: req})
		p.refresh(t)
		return
	}
	if req.now.Sub(t.asked) > p.settings.MetadataMaxAge {
		p.refresh(t)
	}
	p.placeKnown(t, waitingBatch{batch: b, produce: req}, d)
}

const (
	// maxBatchBytes is the longest batch that fits into a request that a broker takes (socket.request.max.bytes).
	maxBatchBytes = 100<<20 - 64<<10

	earlierFirst   = "an earlier batch of this producer has to come again first"
	twoBatches     = "the request has two batches of this partition"
	waitedTooLong  = "the batch waited for the partition's leader until its time was over"
	unknownLeaders = "the cluster cannot be asked for the topic's leaders"
)

// placeKnown is place for a topic whose metadata is there. The mutex is held.
func (p *Pool) placeKnown(t *topic, w waitingBatch, d *dispatch) {
	b, req := w.batch, w.produce
	node, code := t.leader(b.Partition)
	if code != wire.None {
		p.refresh(t)
		d.fail(b, req, code, "")
		return
	}
	part := t.partitions[b.Partition]
	l := p.choose(node, part, w)
	if l == nil {
		p.refresh(t)
		d.fail(b, req, wire.NotLeaderOrFollower, "the partition's leader is not among the cluster's brokers")
		return
	}
	if part.latest == req.number {
		d.fail(b, req, wire.InvalidRequest, twoBatches)
		return
	}
	if l.isDown() {
		p.refresh(t)
		d.fail(b, req, wire.NotLeaderOrFollower, "no connection to the partition's leader")
		return
	}
	p.spread(part, l, req)
	if p.hold(t, b, req, d) {
		return
	}
	if !part.enter(req.fences, l, b) {
		d.fail(b, req, wire.NotLeaderOrFollower, "the partition is moving to a new leader")
		return
	}
	part.latest = req.number
	d.add(l, part, b, req)
}

// placeHeld finds the ways of batches that were held until others had their results, unless it is too late. The mutex is held.
func (p *Pool) placeHeld(held []waitingBatch) {
	if len(held) == 0 {
		return
	}
	d := &dispatch{pool: p}
	now := time.Now()
	for _, w := range held {
		if now.After(w.produce.sendBy) && !w.produce.outOfOrder(w.batch) {
			d.fail(w.batch, w.produce, wire.RequestTimedOut, waitedTooLong)
		} else {
			p.placeAgain(w, d)
		}
	}
	d.enqueue()
	p.later(d.report)
}

// placeAgain is place for a batch that has waited or was held. The mutex is held.
func (p *Pool) placeAgain(w waitingBatch, d *dispatch) {
	t := p.topics[w.batch.Topic]
	switch {
	case w.produce.outOfOrder(w.batch):
		d.fail(w.batch, w.produce, wire.NotLeaderOrFollower, earlierFirst)
	case t == nil || !t.known && t.meta.Code == wire.None:
		d.fail(w.batch, w.produce, wire.NotLeaderOrFollower, unknownLeaders)
	case !t.known:
		d.fail(w.batch, w.produce, t.meta.Code, "")
	case t.doubted && !p.failing || len(t.waiting) > 0:
		t.waiting = append(t.waiting, w)
		p.refresh(t)
	default:
		p.placeKnown(t, w, d)
	}
}

// choose returns the lane to a broker that a client's batch of a partition takes: the one that has others of them, if one has, or the
// one that it was held for; else the first in which it need not wait long for others of the partition, or else the one with the fewest
// of them. It is nil where lane has none, even for the first. The mutex is held.
func (p *Pool) choose(node int32, part *partition, w waitingBatch) *lane {
	req := w.produce
	if s := part.streams[req.fences]; s.inLane > 0 && s.lane.node == node {
		return s.lane
	}
	if w.to != nil && w.to.node == node && !w.to.isDown() {
		return w.to
	}
	best := p.lane(laneKey{node, 0})
	if best == nil || !best.crowded(part, req.now) {
		return best
	}
	for slot := 1; slot < p.settings.ConnectionsPerBroker; slot++ {
		l := p.lane(laneKey{node, slot})
		switch {
		case l == nil || l.isDown():
		case !l.crowded(part, req.now):
			return l
		case part.queuedIn(slot) < part.queuedIn(best.slot):
			best = l
		}
	}
	return best
}

// spread has a client leave the lane that its batches of a partition take, if they wait there for those of others and another lane to
// that broker has fewer clients: who always has some on their way would never take another. The mutex is held.
func (p *Pool) spread(part *partition, l *lane, req *produce) {
	if part.clientsIn(l.slot) < 2 || !l.crowded(part, req.now) {
		return
	}
	s := part.streams[req.fences]
	if s.lane != l || s.opening || s.leaving != nil {
		return
	}
	best := l
	for slot := range p.settings.ConnectionsPerBroker {
		fewer := part.clientsIn(slot) < part.clientsIn(best.slot)
		if other := p.lane(laneKey{l.node, slot}); fewer && other != nil && !other.isDown() {
			best = other
		}
	}
	if part.clientsIn(best.slot)+1 < part.clientsIn(l.slot) {
		part.count(l.slot, -1)
		part.count(best.slot, 1)
		s.leaving = best
		part.streams[req.fences] = s
	}
}

// refresh has a topic asked for again; the topology comes back in any case. The mutex is held.
func (p *Pool) refresh(t *topic) {
	if !t.asking {
		t.asking = true
		p.stale = append(p.stale, t.name)
	}
}

// topic returns what is known of name, a new entry if nothing is. The mutex is held.
func (p *Pool) topic(name string, now time.Time) *topic {
	t := p.topics[name]
	if t == nil {
		t = &topic{name: name}
		p.topics[name] = t
	}
	t.used = now
	return t
}

// laneKey is a broker, and one of the connections to it.
type laneKey struct {
	node int32
	slot int
}

// lane returns a lane to a broker, nil when the cluster has no such broker, or the pool is shut: nobody would shut a new one.
// The mutex is held.
func (p *Pool) lane(key laneKey) *lane {
	if l := p.lanes[key]; l != nil {
		return l
	}
	addr, ok := p.brokers[key.node]
	if !ok || p.shut {
		return nil
	}
	l := newLane(p, key, addr)
	p.lanes[key] = l
	return l
}
