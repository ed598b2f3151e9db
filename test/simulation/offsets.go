package simulation

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// offsets are all that one cluster was ever told to keep, in their order. Any goroutine may use it.
type offsets struct {
	mu  sync.Mutex
	of  map[offsetKey][]commit
	all map[string]time.Duration // by what it is said with: when it was taken first
}

// offsetKey is what has an offset.
type offsetKey struct {
	group, topic string
	partition    int32
}

// commit is an offset as a cluster took it.
type commit struct {
	at     time.Duration
	offset int64
	by     string // what came with it: who committed it, as what, and the how manieth commit it is
}

func newOffsets() *offsets {
	return &offsets{of: map[offsetKey][]commit{}, all: map[string]time.Duration{}}
}

func (o *offsets) take(k offsetKey, offset int64, by string, at time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of[k] = append(o.of[k], commit{at, offset, by})
	if _, there := o.all[by]; !there {
		o.all[by] = at
	}
}

// last is the offset that is kept now, -1 if there is none.
func (o *offsets) last(k offsetKey) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if all := o.of[k]; len(all) > 0 {
		return all[len(all)-1].offset
	}
	return -1
}

// took reports whether a commit was taken, of a partition.
func (o *offsets) took(k offsetKey, by string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.of[k], func(c commit) bool { return c.by == by })
}

// between are the offsets that were kept at some time from one time on.
func (o *offsets) between(k offsetKey, from time.Duration) []int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := []int64{-1}
	for _, c := range o.of[k] {
		if c.at < from {
			kept = kept[:0]
		}
		kept = append(kept, c.offset)
	}
	return kept
}

// claim is what somebody commits as.
type claim struct {
	member     string
	generation int32
}

// parse reads what a commit is said with.
func parse(by string) (who claim, number int) {
	_, _ = fmt.Sscanf(by, "%s %d %d", &who.member, &who.generation, &number) // nobody else commits
	return who, number
}

// said is what a commit is said with.
func said(who claim, number int) string {
	return fmt.Sprintf("%s %d %d", who.member, who.generation, number)
}

// setBack says which offsets of a cluster went back, in words, but for what is known to happen: a commit that came after its member was
// excluded at home, within the bound, or was overtaken by a later one of the same member, whose connection had been lost.
func (o *offsets) setBack(late func(k offsetKey, c commit) bool) (wrong []string, known int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, all := range o.of {
		for i := 1; i < len(all); i++ {
			before, after := all[i-1], all[i]
			if after.offset >= before.offset {
				continue
			}
			a, m := parse(before.by)
			b, n := parse(after.by)
			if late(k, before) || late(k, after) || a == b && n < m {
				known++
				continue
			}
			wrong = append(wrong, fmt.Sprintf("%s of %s/%d went back from %d (%s, %s) to %d (%s, %s)", k.group, k.topic, k.partition,
				before.offset, before.by, before.at, after.offset, after.by, after.at))
		}
	}
	return wrong, known
}
