package main

import "github.com/kafkamesh/envoy-kafka-mesh/filter/stats"

// printMetrics prints the metrics that are not zero, one a line, histograms by what half and nearly all were within.
func printMetrics(w printer, samples []stats.Sample) {
	width := 0
	for i := range samples {
		if !samples[i].IsZero() {
			width = max(width, len(samples[i].Name))
		}
	}
	if width == 0 {
		w.printf("metrics: all zero\n")
		return
	}
	w.printf("metrics, those that are not zero:\n")
	for i := range samples {
		switch s := &samples[i]; {
		case s.IsZero():
		case s.Sizes != nil:
			w.printf("  %-*s  %12d times, half within %d, 99 of 100 within %d %s\n",
				width, s.Name, s.Sizes.Count(), s.Sizes.Quantile(1./2), s.Sizes.Quantile(99./100), s.Unit)
		default:
			w.printf("  %-*s  %12d %s\n", width, s.Name, s.Value, s.Unit)
		}
	}
}
