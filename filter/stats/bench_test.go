package stats_test

import (
	"sync/atomic"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
)

// BenchmarkAdd/value to BenchmarkAdd/atomic is what counting costs beyond the addition.
func BenchmarkAdd(b *testing.B) {
	s := statstest.New("c1")
	b.Run("value", func(b *testing.B) {
		for b.Loop() {
			s.Connections.Add(1)
		}
	})
	b.Run("atomic", func(b *testing.B) {
		var n atomic.Int64
		for b.Loop() {
			n.Add(1)
		}
	})
	b.Run("distribution", func(b *testing.B) {
		c, n := s.Cluster("c1"), int64(0)
		for b.Loop() {
			c.TimeTotal.Record(n)
			n += 7
		}
	})
}
