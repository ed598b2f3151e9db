package main

import (
	"slices"
	"sync/atomic"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// metrics are the totals of one configuration.
type metrics struct {
	table  []stats.Metric
	values []int64
}

func newMetrics(clusters []string) *metrics {
	table := stats.Table(clusters)
	return &metrics{table, make([]int64, len(table))}
}

func (m *metrics) set() *stats.Set { return stats.New(m.table, m.values) }

// add adds what other has counted, under the same names.
func (m *metrics) add(other *metrics) {
	for i, metric := range other.table {
		at := slices.IndexFunc(m.table, func(have stats.Metric) bool { return have.Name == metric.Name })
		if at < 0 {
			at = len(m.table)
			m.table, m.values = append(m.table, metric), append(m.values, 0)
		}
		m.values[at] += atomic.LoadInt64(&other.values[i])
	}
}

// print prints the metrics that are not zero, one a line.
func (m *metrics) print(w printer) {
	width := 0
	for i, metric := range m.table {
		if m.values[i] != 0 {
			width = max(width, len(metric.Name))
		}
	}
	if width == 0 {
		w.printf("metrics: all zero\n")
		return
	}
	w.printf("metrics, those that are not zero:\n")
	for i, metric := range m.table {
		if n := m.values[i]; n != 0 {
			w.printf("  %-*s  %12d %s\n", width, metric.Name, n, metric.Unit)
		}
	}
}
