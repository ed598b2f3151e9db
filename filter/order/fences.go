package order

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// MaxFences bounds what one connection may have remembered: some 200 bytes each.
	MaxFences = 8192
	// abandoned is when a client that numbers its batches has surely given up the one that is awaited: the longest that a default
	// client tries is 5 minutes (librdkafka's message.timeout.ms).
	abandoned = 10 * time.Minute
	// unnumbered is how long a batch without sequence number is awaited. Its client may have given it up.
	unnumbered = 5 * time.Second
	// unrecognized is the same for a compressed batch, which may not be known again, compressed with others: less than clients pause
	// before they send again (100 ms by default), for that must not use up their retries.
	unrecognized = 80 * time.Millisecond
)

// Fences remembers, for one connection of one client, the first batch of each partition and producer that was refused and has not
// come again. It is not safe for concurrent use, Overflowed and End excepted. The zero value works.
//
// A call is what a client sends to a cluster in one request. Its number tells when a batch came.
type Fences struct {
	// Total counts the fences of all that share it. Nil: nobody counts.
	Total *Total

	fences     map[place]fence
	overflowed atomic.Bool
	calls      uint64 // begun
	window     uint64 // the most of them that were under way at the same time
	underWay   atomic.Int64
}

// Total is how many fences there are together. It is guarded by what guards them.
type Total struct {
	Max int // beyond it the next one overflows
	now int
}

// place is where order matters: among the batches of one producer in one partition.
type place struct {
	topic     string
	partition int32
	producer  int64 // -1: the batches have no sequence numbers
}

// fence is raised by a batch that is refused. It holds back what comes behind that batch until it comes again, and is there until it has
// its result.
type fence struct {
	awaited

	raised time.Time
	call   uint64 // by which the batch came
	again  uint64 // the call by which it came again; 0: it has not
	// behind holds some of what was refused behind it, by later calls.
	behind []refusal
}

// refusal is a numbered batch that was refused, and the call by which it came.
type refusal struct {
	sequence int32
	call     uint64
}

// maxBehind is how many of the batches behind one are remembered. Idempotent clients have five on their way.
const maxBehind = 8

// Begin returns the number of the connection's next call, higher than all before.
func (f *Fences) Begin() (call uint64) {
	f.calls++
	f.window = max(f.window, uint64(f.underWay.Add(1)))
	return f.calls
}

// End says that a call has been answered.
func (f *Fences) End() { f.underWay.Add(-1) }

// Raise takes note that b was refused for a state that passes (wire.ErrorCode.Transient). Until it comes again, what its producer had sent
// behind it to the partition is refused too. It does not keep b.
func (f *Fences) Raise(b *wire.Batch, call uint64, now time.Time) {
	at, refused := identify(b)
	old, known := f.fences[at]
	next := fence{awaited: refused, raised: now, call: call}
	switch {
	case !known:
		f.add(at, next)
	case at.numbered() && refused.epoch < old.epoch:
	case old.again > 0 && !next.before(old, at.numbered()):
		f.fences[at] = next
	case next.before(old, at.numbered()):
		next.remember(old.sequence, max(old.call, old.again))
		for _, r := range old.behind {
			next.remember(r.sequence, r.call)
		}
		f.fences[at] = next
	default:
		old.remember(refused.sequence, call)
		f.fences[at] = old
	}
}

// Refuses reports whether another batch of b's producer has to come first. If b is that one, what comes by later calls may follow it: what
// had been sent behind its first try must have been asked about before. now is when b came. It does not keep b.
func (f *Fences) Refuses(b *wire.Batch, call uint64, now time.Time) bool {
	switch {
	case f.overflowed.Load(): // also if there is none of its own: others may have used up Total
		return true
	case len(f.fences) == 0:
		return false
	}
	at, came := identify(b)
	fence, known := f.fences[at]
	if !known {
		return false
	}
	ahead := fence.ahead(came, b, at.numbered())
	switch {
	case at.numbered() && came.epoch < fence.epoch:
		return false // the broker says what is wrong with it
	case came.epoch == fence.epoch && (ahead < 0 || fence.passed(call)):
		return false // it is older than the awaited batch, which is still awaited; or that one is before it
	case ahead > 0 && came.epoch == fence.epoch && !f.givenUp(&fence, came, call, at.numbered(), now):
		return true
	case ahead == 0 && at.numbered() && came.epoch == fence.epoch:
		fence.again = call
		f.fences[at] = fence
		return false
	}
	f.remove(at)
	return false
}

// Behind reports whether a broker may say that b, which came by call, is out of order because it has refused what comes before: b is
// numbered, and was sent behind the first try of a batch that was refused. It does not keep b.
func (f *Fences) Behind(b *wire.Batch, call uint64) bool {
	if len(f.fences) == 0 {
		return false
	}
	at, came := identify(b)
	fence, known := f.fences[at]
	return known && at.numbered() && came.epoch == fence.epoch && fence.ahead(came, b, true) > 0 && !fence.passed(call)
}

// Settled takes note that b has a result that is its last: it is stored, or refused for good. It may have come again before its first try
// was refused: then it is awaited no longer. It does not keep b.
func (f *Fences) Settled(b *wire.Batch) {
	if len(f.fences) == 0 {
		return
	}
	at, came := identify(b)
	fence, known := f.fences[at]
	if !known {
		return
	}
	if came.epoch == fence.epoch && fence.ahead(came, b, at.numbered()) == 0 {
		f.remove(at)
	}
}

// Forget stops counting the fences in Total: their connection is gone. They go on for what is still on its way.
func (f *Fences) Forget() {
	if f.Total != nil {
		f.Total.now -= len(f.fences)
		f.Total = nil
	}
}

// Overflowed reports whether more had to be remembered than may be: order can be kept no longer, and the connection has to be
// closed, after which its client begins anew. Any goroutine may call it.
func (f *Fences) Overflowed() bool { return f.overflowed.Load() }

func (f *Fences) add(at place, next fence) {
	if f.full() && !f.overflowed.Load() {
		f.expire(next.raised)
	}
	switch {
	case f.full():
		f.overflowed.Store(true)
		return
	case f.fences == nil:
		f.fences = map[place]fence{}
	}
	if f.Total != nil {
		f.Total.now++
	}
	f.fences[at] = next
}

// full reports whether no more may be remembered.
func (f *Fences) full() bool {
	return len(f.fences) == MaxFences || f.Total != nil && f.Total.now >= f.Total.Max
}

// expire removes the fences that would let anything pass by now. Who gives up and goes on as another producer leaves one behind.
func (f *Fences) expire(now time.Time) {
	for at, fence := range f.fences {
		if fence.expired(at.numbered(), now) {
			f.remove(at)
		}
	}
}

func (f *Fences) remove(at place) {
	delete(f.fences, at)
	if f.Total != nil {
		f.Total.now--
	}
}

// passed reports whether what comes by call may follow the batch, which came again before it.
func (f *fence) passed(call uint64) bool { return f.again > 0 && call > f.again }

// remember takes note that a batch behind the awaited one was refused.
func (f *fence) remember(sequence int32, call uint64) {
	if call <= f.call { // the client may not know yet that the awaited one was refused when it sends this one again
		return
	}
	for i := range f.behind {
		if f.behind[i].sequence == sequence {
			f.behind[i].call = max(f.behind[i].call, call)
			return
		}
	}
	if len(f.behind) < maxBehind {
		f.behind = append(f.behind, refusal{sequence, call})
	}
}

// sentAgain reports whether a batch comes by call that was refused behind the awaited one.
func (f *fence) sentAgain(sequence int32, call uint64) bool {
	return slices.ContainsFunc(f.behind, func(r refusal) bool { return r.sequence == sequence && call > r.call })
}

// givenUp reports whether the client that sends what is ahead of the awaited batch does without that one. Answers leave in the order
// of the requests, so who sends again what was refused behind it knows that it was refused, and would have sent it first.
//
// Without sequence numbers it is a guess. What came by so many calls more than the client ever had on its way, twice to be sure, was sent
// by a client that knew of the refusal.
func (f *Fences) givenUp(raised *fence, came awaited, call uint64, numbered bool, now time.Time) bool {
	switch {
	case raised.expired(numbered, now):
		return true
	case numbered:
		return raised.sentAgain(came.sequence, call)
	default:
		return call > raised.call+2*f.window
	}
}

// expired reports whether the batch has been awaited for long enough.
func (f *fence) expired(numbered bool, now time.Time) bool {
	waited := now.Sub(f.raised)
	switch {
	case numbered:
		return waited > abandoned
	case f.compressed:
		return waited > unrecognized
	default:
		return waited > unnumbered
	}
}

// before reports whether f was sent before other, and so is to be awaited instead.
func (f *fence) before(other fence, numbered bool) bool {
	switch {
	case !numbered:
		return f.call < other.call
	case f.epoch != other.epoch:
		return f.epoch > other.epoch // what an older epoch sent does not matter any more
	default:
		return distance(other.sequence, f.sequence) < 0
	}
}

func (p place) numbered() bool { return p.producer >= 0 }
