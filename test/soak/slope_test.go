package soak

import (
	"math"
	"testing"
	"time"
)

// line is a point every ten seconds, on a straight line unless it is bent.
func line(n int, perHour float64, bend func(i int) float64) (points []Point) {
	for i := range n {
		at := time.Duration(i) * 10 * time.Second
		points = append(points, Point{at, 100 + perHour*at.Hours() + bend(i)})
	}
	return points
}

func straight(int) float64 { return 0 }

func TestSlope(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		points []Point
		want   float64
	}{
		{"nothing", nil, 0},
		{"one", line(1, 5, straight), 0},
		{"two at the same time", []Point{{0, 1}, {0, 2}}, 0},
		{"two", []Point{{0, 1}, {time.Minute, 2}}, 60},
		{"flat", line(100, 0, straight), 0},
		{"rising", line(100, 36, straight), 36},
		{"falling", line(101, -7.5, straight), -7.5},
		{"with spikes", line(100, 36, func(i int) float64 { return float64(i % 10 / 9 * 1_000_000) }), 36},
		{"one step at the end", line(100, 0, func(i int) float64 { return float64(i / 95) }), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := Slope(c.points); math.Abs(got-c.want) > 1e-3 {
				t.Errorf("Slope() = %v, want %v", got, c.want)
			}
		})
	}
}

// What grows in steps, or breathes while it grows, grows by about what it has more at the end.
func TestTrendOfWhatGrows(t *testing.T) {
	t.Parallel()
	for name, points := range map[string][]Point{
		"steadily":          line(601, 60, straight),
		"in five steps":     line(601, 0, func(i int) float64 { return float64(i / 100 * 20) }),
		"while it breathes": line(601, 60, func(i int) float64 { return 20 * math.Sin(float64(i)) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := TrendOf(points); got.Grown < 80 || got.Grown > 130 {
				t.Errorf("TrendOf() = %+v, want it grown by 100 to 120", got)
			}
		})
	}
}

func TestTrendOfKnowsItsEnds(t *testing.T) {
	t.Parallel()
	got := TrendOf([]Point{{0, 3}, {time.Hour, 7}, {2 * time.Hour, 1}, {3 * time.Hour, 3}})
	if want := (Trend{Begin: 3, End: 3, Least: 1, Most: 7, Slope: -0.5, Grown: -1.5}); got != want {
		t.Errorf("TrendOf() = %+v, want %+v", got, want)
	}
}

func TestAfterLeavesTheWarmUpOut(t *testing.T) {
	t.Parallel()
	points := []Point{{0, 1}, {time.Second, 2}, {2 * time.Second, 3}}
	if got := After(points, time.Second); len(got) != 2 || got[0].Value != 2 {
		t.Errorf("After(1s) = %v, want the last two", got)
	}
	if got := After(points, time.Minute); len(got) != 0 {
		t.Errorf("After(1m) = %v, want none", got)
	}
}
