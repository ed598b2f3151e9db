package stats_test

import (
	"sync/atomic"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// BenchmarkAdd/value to BenchmarkAdd/atomic is what counting costs beyond the addition.
func BenchmarkAdd(b *testing.B) {
	table := stats.Table(nil)
	values := make([]int64, len(table))
	s := stats.New(table, values)
	b.Run("value", func(b *testing.B) {
		for b.Loop() {
			s.Connections.Add(1)
		}
	})
	b.Run("atomic", func(b *testing.B) {
		for b.Loop() {
			atomic.AddInt64(&values[0], 1)
		}
	})
}
