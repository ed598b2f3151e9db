package quota

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what is charged.
type Kind uint8

// The kinds.
const (
	// Produced are the bytes of Produce requests.
	Produced Kind = iota
	// Fetched are the bytes of answers to Fetch requests.
	Fetched
	// Requests are all requests but those of logins.
	Requests

	kinds = iota
)

// Allowance is what one principal may do under one rule. Any goroutine may use it. A nil Allowance has no limits.
type Allowance struct {
	rule  int
	began time.Time
	full  atomic.Int64 // nanoseconds from began until all buckets are full, if nothing more is charged
	gone  atomic.Bool  // it was dropped: who charges it looks for another

	mu      sync.Mutex
	buckets [kinds]bucket
	stretch stretch
}

// newAllowance makes one with full buckets.
func newAllowance(place int, r *Rule, began time.Time) *Allowance {
	return &Allowance{rule: place, began: began, buckets: [kinds]bucket{
		Produced: newBucket(r.ProduceBytes, r.Burst), Fetched: newBucket(r.FetchBytes, r.Burst), Requests: newBucket(r.Requests, r.Burst),
	}}
}

// Rule is the place of the rule.
func (a *Allowance) Rule() int { return a.rule }

// Charge charges n of a kind, and returns for how long the connection that has done it is not to be read from: never less than zero or
// more than MaxWait.
func (a *Allowance) Charge(k Kind, n int64, now time.Time) time.Duration {
	if a == nil {
		return 0
	}
	at := now.Sub(a.began)
	a.mu.Lock()
	defer a.mu.Unlock()
	b := &a.buckets[k]
	wait := b.take(n, at)
	if full := int64(b.full()); full > a.full.Load() { // the mutex is held: nobody else stores
		a.full.Store(full)
	}
	if wait > 0 {
		a.stretch.add(k, at, wait)
	}
	return wait
}

// MostFetched is how many bytes of records a Fetch should be answered with at most: what is read in one burst, as a broker has it. Zero:
// there is no limit.
func (a *Allowance) MostFetched() int32 {
	if a == nil {
		return 0
	}
	return int32(min(math.MaxInt32, a.buckets[Fetched].most)) // which never changes
}

// idle reports whether all buckets are full: a new allowance would be the same.
func (a *Allowance) idle(now time.Time) bool { return int64(now.Sub(a.began)) >= a.full.Load() }
