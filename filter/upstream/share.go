package upstream

import (
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// share is what one client's request gives to one lane: the unit that a lane queues, writes and answers.
type share struct {
	acks       int16
	timeout    int32 // milliseconds, the client's own, for the broker
	idempotent bool  // a batch of it has a producer id
	arrived    time.Time
	deadline   time.Time
	batches    []*wire.Batch // those of one topic adjacent
	bytes      int64
	// partitions holds the state of each batch's partition, by index of batches.
	partitions []*partition
	group      *group

	// What most shares need: room for one batch.
	batch     [1]*wire.Batch
	partition [1]*partition
}

// likes says whether the broker may be asked for both in one request.
func (s *share) likes(other *share) bool {
	return s.acks == other.acks && s.timeout == other.timeout && s.idempotent == other.idempotent
}

// group joins the shares of one Produce call: the last one to finish reports the call done.
type group struct {
	left     atomic.Int32 // batches without a result
	throttle atomic.Int32 // milliseconds, the longest that any broker asked for
	done     func(throttleMillis int32)
}

func (g *group) init(batches int, done func(int32)) {
	g.done = done
	g.left.Store(int32(batches))
}

// finish counts n batches as done and, with the last, calls done. No lock may be held.
func (g *group) finish(n int, throttle int32) {
	for {
		longest := g.throttle.Load()
		if throttle <= longest || g.throttle.CompareAndSwap(longest, throttle) {
			break
		}
	}
	if g.left.Add(-int32(n)) == 0 {
		g.done(g.throttle.Load())
	}
}
