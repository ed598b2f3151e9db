package produce

import (
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// purge refuses what clients had sent behind batches that were just refused, and that is not sent yet: it must not be there any more
// when those batches come again.
//
// Each queue is gone through once, from its front: what is behind a share that is refused on the way is refused too.
type purge struct {
	pool        *Pool
	connections map[*order.Fences]bool // whose batches were refused
	lanes       []*lane                // that those batches took
	topics      []*topic               // that they are of
	held        []waitingBatch         // what was held until batches had their results that have them now
}

// add notes a refused batch: of which connection, what lane it took, what is known of its topic. lane and t may be nil.
func (u *purge) add(fences *order.Fences, l *lane, t *topic) {
	if u.connections == nil {
		u.connections = map[*order.Fences]bool{}
	}
	u.connections[fences] = true
	if l != nil && len(l.queue) > 0 && !slices.Contains(u.lanes, l) {
		u.lanes = append(u.lanes, l)
	}
	if t != nil && len(t.waiting) > 0 && !slices.Contains(u.topics, t) {
		u.topics = append(u.topics, t)
	}
}

// run returns what it has refused, for Pool.report. The pool's mutex is held.
func (u *purge) run() (refused []*share) {
	for _, l := range u.lanes {
		refused = append(refused, u.lane(l)...)
	}
	for _, t := range u.topics { // also those of what was queued
		refused = append(refused, u.topic(t)...)
	}
	return refused
}

// lane goes through a lane's queue.
func (u *purge) lane(l *lane) []*share {
	return l.takeIf(func(s *share) bool {
		if !u.connections[s.produce.fences] || !slices.ContainsFunc(s.batches, s.produce.outOfOrder) {
			return false
		}
		s.fail(wire.NotLeaderOrFollower, earlierFirst)
		l.pool.settle(len(s.batches))
		for i, b := range s.batches {
			s.produce.keepOrder(b)
			_, held := s.partitions[i].leave(s.produce.fences, b)
			u.held = append(u.held, held...)
			u.add(s.produce.fences, nil, l.pool.topics[b.Topic])
		}
		return true
	})
}

// topic goes through what waits for a topic's metadata.
func (u *purge) topic(t *topic) (refused []*share) {
	t.waiting = slices.DeleteFunc(t.waiting, func(w waitingBatch) bool {
		if !u.connections[w.produce.fences] || !w.produce.outOfOrder(w.batch) {
			return false
		}
		s := &share{produce: w.produce, batches: []*wire.Batch{w.batch}}
		s.fail(wire.NotLeaderOrFollower, earlierFirst)
		u.pool.settle(1)
		w.produce.keepOrder(w.batch)
		refused = append(refused, s)
		return true
	})
	return refused
}
