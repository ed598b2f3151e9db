package fetch

import (
	"testing"
	"unsafe"
)

// What is known of a partition holds no more than is counted for it: itself, and up to three places for it in a map that has just grown.
func TestPlaceCost(t *testing.T) {
	t.Parallel()
	slot := unsafe.Sizeof(place{}) + unsafe.Sizeof((*partition)(nil)) + 1
	if holds := unsafe.Sizeof(partition{}) + 3*slot; holds > placeCost {
		t.Errorf("holds %d bytes, of which %d are counted", holds, placeCost)
	}
}

// A session holds no more of a partition than is counted for it.
func TestSpotCost(t *testing.T) {
	t.Parallel()
	const pointer = unsafe.Sizeof((*spot)(nil))
	slot := unsafe.Sizeof(place{}) + pointer + 1
	if holds := unsafe.Sizeof(spot{}) + 3*slot + 2*pointer; holds > spotCost {
		t.Errorf("holds %d bytes, of which %d are counted", holds, spotCost)
	}
}
