package upstream_test

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// What comes while a client asks for nothing is there for its next request. What the client asks for behind it is polled for on the link that
// there is, however often that happens: partitions of one broker are not spread over more and more polls.
func TestFetchBetweenRequestsNeedsNoLinks(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.cluster.CreateTopic("b", 1, 2, 1, 2, 1, 2, 1, 2)
		r.topic, r.offsets = "b", make([]int64, 8)
		r.begin(0).end(0)
		for i := range 40 {
			r.cluster.Store("b", 0, "x")
			if got := r.begin(maxWait).end(maxWait); got[0] != fmt.Sprintf("NONE %d x", i+1) {
				t.Fatalf("%d: %q", i, got)
			}
			late := int32(1 + i%4*2)
			r.cluster.Store("b", late, "y")
			synctest.Wait()
			if got := r.begin(maxWait).end(maxWait); got[late] != fmt.Sprintf("NONE %d y", i/4+1) {
				t.Fatalf("%d: %q", i, got)
			}
		}
		r.dials("a link to each", "1:9092", "2:9092")
	})
}
