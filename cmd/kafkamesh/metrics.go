package main

import (
	"sync/atomic"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// printMetrics prints the metrics that are not zero, one a line.
func printMetrics(w printer, table []stats.Metric, values []int64) {
	width := 0
	for i, m := range table {
		if atomic.LoadInt64(&values[i]) != 0 {
			width = max(width, len(m.Name))
		}
	}
	if width == 0 {
		w.printf("metrics: all zero\n")
		return
	}
	w.printf("metrics, those that are not zero:\n")
	for i, m := range table {
		if n := atomic.LoadInt64(&values[i]); n != 0 {
			w.printf("  %-*s  %12d %s\n", width, m.Name, n, m.Unit)
		}
	}
}
