package upstream_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The links are the client's own, end with it, and are replaced when what they are made from is.
func TestFetchLinks(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.offsets = []int64{0}
		r.read("first", maxWait, "NONE 0")
		r.dials("first", "1:9092")
		r.cluster.Replace()
		synctest.Wait()
		r.read("after a renewal", maxWait, "NONE 0")
		r.dials("after a renewal", "1:9092")
		other := r.way.Own("")
		mine := r.own
		r.own = other
		r.read("another client", maxWait, "NONE 0")
		r.dials("another client", "1:9092")
		g := r.begin(time.Hour)
		synctest.Wait()
		other.Close()
		if _, _, complete := g.Ready(); !complete {
			t.Error("a client that is gone waits on")
		}
		g.end(0)
		if got := r.begin(maxWait).end(maxWait); len(got) != 1 {
			t.Errorf("a client that is gone: %q", got)
		}
		r.own = mine
		r.read("the first client", maxWait, "NONE 0")
		r.dials("the first client")
	})
}

// A link that was made while brokers changed addresses leads to another than it should. It is replaced when metadata says where they are.
func TestFetchFromBrokersThatChangeAddresses(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.cluster.Store("a", 0, "one")
		r.cluster.Store("a", 1, "two")
		r.cluster.DelayDials(100 * time.Millisecond)
		time.AfterFunc(50*time.Millisecond, func() { r.cluster.Exchange(1, 2) }) // links are being made
		for range 20 {
			if r.offsets[0]+r.offsets[1] == 2 {
				break
			}
			r.begin(maxWait).end(maxWait)
		}
		if diff := cmp.Diff([]int64{1, 1}, r.offsets); diff != "" {
			t.Errorf("offsets in the end (-want +got):\n%s", diff)
		}
	})
}
