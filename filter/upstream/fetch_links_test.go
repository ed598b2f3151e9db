package upstream_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
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

// A client that waits for more bytes than there are holds up nobody for ever: when there is no room for others' answers, it is told what
// there is.
func TestFetchThatWaitsGivesRoom(t *testing.T) {
	t.Parallel()
	room := fetch.NewRoom(40 << 10)
	withReaderIn(t, settings(), room, func(r *reader) {
		r.cluster.Store("a", 0, strings.Repeat("x", 20<<10))
		other := *r
		other.own = r.way.Own("")
		defer other.own.Close()
		r.minimum = 30 << 10
		patient := r.begin(time.Hour)
		synctest.Wait()
		if bytes, urgent, _ := patient.Ready(); bytes == 0 || urgent {
			t.Errorf("%d bytes are ready, urgent %t; want some that wait for more", bytes, urgent)
		}
		brief := other.begin(time.Hour)
		synctest.Wait()
		if _, urgent, _ := patient.Ready(); !urgent {
			t.Error("who waits for more is not told what there is")
		}
		patient.end(0)
		if got := brief.end(0); len(got) == 0 || len(got[0]) < 20<<10 {
			t.Errorf("the other client is given %.40q", got)
		}
	})
}

// What a client has taken is its session's to count, for as long as it takes to be sent: it is there until it is released, and holds up nobody.
func TestFetchThatIsTakenGivesRoom(t *testing.T) {
	t.Parallel()
	room := fetch.NewRoom(40 << 10)
	withReaderIn(t, settings(), room, func(r *reader) {
		want := strings.Repeat("x", 20<<10)
		r.cluster.Store("a", 0, want)
		g := r.begin(maxWait)
		synctest.Wait()
		into := [][]wire.Fetched{make([]wire.Fetched, len(r.offsets))}
		_, _, release := g.Take(1<<20, true, into)
		for range 3 {
			other := *r
			other.own, other.offsets = r.way.Own(""), slices.Clone(r.offsets)
			if got := other.begin(maxWait).end(0); len(got) == 0 || len(got[0]) < len(want) {
				t.Errorf("another client is given %.40q", got)
			}
			other.own.Close()
		}
		if got := string(into[0][0].Records); got != want {
			t.Errorf("what is taken is %d bytes, %.40q", len(got), got)
		}
		release()
		r.own.Close()
		if held := room.Held(); held != 0 {
			t.Errorf("%d bytes are held when all clients are gone", held)
		}
	})
}

// A broker that cannot be reached is not dialled all the time, and its partitions do not hold up others.
func TestFetchLetsBrokersBe(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.read("both are there", maxWait, "NONE 0", "NONE 0")
		r.cluster.Refuse(2, true)
		r.cluster.Cut(2)
		r.dialled.forget()
		began := time.Now()
		for i := range int64(50) {
			r.cluster.Store("a", 0, "x")
			g := r.begin(maxWait)
			if got := g.end(maxWait); got[0] != fmt.Sprintf("NONE %d x", i+1) {
				t.Fatalf("the other broker's: %q", got)
			}
			bubble.Advance(time.Second)
		}
		r.dialled.mu.Lock()
		dials := len(slices.DeleteFunc(r.dialled.addrs, func(a string) bool { return !strings.HasPrefix(a, "2:") }))
		r.dialled.addrs = nil
		r.dialled.mu.Unlock()
		if dials < 5 || dials > 40 {
			t.Errorf("dialled %d times in %v", dials, time.Since(began))
		}
	})
}

// Who waits for one broker's long pause to end does not have others wait for as long: each is tried when it is due.
func TestFetchRetriesWhatIsDueFirst(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.cluster.Refuse(2, true)
		for range 14 { // until its pause is the longest
			r.begin(maxWait).end(maxWait)
			bubble.Advance(maxWait)
		}
		g := r.begin(time.Hour)
		synctest.Wait()
		r.cluster.Refuse(1, true)
		r.cluster.Cut(1)
		synctest.Wait()
		r.cluster.Refuse(1, false)
		r.cluster.Store("a", 0, "one")
		began := time.Now()
		got := g.end(time.Hour)
		if d := time.Since(began); got[0] != "NONE 1 one" || d > time.Second {
			t.Errorf("%q after %v, want what the first broker has after its own short pause", got, d)
		}
	})
}
