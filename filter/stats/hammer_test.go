package stats_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// TestHammerMarks has a host look at what is marked while many add: in the end it has seen everything.
func TestHammerMarks(t *testing.T) {
	t.Parallel()
	const adders, each = 8, 20_000
	table := stats.NewTable(scope())
	words := (table.Size() + 63) / 64
	numbers, marks, groups := make([]int64, table.Size()), make([]uint64, words), make([]uint64, (words+63)/64)
	set := stats.NewIn(table, stats.Memory{Numbers: numbers, Marks: marks, Groups: groups})
	seen := make([]int64, len(numbers))
	look := func() {
		each := func(words []uint64, at int, f func(i int)) {
			word := atomic.SwapUint64(&words[at], 0)
			for bit := range 64 {
				if word&(1<<bit) != 0 {
					f(64*at + bit)
				}
			}
		}
		for i := range groups {
			each(groups, i, func(w int) {
				each(marks, w, func(n int) { seen[n] = atomic.LoadInt64(&numbers[n]) })
			})
		}
	}
	var adding sync.WaitGroup
	for range adders {
		adding.Go(func() {
			c := set.Cluster("kafka_c1")
			for n := range each {
				m := table[n%len(table)]
				set.ByName(m.Name).Add(1)
				c.TimeTotal.Record(int64(n))
				c.Reachable.Set(int64(n % 2))
			}
		})
	}
	done := make(chan struct{})
	go func() { adding.Wait(); close(done) }()
	for running := true; running; look() {
		select {
		case <-done:
			running = false
		default:
		}
	}
	for i, n := range numbers {
		if seen[i] != n && !isSum(table, i) {
			t.Errorf("number %d was last seen as %d, and is %d", i, seen[i], n)
		}
	}
	for _, s := range set.Read() {
		if s.Name == "cluster.kafka_c1.time_total_us" && s.Sizes.Count() < adders*each {
			t.Errorf("%d times recorded, want %d", s.Sizes.Count(), adders*each)
		}
	}
}

// isSum reports whether a number is the sum of a histogram, which nobody is told of.
func isSum(table stats.Table, number int) bool {
	at := 0
	for i := range table {
		at += table[i].Slots()
		if at-1 == number {
			return table[i].Kind == stats.Histogram
		}
	}
	return false
}
