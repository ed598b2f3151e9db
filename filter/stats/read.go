package stats

import "sync/atomic"

// Sample is what one metric has come to.
type Sample struct {
	*Metric

	// Value is what a counter or a gauge is.
	Value int64
	// Sizes is what a histogram has counted; nil for the others.
	Sizes *Sizes
}

// Read is what every metric has come to, in the order of the table. While others count, numbers are not of the same instant.
func (s *Set) Read() []Sample {
	samples := make([]Sample, len(s.table))
	for i := range s.table {
		m := &s.table[i]
		samples[i].Metric = m
		if m.Kind == Histogram {
			samples[i].Sizes = new(Sizes)
			samples[i].Sizes.read(s.numbers[m.at : m.at+histogramSlots])
		} else {
			samples[i].Value = atomic.LoadInt64(&s.numbers[m.at])
		}
	}
	return samples
}

// IsZero reports whether nothing was counted.
func (s *Sample) IsZero() bool {
	if s.Sizes != nil {
		return s.Sizes.Count() == 0
	}
	return s.Value == 0
}

// Merge adds up what has the same name; of a level, b's counts. It changes neither, and keeps what is in both.
func Merge(a, b []Sample) []Sample {
	places := make(map[string]int, len(a))
	merged := append([]Sample(nil), a...)
	for i := range a {
		places[a[i].Name] = i
	}
	for _, sample := range b {
		i, ok := places[sample.Name]
		switch {
		case !ok:
			merged = append(merged, sample)
		case sample.Sizes != nil:
			sum := *merged[i].Sizes
			sum.Add(sample.Sizes)
			merged[i].Sizes = &sum
		case sample.Level:
			merged[i].Value = sample.Value
		default:
			merged[i].Value += sample.Value
		}
	}
	return merged
}
