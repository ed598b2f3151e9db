package order

import (
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
	unnumbered = 500 * time.Millisecond
	// unrecognized is the same for a compressed batch, which may not be known again, compressed with others: less than clients pause
	// before they send again (100 ms by default), for that must not use up their retries.
	unrecognized = 80 * time.Millisecond
)

// Fences remembers, for one connection of one client, the first batch of each partition and producer that was refused and is not
// stored yet. It is not safe for concurrent use, Overflowed excepted. The zero value works.
//
// Every method takes the number of the call by which a batch came: later calls of a connection have higher numbers.
type Fences struct {
	// Total counts the fences of all that share it. Nil: nobody counts.
	Total *Total

	fences     map[place]fence
	overflowed atomic.Bool
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

// fence is raised by a batch that is refused, and is there until that batch has got another answer.
type fence struct {
	awaited

	raised time.Time
	// returned is set when the batch has come again and is on its way.
	returned bool
	// call is by which the batch came when it was refused, or came again.
	call uint64
	// Of those behind it that were refused too: how far ahead of it the last one is, and the latest call by which one came.
	behind     int32
	behindCall uint64
}

// Raise takes note that b was refused with a code that its client retries. Until it comes again, what its producer had sent
// behind it to the partition is refused too. It does not keep b.
func (f *Fences) Raise(b *wire.Batch, call uint64, now time.Time) {
	at, refused := identify(b)
	old, known := f.fences[at]
	next := fence{awaited: refused, raised: now, call: call}
	switch {
	case !known:
		f.add(at, next)
	case at.numbered() && refused.epoch < old.epoch:
	case old.returned:
		f.fences[at] = next
	case next.before(old, at.numbered()):
		next.behind = distance(next.sequence, old.sequence) + old.behind
		next.behindCall = max(old.call, old.behindCall)
		f.fences[at] = next
	default:
		old.behind = max(old.behind, distance(old.sequence, refused.sequence))
		old.behindCall = max(old.behindCall, call)
		f.fences[at] = old
	}
}

// Refuses reports whether another batch of b's producer has to come first. It may be asked more than once for the same batch and
// call. now is when b came. It does not keep b.
func (f *Fences) Refuses(b *wire.Batch, call uint64, now time.Time) bool {
	if len(f.fences) == 0 {
		return false
	}
	if f.overflowed.Load() {
		return true
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
	case at.numbered() && came.epoch > fence.epoch:
		f.remove(at)
		return false
	case fence.returned:
		return ahead > 0 && call < fence.call // it was sent behind the first try
	case ahead < 0:
		return false // it is older than the awaited batch, which is still awaited
	case ahead > 0 && !fence.givenUp(ahead, call, at.numbered(), now):
		return true
	}
	fence.returned, fence.call = true, call
	f.fences[at] = fence
	return false
}

// Settle takes note of an answer to b that its client does not retry. It does not keep b.
func (f *Fences) Settle(b *wire.Batch, call uint64) {
	if len(f.fences) == 0 {
		return
	}
	at, came := identify(b)
	fence, known := f.fences[at]
	if !known {
		return
	}
	again := fence.returned && call == fence.call
	stored := b.Result.Code == wire.None && came.epoch == fence.epoch && fence.ahead(came, b, at.numbered()) == 0
	if again || stored {
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
	switch {
	case len(f.fences) == MaxFences || f.Total != nil && f.Total.now >= f.Total.Max:
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

func (f *Fences) remove(at place) {
	delete(f.fences, at)
	if f.Total != nil {
		f.Total.now--
	}
}

// givenUp reports whether the client that sends what is ahead of the awaited batch does without that one. Answers leave in the order
// of the requests, so who sends again what was refused behind it knows that it was refused, and would have sent it first.
func (f *fence) givenUp(ahead int32, call uint64, numbered bool, now time.Time) bool {
	waited := now.Sub(f.raised)
	switch {
	case numbered:
		return ahead <= f.behind && call > f.behindCall || waited > abandoned
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
