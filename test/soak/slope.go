package soak

import (
	"slices"
	"time"
)

// Point is what was measured at one time.
type Point struct {
	At    time.Duration // since any beginning
	Value float64
}

// Trend is what became of a quantity.
type Trend struct {
	Begin, End, Least, Most float64

	Slope float64 // per hour
	Grown float64 // by the slope, from the first point to the last
}

// TrendOf describes points, of which there is at least one, in their order of time.
func TrendOf(points []Point) Trend {
	first, last := points[0], points[len(points)-1]
	t := Trend{Begin: first.Value, End: last.Value, Least: first.Value, Most: first.Value, Slope: Slope(points)}
	for _, p := range points {
		t.Least, t.Most = min(t.Least, p.Value), max(t.Most, p.Value)
	}
	t.Grown = t.Slope * (last.At - first.At).Hours()
	return t
}

// Slope is the trend of points in value per hour, by Theil and Sen: the median of the slopes between any two of them. Unlike a line of
// least squares it does not follow the few points that lie far off.
func Slope(points []Point) float64 {
	var slopes []float64
	for i, p := range points {
		for _, q := range points[i+1:] {
			if hours := (q.At - p.At).Hours(); hours != 0 {
				slopes = append(slopes, (q.Value-p.Value)/hours)
			}
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	slices.Sort(slopes)
	middle := len(slopes) / 2
	if len(slopes)%2 == 1 {
		return slopes[middle]
	}
	return (slopes[middle-1] + slopes[middle]) / 2
}

// After leaves out the points before a time.
func After(points []Point, begin time.Duration) []Point {
	return slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return p.At < begin })
}
