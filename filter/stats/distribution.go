package stats

import (
	"math/bits"
	"sync/atomic"
)

// A histogram counts in ranges that are an eighth to a quarter as wide as what they begin with: four to each power of two, from 1 to
// 2^27 (in microseconds: two minutes). What is larger counts with the last.
const (
	perPower  = 4
	exact     = 4  // numbers below it have a range each
	maxPower  = 26 // the last power of two that has ranges
	ranges    = exact + perPower*(maxPower-1)
	sumSlot   = ranges
	subBits   = 2 // the bits of a number that tell the ranges of a power of two apart
	firstWide = 2 // the power of two of exact

	histogramSlots = ranges + 1
)

// Bounds are the largest numbers that count in the buckets of who shows a histogram in fewer ranges: one less than each power of two up to
// a minute in microseconds.
func Bounds() []int64 {
	const largest = 26
	bounds := make([]int64, 0, largest)
	for power := 1; power <= largest; power++ {
		bounds = append(bounds, 1<<power-1)
	}
	return bounds
}

// Distribution is how many of each size there were: a metric that is a Histogram.
//
// The zero Distribution drops what is recorded. Any goroutine may call Record.
type Distribution struct{ at *binding }

// Record counts one of size n. Less than nothing is nothing.
func (d Distribution) Record(n int64) {
	if d.at == nil {
		return
	}
	n = max(n, 0)
	d.at.value(rangeOf(n)).Add(1)
	atomic.AddInt64(&d.at.numbers[sumSlot], n)
}

// rangeOf is the range that a number counts in.
func rangeOf(n int64) int {
	if n < exact {
		return int(n)
	}
	power := bits.Len64(uint64(n)) - 1
	if power > maxPower {
		return ranges - 1
	}
	return exact + (power-firstWide)*perPower + int(n>>(power-subBits))&(perPower-1)
}

// rangeStart is the least number that counts in a range.
func rangeStart(i int) int64 {
	if i < exact {
		return int64(i)
	}
	power, part := firstWide+(i-exact)/perPower, (i-exact)%perPower
	return int64(perPower+part) << (power - subBits)
}

// SlotSample is the number that stands for those that count in a place of a histogram's numbers, which a host records for each; false:
// the place is not a range.
func SlotSample(slot int) (n int64, ok bool) {
	if slot >= ranges {
		return 0, false
	}
	return (rangeStart(slot) + rangeStart(slot+1)) / 2, true
}

// Sizes is what a histogram has counted.
type Sizes struct {
	counts [ranges]int64
	// Sum adds up what was recorded.
	Sum int64
}

// Count is how many were recorded.
func (s *Sizes) Count() (n int64) {
	for _, c := range s.counts {
		n += c
	}
	return n
}

// Below is how many were less than limit, which is a power of two.
func (s *Sizes) Below(limit int64) (n int64) {
	for i, c := range s.counts {
		if rangeStart(i) >= limit {
			break
		}
		n += c
	}
	return n
}

// Quantile is a number that the part q of those recorded, 0 to 1, is not greater than; 0 when there are none. It is off by an eighth at
// most.
func (s *Sizes) Quantile(q float64) int64 {
	left := int64(q * float64(s.Count()))
	for i, c := range s.counts {
		if left -= c; c > 0 && left <= 0 {
			n, _ := SlotSample(i)
			return n
		}
	}
	return 0
}

// Add adds what another has counted.
func (s *Sizes) Add(other *Sizes) {
	for i, c := range other.counts {
		s.counts[i] += c
	}
	s.Sum += other.Sum
}

// Since is what was counted since another was read.
func (s *Sizes) Since(before *Sizes) *Sizes {
	d := *s
	for i, c := range before.counts {
		d.counts[i] -= c
	}
	d.Sum -= before.Sum
	return &d
}

// read reads what is there now.
func (s *Sizes) read(numbers []int64) {
	for i := range s.counts {
		s.counts[i] = atomic.LoadInt64(&numbers[i])
	}
	s.Sum = atomic.LoadInt64(&numbers[sumSlot])
}
