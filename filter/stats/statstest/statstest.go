// Package statstest has sets of metrics for tests, and looks at them.
package statstest

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// New is a set for clusters of these names.
func New(clusters ...string) *stats.Set {
	return stats.New(stats.NewTable(stats.Scope{Clusters: clusters}))
}

// Value is what a counter or a gauge is.
func Value(tb testing.TB, set *stats.Set, name string) int64 {
	tb.Helper()
	for _, s := range set.Read() {
		if s.Name == name {
			return s.Value
		}
	}
	tb.Fatalf("no metric %s", name)
	return 0
}

// Raised are the gauges that are not zero, by name.
func Raised(set *stats.Set) map[string]int64 {
	raised := map[string]int64{}
	for _, s := range set.Read() {
		if s.Kind == stats.Gauge && s.Value != 0 {
			raised[s.Name] = s.Value
		}
	}
	return raised
}

// AtRest wants every gauge to be zero.
func AtRest(tb testing.TB, set *stats.Set) {
	tb.Helper()
	for name, n := range Raised(set) {
		tb.Errorf("gauge %s = %d at the end, want 0", name, n)
	}
}
