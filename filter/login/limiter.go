package login

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"time"
)

// How failed logins are counted. Levels are numbers of failures, of which some are forgotten as time goes by.
const (
	sourcePatience = 5                // failures of one source, after which its delay doubles with each
	sourceMost     = 15               // that are remembered
	sourceForgets  = 10 * time.Second // one of them
	workerPatience = 100              // failures of all sources together
	workerDoubles  = 50               // each time
	workerMost     = 500
	workerForgets  = 100 * time.Millisecond

	sets, ways = 1024, 4 // sources that are known at one time
)

// What holds if nothing else is said.
const (
	DefaultDelay    = 100 * time.Millisecond // Kafka's connection.failed.authentication.delay.ms
	DefaultMaxDelay = 5 * time.Second
)

// LimiterSettings say how long answers to failed logins are delayed.
type LimiterSettings struct {
	Delay    time.Duration // at first; zero: DefaultDelay
	MaxDelay time.Duration // at most; zero: DefaultMaxDelay
}

// Limiter slows down who guesses. It counts failed logins by where they come from, and all of a worker, and says how long the answer to one
// is to wait. It does not count by user: nobody can keep others out by failing in their names. It knows so many sources and no more; those
// that failed most stay known. Its methods may be called from any goroutine.
type Limiter struct {
	settings LimiterSettings
	seed     maphash.Seed

	mu      sync.Mutex
	worker  level
	sources [][ways]source // nil until there is one
}

// source is one address that failed logins came from.
type source struct {
	address netip.Addr // zero: none
	failed  level
}

// level is a number of failures at a time.
type level struct {
	count float64
	at    time.Time
}

// now is what is left of the level.
func (l *level) now(now time.Time, forgets time.Duration) float64 {
	return max(0, l.count-max(0, now.Sub(l.at).Seconds())/forgets.Seconds())
}

func (l *level) add(now time.Time, forgets time.Duration, most float64) float64 {
	*l = level{min(most, l.now(now, forgets)+1), now}
	return l.count
}

// NewLimiter returns one that has seen no failure.
func NewLimiter(s LimiterSettings) *Limiter {
	if s.Delay == 0 {
		s.Delay = DefaultDelay
	}
	if s.MaxDelay == 0 {
		s.MaxDelay = max(s.Delay, DefaultMaxDelay)
	}
	return &Limiter{settings: s, seed: maphash.MakeSeed()}
}

// Failed counts a failed login and says how long its answer is to wait. from is the client's address; of IPv6 the first 64 bits count. The
// zero address is of a client that has none, for which only all failures together count.
func (l *Limiter) Failed(from netip.Addr, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	doublings := (l.worker.add(now, workerForgets, workerMost) - workerPatience) / workerDoubles
	if from.IsValid() {
		doublings = max(doublings, l.source(Network(from), now).failed.add(now, sourceForgets, sourceMost)-sourcePatience)
	}
	delay := float64(l.settings.Delay) * math.Exp2(math.Floor(max(0, doublings)))
	return time.Duration(min(delay, float64(l.settings.MaxDelay)))
}

// source is what is known of an address. If there is no room, it takes that of the one among its neighbours that failed least.
func (l *Limiter) source(address netip.Addr, now time.Time) *source {
	if l.sources == nil {
		l.sources = make([][ways]source, sets)
	}
	set := &l.sources[maphash.Comparable(l.seed, address)%sets]
	least := &set[0]
	for i := range set {
		if set[i].address == address {
			return &set[i]
		}
		if set[i].failed.now(now, sourceForgets) < least.failed.now(now, sourceForgets) {
			least = &set[i]
		}
	}
	*least = source{address: address}
	return least
}

// Network is what one client has at least: an address of IPv4, or 64 bits of IPv6.
func Network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	prefix, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}
