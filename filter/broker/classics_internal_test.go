package broker

import (
	"strconv"
	"testing"
	"time"
)

// What is remembered of groups is bounded, and counts for a while.
func TestClassicsAreBounded(t *testing.T) {
	t.Parallel()
	var c classics
	now := time.Now()
	for i := range 3*maxClassics + 7 {
		group := strconv.Itoa(i)
		c.keep(group, i%2 == 0, now)
		if members, known := c.find(group, now.Add(classicAge-1)); !known || members != (i%2 == 0) || len(c.of) > maxClassics {
			t.Fatalf("group %d: find = %t, %t with %d remembered; want what was just said, and %d at most", i, members, known, len(c.of), maxClassics)
		}
		if _, known := c.find(group, now.Add(classicAge)); known {
			t.Fatalf("group %d is known after %s", i, classicAge)
		}
	}
}
