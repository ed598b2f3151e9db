package produce

import (
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// share is what one client's request gives to one lane: the unit that a lane queues, writes and answers.
type share struct {
	produce    *produce      // the call that it came with
	idempotent bool          // a batch of it has a producer id
	batches    []*wire.Batch // those of one topic adjacent
	bytes      int64
	partitions []*partition // the state of each batch's partition, by index of batches

	// What most shares need: room for one batch.
	batch     [1]*wire.Batch
	partition [1]*partition
}

// compatible reports whether the broker may be asked for both in one request.
func (s *share) compatible(other *share) bool {
	return s.produce.acks == other.produce.acks && s.produce.timeout == other.produce.timeout && s.idempotent == other.idempotent
}

// fail gives every batch the same result.
func (s *share) fail(code wire.ErrorCode, message string) {
	for _, b := range s.batches {
		b.Result = wire.Failed(code, message)
	}
}

// keepOrder has what the client sent behind b refused until b comes again, if b was refused for a state that passes. It reports
// whether that is so. What a broker finds out of order because it has refused what comes before it is refused like the rest: a client
// that is told OUT_OF_ORDER_SEQUENCE_NUMBER may begin a new epoch, under which it sends again what is stored already
// (rd_kafka_idemp_drain_epoch_bump). The pool's mutex is held.
func (r *produce) keepOrder(b *wire.Batch) bool {
	if b.Result.Code == wire.OutOfOrderSequenceNumber && r.fences.Behind(b, r.call) {
		b.Result = wire.Failed(wire.NotLeaderOrFollower, earlierFirst)
	}
	if !b.Result.Code.Transient() {
		r.fences.Settled(b)
		return false
	}
	r.fences.Raise(b, r.call, time.Now())
	return true
}

// outOfOrder reports whether b may not be sent before another batch has come again. The pool's mutex is held.
func (r *produce) outOfOrder(b *wire.Batch) bool { return r.fences.Refuses(b, r.call, r.now) }

// group joins the shares of one Produce call: the last one to finish reports the call done.
type group struct {
	left     atomic.Int32 // batches without a result
	throttle atomic.Int32 // milliseconds, the longest that any broker asked for
	done     func(throttleMillis int32)
	fences   *order.Fences
}

func (g *group) init(batches int, fences *order.Fences, done func(int32)) {
	g.fences, g.done = fences, done
	g.left.Store(int32(batches))
}

// finish counts n batches as done, and reports whether they are the last.
func (g *group) finish(n int, throttle int32) (last bool) {
	for {
		longest := g.throttle.Load()
		if throttle <= longest || g.throttle.CompareAndSwap(longest, throttle) {
			break
		}
	}
	return g.left.Add(-int32(n)) == 0
}

// report says that all batches are done. No lock may be held.
func (g *group) report() {
	g.fences.End()
	g.done(g.throttle.Load())
}
