package produce

import (
	"log/slog"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// refuse gives all batches of the shares, which are in no queue any more, the same result. It returns them, and what has to be
// refused with them, for report. The mutex is held.
func (p *Pool) refuse(shares []*share, code wire.ErrorCode, message string) []*share {
	for _, s := range shares {
		s.fail(code, message)
	}
	return append(shares, p.conclude(shares)...)
}

// conclude takes note of what the results of the shares' batches say. What clients had sent behind batches that they have to send
// again is not sent any more: it is returned with its result, for report. After a panic clients still get their results, and lanes go on.
// The mutex is held.
func (p *Pool) conclude(shares []*share) (behind []*share) {
	defer p.panics.Recover("results")
	for _, s := range shares {
		p.settle(len(s.batches))
	}
	return p.takeResults(shares)
}

// takeResults is conclude without care. The mutex is held.
func (p *Pool) takeResults(shares []*share) (behind []*share) {
	refused := purge{pool: p}
	for _, s := range shares {
		for i, b := range s.batches {
			lane, held := s.partitions[i].leave(s.produce.fences, b)
			refused.held = append(refused.held, held...)
			if contradicts(b.Result.Code) {
				p.doubt(b.Topic)
			}
			if s.produce.keepOrder(b) {
				refused.add(s.produce.fences, lane, p.topics[b.Topic])
			}
		}
	}
	behind = refused.run()
	p.placeHeld(refused.held)
	return behind
}

// doubt has what is known of a topic asked for again. The mutex is held.
func (p *Pool) doubt(name string) {
	if t := p.topics[name]; t != nil {
		t.doubted, t.asking = true, true
		p.doubted = append(p.doubted, name)
	}
}

// report tells the clients of batches that have their results. The mutex must not be held.
func (p *Pool) report(shares []*share, throttle int32) {
	for _, s := range shares {
		for _, b := range s.batches {
			p.count(b)
		}
		p.finish(s.produce, len(s.batches), throttle)
	}
}

// reportLater is report when the mutex is free. The mutex is held.
func (p *Pool) reportLater(shares []*share) {
	if len(shares) > 0 {
		p.later(func() { p.report(shares, 0) })
	}
}

// settle counts n batches as having their results. The mutex is held.
func (p *Pool) settle(n int) {
	if p.pending -= n; p.pending == 0 {
		p.drained.Broadcast()
	}
}

// maxSaid is how much is logged of what a broker says of a batch.
const maxSaid = 512

// count puts a finished batch into the metrics.
func (p *Pool) count(b *wire.Batch) {
	p.stats.InFlightBatches.Add(-1)
	p.stats.InFlightBytes.Add(-int64(len(b.Records)))
	if b.Result.Code != wire.None {
		p.stats.Failed.Add(1)
		p.stats.Error(int16(b.Result.Code)).Add(1)
		if p.log.Enabled(p.life, slog.LevelDebug) {
			p.log.Debug("a batch has failed", "topic", b.Topic, "partition", b.Partition, "told", b.Result.Code.String(), "error", wire.Clip(b.Result.Message, maxSaid))
		}
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
