package upstream_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Topics are asked for by id, or by name of a cluster that is older than the client.
func TestFetchByID(t *testing.T) {
	t.Parallel()
	for _, newest := range []int16{18, 13, 12, 4} {
		withReader(t, settings(), func(r *reader) {
			r.cluster.Read(link.Range{Min: 4, Max: newest})
			r.version, r.id = 17, [16]byte{'a', 15: 0}
			r.cluster.Store("a", 0, "one")
			r.cluster.Store("a", 1, "two")
			r.minimum = 6
			r.read(fmt.Sprint("brokers have ", newest), 0, "NONE 1 one", "NONE 1 two")
			for _, f := range r.cluster.Fetches() {
				if f.Version != min(newest, 17) {
					t.Errorf("asked in version %d, want %d", f.Version, min(newest, 17))
				}
			}
			r.id[1] = 1
			r.offsets = []int64{0}
			if want := "UNKNOWN_TOPIC_ID -1"; newest >= 13 {
				r.read("another id", 0, want)
			}
		})
	}
}

// A topic that was made anew has another id, and both may be asked for at once: each gets its own answer, also of a broker that answers in
// another order, and what was known of the old one is not said of the new one.
func TestFetchOfTwoIDsOfOneName(t *testing.T) {
	t.Parallel()
	for _, backwards := range []bool{false, true} {
		withReader(t, settings(), func(r *reader) {
			r.cluster.FetchBackwards(backwards)
			r.version, r.id, r.offsets = 17, r.cluster.TopicID("a"), []int64{0}
			r.cluster.Store("a", 0, "one")
			r.read("its own id", 0, "NONE 1 one")
			topics := []wire.FetchTopic{{Name: "a", ID: [16]byte{'o'}}, {Name: "a", ID: r.id}, {Name: "a"}}
			for i := range topics {
				topics[i].Partitions = []wire.FetchPartition{{LeaderEpoch: -1, LastFetchedEpoch: -1, MaxBytes: 100}}
			}
			request := &wire.FetchRequest{MaxWaitMillis: 500, MinBytes: 1, MaxBytes: 1000, Topics: topics}
			told := func(f *fetch.Fetching) (got []string) {
				into := make([][]wire.Fetched, len(topics))
				for i := range into {
					into[i] = make([]wire.Fetched, 1)
				}
				_, _, release := f.Take(1000, true, into)
				defer release()
				for i := range into {
					got = append(got, strings.TrimSpace(fmt.Sprintf("%s %d %s", into[i][0].Code, into[i][0].HighWatermark, into[i][0].Records)))
				}
				return got
			}
			if diff := cmp.Diff([]string{"NONE -1", "NONE 1", "NONE -1"}, told(r.own.Fetch(17, request, func() {}))); diff != "" {
				t.Errorf("before there is an answer (-want +got):\n%s", diff)
			}
			f := r.own.Fetch(17, request, func() {})
			synctest.Wait()
			want := []string{"UNKNOWN_TOPIC_ID -1", "NONE 1 one", "UNKNOWN_TOPIC_ID -1"}
			if diff := cmp.Diff(want, told(f)); diff != "" {
				t.Errorf("backwards %t (-want +got):\n%s", backwards, diff)
			}
		})
	}
}
