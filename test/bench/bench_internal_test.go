package main

import (
	"slices"
	"testing"
)

func TestIdleWithin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		descriptors uint64
		want        int
	}{{1 << 20, 10_000}, {20_500, 10_000}, {20_000, 9_750}, {4_096, 1_798}, {1_024, 262}, {0, 0}} {
		if got := idleWithin(tt.descriptors); got != tt.want {
			t.Errorf("idleWithin(%d) = %d, want %d", tt.descriptors, got, tt.want)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name               string
		all, first, second cores
	}{
		{"two", cores{0, 1}, cores{0}, cores{1}},
		{"three: the brokers have more", cores{1, 2, 5}, cores{1}, cores{2, 5}},
		{"four", cores{0, 1, 2, 3}, cores{0, 1}, cores{2, 3}},
	} {
		if first, second := tt.all.split(); !slices.Equal(first, tt.first) || !slices.Equal(second, tt.second) {
			t.Errorf("%s: %v and %v, want %v and %v", tt.name, first, second, tt.first, tt.second)
		}
	}
}

// A short run has neither peers nor an earlier build, unless they are asked for.
func TestWanted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		o    options
		ways int
	}{
		{"a whole run", options{}, 9},
		{"with an earlier build", options{before: "folder"}, 11},
		{"a short run", options{quick: true}, 6},
		{"a short run with an earlier build", options{quick: true, before: "folder"}, 8},
	} {
		n := 0
		for _, w := range ways() {
			if tt.o.wanted(&w) {
				n++
			}
		}
		if n != tt.ways {
			t.Errorf("%s: %d ways, want %d", tt.name, n, tt.ways)
		}
	}
}
