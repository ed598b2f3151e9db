package stats_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// TestHammerMarks has a host take what is marked while many add: in the end nothing is left, and nothing was lost.
func TestHammerMarks(t *testing.T) {
	t.Parallel()
	const adders, each = 8, 20_000
	table := stats.Table([]string{"c1", "c2"})
	values, marks := make([]int64, len(table)), make([]uint64, (len(table)+63)/64)
	set := stats.NewMarked(table, values, marks)
	taken := make([]int64, len(table))
	take := func() {
		for i := range marks {
			word := atomic.SwapUint64(&marks[i], 0)
			for bit := range 64 {
				if word&(1<<bit) != 0 {
					taken[64*i+bit] += atomic.SwapInt64(&values[64*i+bit], 0)
				}
			}
		}
	}
	var adding sync.WaitGroup
	for range adders {
		adding.Go(func() {
			for n := range each {
				for _, m := range table[n%len(table):][:1] {
					set.ByName(m.Name).Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { adding.Wait(); close(done) }()
	for running := true; running; take() {
		select {
		case <-done:
			running = false
		default:
		}
	}
	total := int64(0)
	for i, n := range taken {
		total += n
		if values[i] != 0 {
			t.Errorf("%s: %d left without a mark", table[i].Name, values[i])
		}
	}
	if total != adders*each {
		t.Errorf("%d were taken, want %d", total, adders*each)
	}
}
