package upstream

import (
	"cmp"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// place finds the way of one batch, or leaves it waiting for its topic's metadata. p.mu is held.
func (p *Pool) place(b *wire.Batch, req *produce, d *dispatch) {
	p.stats.InFlightBatches.Add(1)
	p.stats.InFlightBytes.Add(int64(len(b.Records)))
	if p.closed {
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
	if (t == nil || !t.known) && p.inquiry.failing {
		p.inquiry.wanted = b.Topic
		d.fail(b, req, wire.NotLeaderOrFollower, unknownLeaders)
		return
	}
	t = p.topic(b.Topic, req.now)
	if !t.known || t.doubted && !p.inquiry.failing || len(t.waiting) > 0 {
		t.waiting = append(t.waiting, waitingBatch{b, req})
		p.refresh(t.name)
		return
	}
	if req.now.Sub(t.asked) > p.settings.MetadataMaxAge {
		p.refresh(t.name)
	}
	p.placeKnown(t, b, req, d)
}

const (
	// maxBatchBytes is the longest batch that fits into a request that a broker takes (socket.request.max.bytes).
	maxBatchBytes = 100<<20 - 64<<10

	earlierFirst = "an earlier batch of this producer has to come again first"
)

// placeKnown is place for a topic whose metadata is there. p.mu is held.
func (p *Pool) placeKnown(t *topic, b *wire.Batch, req *produce, d *dispatch) {
	node, code := t.leader(b.Partition)
	if code != wire.None {
		p.refresh(t.name)
		d.fail(b, req, code, "")
		return
	}
	part := t.partitions[b.Partition]
	l := p.lane(laneKey{node, part.slot(t.name, p.settings.ConnectionsPerBroker)})
	if l == nil {
		p.refresh(t.name)
		d.fail(b, req, wire.NotLeaderOrFollower, "the partition's leader is not among the cluster's brokers")
		return
	}
	if part.latest == req.number {
		d.fail(b, req, wire.InvalidRequest, "the request has two batches of this partition")
		return
	}
	if l.isDown(req.now) {
		p.refresh(t.name)
		d.fail(b, req, wire.NotLeaderOrFollower, "no connection to the partition's leader")
		return
	}
	if !part.enter(req.fences, l) {
		d.fail(b, req, wire.NotLeaderOrFollower, "the partition is moving to a new leader")
		return
	}
	part.latest = req.number
	d.add(l, part, b, req)
}

// topic returns what is known of name, a new entry if nothing is. p.mu is held.
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

// lane returns a lane to a broker, nil when the cluster has no such broker, or the pool has stopped: nobody would shut a new one.
// p.mu is held.
func (p *Pool) lane(key laneKey) *lane {
	if l := p.lanes[key]; l != nil {
		return l
	}
	addr, ok := p.brokers[key.node]
	if !ok || p.ctx.Err() != nil {
		return nil
	}
	l := newLane(p, key.node, addr)
	p.lanes[key] = l
	return l
}

// complete takes the results of batches that went through a lane, and reports them. p.mu must not be held.
func (p *Pool) complete(shares []*share, throttle int32) {
	var behind []*share
	p.locked(func() { behind = p.conclude(shares) })
	p.report(shares, throttle)
	p.report(behind, 0)
}

// refuse gives all batches of the shares, which are in no queue any more, the same result. It returns them, and what has to be
// refused with them, for report. p.mu is held.
func (p *Pool) refuse(shares []*share, code wire.ErrorCode, message string) []*share {
	for _, s := range shares {
		s.fail(code, message)
	}
	return append(shares, p.conclude(shares)...)
}

// conclude takes note of what the results of the shares' batches say. What clients had sent behind batches that they have to send
// again is not sent any more: it is returned with its result, for report. p.mu is held.
func (p *Pool) conclude(shares []*share) (behind []*share) {
	var refused purge
	for _, s := range shares {
		p.settle(len(s.batches))
		for i, b := range s.batches {
			lane := s.partitions[i].leave(s.produce.fences)
			if contradicts(b.Result.Code) {
				p.doubt(b.Topic)
			}
			if s.produce.keepOrder(b) {
				refused.add(s.produce.fences, lane, p.topics[b.Topic])
			}
		}
	}
	return refused.run(p)
}

// doubt has what is known of a topic asked for again. p.mu is held.
func (p *Pool) doubt(name string) {
	if t := p.topics[name]; t != nil {
		t.doubted = true
		p.refresh(name)
	}
}

// report tells the clients of batches that have their results. p.mu must not be held.
func (p *Pool) report(shares []*share, throttle int32) {
	for _, s := range shares {
		for _, b := range s.batches {
			p.count(b)
		}
		p.finish(s.produce, len(s.batches), throttle)
	}
}

// settle counts n batches as having their results. p.mu is held.
func (p *Pool) settle(n int) {
	if p.pending -= n; p.pending == 0 {
		p.drained.Broadcast()
	}
}

// count puts a finished batch into the metrics.
func (p *Pool) count(b *wire.Batch) {
	p.stats.InFlightBatches.Add(-1)
	p.stats.InFlightBytes.Add(-int64(len(b.Records)))
	if b.Result.Code != wire.None {
		p.stats.Error(int16(b.Result.Code)).Add(1)
	}
}

// contradicts reports whether a broker's answer says that what we know of the topic is out of date.
func contradicts(code wire.ErrorCode) bool {
	switch code {
	case wire.NotLeaderOrFollower, wire.UnknownTopicOrPartition, wire.LeaderNotAvailable, wire.ReplicaNotAvailable,
		wire.KafkaStorageError, wire.FencedLeaderEpoch, wire.UnknownTopicID:
		return true
	default:
		return false
	}
}
