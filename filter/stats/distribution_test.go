package stats_test

import (
	"math"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
)

// TestRanges wants each range to begin where the one before ends, and to be narrow.
func TestRanges(t *testing.T) {
	t.Parallel()
	for i := range stats.Ranges - 1 {
		start, next := stats.RangeStart(i), stats.RangeStart(i+1)
		if got := stats.RangeOf(start); got != i {
			t.Errorf("%d is in range %d, want %d", start, got, i)
		}
		if got := stats.RangeOf(next - 1); got != i {
			t.Errorf("%d is in range %d, want %d", next-1, got, i)
		}
		if next-start > max(1, start/4) {
			t.Errorf("range %d is %d to %d, wider than a quarter", i, start, next)
		}
	}
	for _, n := range []int64{math.MaxInt64, stats.RangeStart(stats.Ranges)} {
		if got := stats.RangeOf(n); got != stats.Ranges-1 {
			t.Errorf("%d is in range %d, want the last", n, got)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	set := statstest.New("c1")
	sizes := func() *stats.Sizes {
		for _, s := range set.Read() {
			if s.Name == "cluster.c1.time_total_us" {
				return s.Sizes
			}
		}
		return nil
	}
	if got := sizes().Quantile(0.5); got != 0 {
		t.Errorf("the median of none is %d, want 0", got)
	}
	d := set.Cluster("c1").TimeTotal
	for n := range int64(1000) {
		d.Record(n)
	}
	d.Record(-5)
	before := sizes()
	for q, want := range map[float64]int64{0: 0, 0.5: 500, 0.99: 990, 1: 999} {
		if got := before.Quantile(q); math.Abs(float64(got-want)) > float64(want)/8 {
			t.Errorf("Quantile(%g) = %d, want %d or so", q, got, want)
		}
	}
	if got := before.Below(256); got != 257 {
		t.Errorf("Below(256) = %d, want 257", got)
	}
	d.Record(70)
	if since := sizes().Since(before); since.Count() != 1 || since.Sum != 70 || since.Below(64) != 0 || since.Below(128) != 1 {
		t.Errorf("since then %d that add up to %d, want one of 70", since.Count(), since.Sum)
	}
}

func TestSlotSamples(t *testing.T) {
	t.Parallel()
	for slot := range stats.Ranges {
		if n, ok := stats.SlotSample(slot); !ok || stats.RangeOf(n) != slot {
			t.Errorf("the sample of range %d is %d, which is in range %d", slot, n, stats.RangeOf(n))
		}
	}
	if _, ok := stats.SlotSample(stats.Ranges); ok {
		t.Error("the sum has a sample")
	}
}
