package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// kind is what goes wrong.
type kind uint8

const (
	elected      kind = iota // another broker leads a partition
	leaderless               // nobody does
	cut                      // a broker's connections are cut
	cutHalf                  // in the middle of a request
	cutStored                // before an answer
	killed                   // a broker is gone, and others lead a while later
	rolled                   // a broker hands over what it leads, and starts again
	gone                     // a broker is gone, and nobody leads what it led
	allGone                  // all brokers of a cluster are gone
	stalled                  // a broker holds its answers back
	clogged                  // a broker reads nothing
	deaf                     // a broker answers nothing, for ever
	refusing                 // a broker takes no connections
	slow                     // a broker takes its time
	short                    // min.insync.replicas is not met
	answers                  // a broker answers errors that are over soon
	silent                   // metadata cannot be had
	slowMetadata             // it takes its time
	oldMetadata              // it is stale
	exchanged                // two brokers' addresses change hands while connections are made
	replaced                 // credentials are replaced
	recreated                // a topic is deleted, and made again
	grown                    // a topic gets more partitions
	severed                  // a client's connection breaks
	moved                    // and the client goes on with the other worker
	frozen                   // a client stands still
	workerLost               // all connections to a worker break, and all go on with the other
	kinds
)

// String names the kind.
func (k kind) String() string {
	names := [kinds]string{
		"elected", "leaderless", "cut", "cut half", "cut stored", "killed", "rolled", "gone", "all gone", "stalled", "clogged", "deaf",
		"refusing", "slow", "short", "answers", "silent", "slow metadata", "old metadata", "exchanged", "replaced", "recreated",
		"grown", "severed", "moved", "frozen", "worker lost",
	}
	return names[k]
}

// fault is one thing that goes wrong, and gets right again after a while.
type fault struct {
	kind      kind
	at, lasts time.Duration
	cluster   string
	topic     string
	partition int32
	broker    int32
	other     int32 // broker
	client    int
	delay     time.Duration
	drop      bool
}

// String tells all that a fault consists of.
func (f fault) String() string {
	return fmt.Sprintf("%10s for %10s: %-13s %s/%d at %s, brokers %d and %d, client %d, delay %s, drop %t", f.at, f.lasts, f.kind,
		f.topic, f.partition, f.cluster, f.broker, f.other, f.client, f.delay, f.drop)
}

type schedule []fault

// String lists the faults, a line each.
func (s schedule) String() string {
	lines := make([]string, 0, len(s))
	for _, f := range s {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// end is when the last fault is over.
func (s schedule) end() time.Duration {
	var end time.Duration
	for _, f := range s {
		end = max(end, f.at+f.lasts+f.delay)
	}
	return end
}

const (
	brokers    = 3
	partitions = 3 // of each topic
	// span is the time in which faults begin.
	span = 3 * time.Second
)

// topics are the clusters' one topic each.
func topics() map[string]string { return map[string]string{"c1": "apples", "c2": "bananas"} }

// spot is where most goes wrong in a run: things are worst when they come together.
type spot struct {
	cluster   string
	partition int32
}

// drawSpot draws a spot.
func drawSpot(rnd *rand.Rand) spot {
	s := spot{"c1", int32(rnd.IntN(partitions))}
	if rnd.IntN(5) == 0 {
		s.cluster = "c2"
	}
	return s
}

// draw draws what goes wrong, mostly at one spot, to begin with led by leader.
func draw(rnd *rand.Rand, hot spot, leader int32, clients int) schedule {
	within := span
	if rnd.IntN(2) == 0 {
		within = span / 10
	}
	times := make([]time.Duration, 1+rnd.IntN(10))
	for i := range times {
		times[i] = duration(rnd, within)
	}
	slices.Sort(times)
	s := make(schedule, 0, len(times))
	for _, at := range times {
		f := fault{kind: drawKind(rnd), at: at, lasts: exponential(rnd, 400*time.Millisecond)}
		f.cluster, f.partition, f.broker = hot.cluster, hot.partition, leader
		if rnd.IntN(4) == 0 {
			f.cluster = []string{"c1", "c2"}[rnd.IntN(2)]
			f.partition, f.broker = int32(rnd.IntN(partitions)), int32(1+rnd.IntN(brokers))
		}
		f.topic, f.other = topics()[f.cluster], 1+(f.broker+int32(rnd.IntN(brokers-1)))%brokers
		f.client, f.delay, f.drop = rnd.IntN(clients), exponential(rnd, 80*time.Millisecond), rnd.IntN(2) == 0
		if rnd.IntN(30) == 0 {
			f.lasts *= 20 // longer than timeouts
		}
		if f.movesLeader() && f.cluster == hot.cluster && (f.partition == hot.partition || f.broker == leader) {
			leader = f.other
		}
		s = append(s, f)
	}
	return s
}

// drawKind prefers what happens most, and what most goes wrong with.
func drawKind(rnd *rand.Rand) kind {
	often := []kind{elected, elected, elected, leaderless, cut, cutHalf, slow}
	if n := rnd.IntN(2 * len(often)); n < len(often) {
		return often[n]
	}
	return kind(rnd.IntN(int(kinds)))
}

func (f fault) movesLeader() bool {
	return f.kind == elected || f.kind == leaderless || f.kind == killed || f.kind == rolled
}

// duration is any time up to limit.
func duration(rnd *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(rnd.Int64N(int64(limit)))
}

// exponential is a time that is mostly short and mean on average; ten times that at most.
func exponential(rnd *rand.Rand, mean time.Duration) time.Duration {
	return min(time.Duration(rnd.ExpFloat64()*float64(mean)), 10*mean)
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }
