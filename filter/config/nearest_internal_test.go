package config

import "testing"

// TestNearestOfSeveral wants one answer in whatever order the known words come: they may come from a map.
func TestNearestOfSeveral(t *testing.T) {
	t.Parallel()
	for _, known := range [][]string{{"sasl.password", "ssl.key.password"}, {"ssl.key.password", "sasl.password"}} {
		if got := Nearest("ssly.password", known); got != "sasl.password" {
			t.Errorf("nearest of %v is %q", known, got)
		}
	}
}
