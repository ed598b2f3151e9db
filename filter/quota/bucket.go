package quota

import (
	"math"
	"time"
)

// MaxWait is the longest wait: Kafka's quota window, 11 samples of a second each (quota.window.num, quota.window.size.seconds).
const MaxWait = 11 * time.Second

// leastWait is what it is worth to wait for. A smaller debt stays, until there is more of it.
const leastWait = time.Millisecond

// bucket holds what may still be done of one kind. Time is counted from an origin that its owner has. The zero value has no limit.
type bucket struct {
	rate   float64 // that comes in in a second; 0: there is no limit
	most   float64
	tokens float64 // negative: a debt
	at     time.Duration
}

// newBucket makes a full one.
func newBucket(rate int64, burst time.Duration) bucket {
	most := float64(rate) * burst.Seconds()
	return bucket{rate: float64(rate), most: most, tokens: most}
}

// take takes n out, though there may be less, and returns for how long nothing more should be taken.
func (b *bucket) take(n int64, at time.Duration) time.Duration {
	if b.rate == 0 {
		return 0
	}
	b.refill(at)
	b.tokens = max(b.tokens-float64(max(0, n)), -b.rate*MaxWait.Seconds())
	return b.wait()
}

// refill adds what has come in. A time that is earlier than the last one, as another connection may have it, adds nothing.
func (b *bucket) refill(at time.Duration) {
	if at <= b.at {
		return
	}
	b.tokens = min(b.most, b.tokens+b.rate*(at-b.at).Seconds())
	b.at = at
}

// wait is how long it takes until there is no debt.
func (b *bucket) wait() time.Duration {
	if b.tokens >= 0 {
		return 0
	}
	wait := min(MaxWait, time.Duration(math.Ceil(-b.tokens/b.rate*float64(time.Second))))
	if wait < leastWait {
		return 0
	}
	return wait
}

// full is when the bucket is full, if nothing more is taken.
func (b *bucket) full() time.Duration {
	if b.rate == 0 {
		return 0
	}
	return b.at + time.Duration(math.Ceil((b.most-b.tokens)/b.rate*float64(time.Second)))
}
