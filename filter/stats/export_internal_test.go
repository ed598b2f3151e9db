package stats

// ByName gives any metric that has one number.
func (s *Set) ByName(name string) Value { return s.value(name) }

// BuildName is the name of the metric of a build.
func BuildName(version string) string { return buildMetric(version).Name }

// RangeOf and RangeStart are the ranges of histograms, of which there are Ranges.
func RangeOf(n int64) int    { return rangeOf(n) }
func RangeStart(i int) int64 { return rangeStart(i) }

// Ranges is how many ranges a histogram has.
const Ranges = ranges
