package upstream_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// said is what a request of a session says: whether it begins one, goes on, or neither, and how many partitions it names and forgets.
func said(r *kmsg.FetchRequest) string {
	named, forgotten := 0, 0
	for _, t := range r.Topics {
		named += len(t.Partitions)
	}
	for _, t := range r.ForgottenTopics {
		forgotten += len(t.Partitions)
	}
	kind := "goes on"
	switch {
	case r.SessionEpoch == wire.SessionInitial && r.SessionID != 0:
		kind = "begins another"
	case r.SessionEpoch == wire.SessionInitial:
		kind = "begins"
	case r.SessionEpoch == wire.SessionFinal && r.SessionID != 0:
		kind = "ends"
	case r.SessionEpoch == wire.SessionFinal:
		kind = "outside"
	}
	return fmt.Sprintf("%s: %d, forgets %d", kind, named, forgotten)
}

// store stores records in a partition of many.
func store(r *reader, partition int32, records string) func() {
	return func() { r.dialled.Store("many", partition, records) }
}

// withSessions runs f with a reader of 40 partitions of a topic of two brokers, half of each, in a version.
func withSessions(t *testing.T, version int16, f func(r *reader)) {
	t.Helper()
	withReader(t, settings(), func(r *reader) {
		r.many(40)
		r.version, r.id = version, r.dialled.TopicID("many")
		f(r)
	})
}

// reads asks once, and wants of some partitions what is told of them, and of all others what was told of them last; and wants the requests
// that this takes to say so.
func (r *reader) reads(what string, news map[int]string, requests ...string) {
	r.t.Helper()
	r.readsWhile(func() {}, what, news, requests...)
}

// readsWhile is reads, with something that happens when the brokers have been asked.
func (r *reader) readsWhile(do func(), what string, news map[int]string, requests ...string) {
	r.t.Helper()
	before := len(r.dialled.Fetches())
	g := r.begin(maxWait)
	synctest.Wait()
	do()
	got := g.end(maxWait)
	for i, told := range got {
		want, is := news[i]
		if !is {
			want = fmt.Sprintf("NONE %d", r.offsets[i])
		}
		if told != want {
			r.t.Errorf("%s: told %q of %d, want %q", what, told, i, want)
		}
	}
	var all []string
	for _, request := range r.dialled.Fetches()[before:] {
		all = append(all, said(request))
	}
	slices.Sort(all)
	slices.Sort(requests)
	if !slices.Equal(all, requests) {
		r.t.Errorf("%s: requests %q, want %q", what, all, requests)
	}
}

// A client's polls go on with sessions of the brokers, by name and by id: they say what has changed. The client is told as much as without.
func TestFetchInSessions(t *testing.T) {
	t.Parallel()
	for _, version := range []int16{7, 12, 13, 17} {
		withSessions(t, version, func(r *reader) {
			r.reads("at first", nil, "begins: 20, forgets 0", "begins: 20, forgets 0")
			r.reads("again", nil, "goes on: 0, forgets 0", "goes on: 0, forgets 0")
			r.readsWhile(store(r, 3, "x"), "records", map[int]string{3: "NONE 1 x"}, "goes on: 0, forgets 0", "goes on: 0, forgets 0")
			r.reads("behind them", nil, "goes on: 1, forgets 0") // the other broker's poll is open
			r.offsets[5] = 9
			r.reads("too far", map[int]string{5: "OFFSET_OUT_OF_RANGE -1"}, "goes on: 0, forgets 0", "goes on: 1, forgets 0")
			r.offsets[5] = 0
			r.reads("right again", nil, "goes on: 1, forgets 0")
			r.offsets = r.offsets[:38]
			r.reads("fewer", nil, "goes on: 0, forgets 1", "goes on: 0, forgets 1")
			r.offsets = append(r.offsets, 0, 0)
			r.reads("and more", nil, "goes on: 1, forgets 0", "goes on: 1, forgets 0")
			whole := r.offsets
			r.offsets = r.offsets[:12]
			r.reads("few", map[int]string{3: "NONE 1"}, "ends: 6, forgets 0", "ends: 6, forgets 0")
			r.reads("few again", map[int]string{3: "NONE 1"}, "outside: 6, forgets 0", "outside: 6, forgets 0")
			r.offsets = whole
			r.reads("all", nil, "begins: 20, forgets 0", "begins: 20, forgets 0")
		})
	}
}

// A session that its broker has dropped is begun anew, of which the client sees nothing. A broker that keeps none is asked without.
func TestFetchSessionIsLost(t *testing.T) {
	t.Parallel()
	withSessions(t, 12, func(r *reader) {
		r.reads("at first", nil, "begins: 20, forgets 0", "begins: 20, forgets 0")
		r.dialled.LimitSessions(1)
		r.readsWhile(store(r, 4, "x"), "dropped", map[int]string{4: "NONE 1 x"}, "begins: 20, forgets 0", "begins: 20, forgets 0", "goes on: 0, forgets 0", "goes on: 0, forgets 0")
		r.reads("behind it", nil, "goes on: 1, forgets 0")
		r.reads("at the end", nil, "goes on: 0, forgets 0", "goes on: 0, forgets 0")
		r.dialled.LimitSessions(0)
		r.reads("none is kept", nil, "begins: 20, forgets 0", "begins: 20, forgets 0", "goes on: 0, forgets 0", "goes on: 0, forgets 0")
		r.reads("still", nil, "begins: 20, forgets 0", "begins: 20, forgets 0")
		r.dialled.Cut(1)
		r.dialled.Cut(2)
		r.dialled.LimitSessions(9)
		r.reads("on other connections", nil, "begins: 20, forgets 0", "begins: 20, forgets 0")
		r.reads("there", nil, "goes on: 0, forgets 0", "goes on: 0, forgets 0")
	})
	withSessions(t, 12, func(r *reader) {
		r.dialled.Read(link.Range{Min: 4, Max: 6})
		r.reads("a broker that has none", nil, "outside: 20, forgets 0", "outside: 20, forgets 0")
		r.reads("again", nil, "outside: 20, forgets 0", "outside: 20, forgets 0")
	})
}

// A partition whose leader moves leaves one session and comes to another; what is told of it stays right.
func TestFetchSessionOfLeadersThatMove(t *testing.T) {
	t.Parallel()
	withSessions(t, 12, func(r *reader) {
		r.reads("at first", nil, "begins: 20, forgets 0", "begins: 20, forgets 0")
		r.readsWhile(store(r, 0, "x"), "records", map[int]string{0: "NONE 1 x"}, "goes on: 0, forgets 0", "goes on: 0, forgets 0")
		r.reads("behind it", nil, "goes on: 1, forgets 0")
		r.dialled.Move("many", 0, 2)
		r.reads("moved", map[int]string{0: "NOT_LEADER_OR_FOLLOWER -1"}, "goes on: 0, forgets 0", "goes on: 0, forgets 0")
		bubble.Advance(time.Second)
		r.reads("asked elsewhere", nil, "goes on: 0, forgets 1", "goes on: 1, forgets 0")
		r.readsWhile(store(r, 0, "y"), "read there", map[int]string{0: "NONE 2 y"}, "goes on: 0, forgets 0", "goes on: 0, forgets 0")
	})
}

// A topic that was made anew is another one to clients that name it by id, though its brokers still know it by name alone.
func TestFetchSessionOfTopicMadeAnew(t *testing.T) {
	t.Parallel()
	withSessions(t, 17, func(r *reader) {
		r.dialled.Read(link.Range{Min: 4, Max: 12})
		r.reads("at first", nil, "begins: 20, forgets 0", "begins: 20, forgets 0")
		r.reads("again", nil, "goes on: 0, forgets 0", "goes on: 0, forgets 0")
		r.id = [16]byte{9}
		r.reads("made anew", nil, "begins another: 20, forgets 0", "begins another: 20, forgets 0")
	})
}
