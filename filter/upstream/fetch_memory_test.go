package upstream_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
)

// many is of how many partitions a client asks for offsets from 0 on.
func (r *reader) many(n int) {
	leaders := make([]int32, n)
	for i := range leaders {
		leaders[i] = int32(1 + i%2)
	}
	r.dialled.CreateTopic("many", leaders...)
	r.topic, r.offsets = "many", make([]int64, n)
}

// What is known of a client's partitions between its requests is counted, and forgotten when others need the room: the client then is told
// no less, but later.
func TestFetchForgetsWhatIsKnown(t *testing.T) {
	t.Parallel()
	const partitions = 1000
	room := fetch.NewRoom(900 << 10)
	withReaderIn(t, settings(), room, func(r *reader) {
		others := make([]*reader, 4)
		for i := range others {
			other := *r
			other.own = r.way.Own("")
			defer other.own.Close()
			others[i] = &other
		}
		r.many(partitions)
		for _, other := range others {
			other.topic, other.offsets = r.topic, slices.Clone(r.offsets)
			got := other.begin(maxWait).end(maxWait)
			if got[0] != "NONE 0" || got[partitions-1] != "NONE 0" {
				t.Errorf("is told %q and %q", got[0], got[partitions-1])
			}
			if held := room.Held(); held < partitions*200 || held > 900<<10 {
				t.Errorf("%d bytes are held of what clients know, want that of one, and no more than there is room for", held)
			}
		}
		remembers := func(other *reader) bool {
			g := other.begin(maxWait)
			held := room.Held()
			got := other.placeholders(g)
			if held >= partitions*200 && other == others[3] {
				t.Errorf("%d bytes are held of what is known of a client that asks: its request is counted elsewhere", held)
			}
			return got[0] == "NONE 0"
		}
		if !remembers(others[3]) || remembers(others[0]) {
			t.Error("the last client is forgotten, or the first is not")
		}
		for _, other := range others {
			other.own.Close()
		}
		if held := room.Held(); held != 0 {
			t.Errorf("%d bytes are held of clients that are gone", held)
		}
	})
}

// placeholders takes what is there at once.
func (r *reader) placeholders(g *reading) []string {
	got := g.end(-100 * time.Millisecond)
	synctest.Wait()
	return got
}
