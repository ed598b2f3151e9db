package produce

import "github.com/kafkamesh/envoy-kafka-mesh/filter/wire"

// minWriteBytes is how much is worth a write of its own: what the kernel hands on in one piece.
const minWriteBytes = 64 << 10

// maxShareBytes bounds what one client gives to one request: a broker takes 100 MiB (socket.request.max.bytes), and drops the
// connection for more.
const maxShareBytes = 64 << 20

// dispatch collects, while the pool's mutex is held, what becomes of the batches being placed: shares for lanes, and
// failures to report once the mutex is free.
type dispatch struct {
	pool   *Pool
	shares []laneShare
	failed []waitingBatch
}

type laneShare struct {
	lane   *lane
	share  *share
	enough bool // enough is queued that more would not make it cheaper
}

// add gives b to l, in one share with the batches of the same request that were added to l just before, unless they become too
// many for one request.
func (d *dispatch) add(l *lane, part *partition, b *wire.Batch, req *produce) {
	s := l.filling
	if s == nil || s.produce != req || s.bytes+int64(len(b.Records)) > maxShareBytes {
		s = &share{produce: req}
		s.batches, s.partitions = s.batch[:0], s.partition[:0]
		l.filling = s
		d.shares = append(d.shares, laneShare{lane: l, share: s})
	}
	s.batches = append(s.batches, b)
	s.partitions = append(s.partitions, part)
	s.bytes += int64(len(b.Records))
	s.idempotent = s.idempotent || wire.Idempotent(b.Records)
}

// fail gives b its result. The pool's mutex is held.
func (d *dispatch) fail(b *wire.Batch, req *produce, code wire.ErrorCode, message string) {
	b.Result = wire.Failed(code, message)
	req.keepOrder(b)
	d.failed = append(d.failed, waitingBatch{batch: b, produce: req})
}

// enqueue puts the shares into their lanes' queues. The pool's mutex is held.
func (d *dispatch) enqueue() {
	for i := range d.shares {
		s := &d.shares[i]
		s.lane.filling = nil
		s.lane.push(s.share)
		s.enough = s.lane.queued >= minWriteBytes
	}
	d.pool.settle(len(d.failed))
}

// report has sent what was queued, now or when the cork is released, and tells the failures. The pool's mutex must not be held.
func (d *dispatch) report() {
	for _, s := range d.shares {
		if s.enough {
			s.lane.item.Flush()
		} else {
			d.pool.cork.Flush(&s.lane.item)
		}
	}
	for _, f := range d.failed {
		d.pool.count(f.batch)
		d.pool.finish(f.produce, 1, 0)
	}
}
