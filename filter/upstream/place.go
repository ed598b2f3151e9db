package upstream

import (
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
	if limit := p.settings.MaxMessageBytes; limit > 0 && int64(len(b.Records)) > limit {
		d.fail(b, req, wire.MessageTooLarge, "the batch is larger than the cluster's message.max.bytes allows")
		return
	}
	t := p.topic(b.Topic, req.now)
	if !t.known && p.inquiry.failing {
		p.refresh(t.name)
		d.fail(b, req, wire.NotLeaderOrFollower, unknownLeaders)
		return
	}
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
	if part.lane != l && part.inLane.Load() > 0 {
		d.fail(b, req, wire.NotLeaderOrFollower, "the partition is moving to a new leader")
		return
	}
	if l.isDown(req.now) {
		p.refresh(t.name)
		d.fail(b, req, wire.NotLeaderOrFollower, "no connection to the partition's leader")
		return
	}
	part.lane, part.latest = l, req.number
	part.inLane.Add(1)
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

// lane returns a lane to a broker, nil when the cluster has no such broker. p.mu is held.
func (p *Pool) lane(key laneKey) *lane {
	if l := p.lanes[key]; l != nil {
		return l
	}
	addr, ok := p.brokers[key.node]
	if !ok {
		return nil
	}
	l := newLane(p, key.node, addr)
	p.lanes[key] = l
	return l
}

// complete reports the results of batches that went through a lane. p.mu must not be held.
func (p *Pool) complete(shares []*share, throttle int32) {
	var doubted []string
	batches := 0
	for _, s := range shares {
		batches += len(s.batches)
		for i, b := range s.batches {
			s.partitions[i].inLane.Add(-1)
			p.count(b)
			if contradicts(b.Result.Code) {
				doubted = append(doubted, b.Topic)
			}
		}
	}
	if batches == 0 {
		return
	}
	p.mu.Lock()
	for _, name := range doubted {
		if t := p.topics[name]; t != nil {
			t.doubted = true
			p.refresh(t.name)
		}
	}
	p.settle(batches)
	p.mu.Unlock()
	for _, s := range shares {
		s.group.finish(len(s.batches), throttle)
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
