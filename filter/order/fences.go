package order

import (
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// MaxFences bounds what one connection may have remembered: some 100 bytes each.
	MaxFences = 8192
	// abandoned is when a client that numbers its batches has surely given up the one that is awaited: the longest that a default
	// client tries is 5 minutes (librdkafka's message.timeout.ms).
	abandoned = 10 * time.Minute
	// unnumbered is how long a batch without sequence number is awaited. It is known again by its first record, but a client may
	// have put other records before that one, or compressed it with others.
	unnumbered = 500 * time.Millisecond
)

// Fences remembers, for one connection of one client, the first batch of each partition and producer that was refused and has
// not come again. The zero value works. It is not safe for concurrent use, Overflowed excepted.
type Fences struct {
	fences     map[place]fence
	overflowed atomic.Bool
}

// place is where order matters: among the batches of one producer in one partition.
type place struct {
	topic     string
	partition int32
	producer  int64 // -1: the batches have no sequence numbers
}

type fence struct {
	raised time.Time
	awaited
}

// awaited is the batch that has to come first.
type awaited struct {
	call     uint64 // by which it came, of this connection or any: a later call has a higher number
	epoch    int16
	sequence int32  // of its first record
	first    uint64 // its first record, for a batch without sequence numbers
}

// Raise takes note that b, which came with the given call, was refused with a code that its client retries. Until it comes
// again, what its producer had sent behind it to the partition is refused too. It does not keep b.
func (f *Fences) Raise(b *wire.Batch, call uint64, now time.Time) {
	at, refused := identify(b, call)
	old, known := f.fences[at]
	switch {
	case known && !refused.before(old.awaited, at.numbered()):
		return
	case !known && len(f.fences) == MaxFences:
		f.overflowed.Store(true)
		return
	case f.fences == nil:
		f.fences = map[place]fence{}
	}
	f.fences[at] = fence{raised: now, awaited: refused}
}

// Refuses reports whether another batch of b's producer has to come first. If b is that one, it is awaited no longer. It does
// not keep b.
func (f *Fences) Refuses(b *wire.Batch, now time.Time) bool {
	if len(f.fences) == 0 {
		return false
	}
	if f.overflowed.Load() {
		return true
	}
	at, came := identify(b, 0)
	fence, known := f.fences[at]
	if !known {
		return false
	}
	verdict := fence.judge(b, came, at.numbered(), now.Sub(fence.raised))
	if verdict == lifts {
		delete(f.fences, at)
	}
	return verdict == refuses
}

// Overflowed reports whether more had to be remembered than may be: order can be kept no longer, and the connection has to be
// closed, after which its client begins anew. Any goroutine may call it.
func (f *Fences) Overflowed() bool { return f.overflowed.Load() }

// verdict is what becomes of a batch that meets a fence.
type verdict uint8

const (
	refuses verdict = iota // the awaited batch has to come first
	passes                 // it is older than the awaited batch, which is still awaited
	lifts                  // it is the awaited batch, or the client has given that up
)

// judge says what becomes of b.
func (a awaited) judge(b *wire.Batch, came awaited, numbered bool, waited time.Duration) verdict {
	if !numbered {
		if came.first == a.first || waited > unnumbered {
			return lifts
		}
		return refuses
	}
	switch ahead := distance(a.sequence, came.sequence); {
	case came.epoch > a.epoch || waited > abandoned:
		return lifts
	case came.epoch < a.epoch:
		return passes // the broker says what is wrong with it
	case ahead > 0:
		return refuses
	case -ahead <= lastOffsetDelta(b.Records):
		return lifts
	default:
		return passes
	}
}

// before reports whether a was sent before other, and so is to be awaited instead.
func (a awaited) before(other awaited, numbered bool) bool {
	switch {
	case !numbered:
		return a.call < other.call
	case a.epoch != other.epoch:
		return a.epoch > other.epoch // what an older epoch sent does not matter any more
	default:
		return distance(other.sequence, a.sequence) < 0
	}
}

// distance is how many records lie between two sequence numbers, which go on with 0 after 2^31-1; below zero if to is the
// earlier one.
func distance(from, to int32) int32 {
	const bits = 31
	d := uint32(to-from) << (32 - bits) // the sign of a number of 31 bits is its highest bit
	return int32(d) >> (32 - bits)
}

func (p place) numbered() bool { return p.producer >= 0 }
