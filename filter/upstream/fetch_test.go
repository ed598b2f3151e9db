package upstream_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// reader is a client that reads partitions of topic a, one request after another.
type reader struct {
	*bench

	dialled *dialled
	own     *upstream.Own
	version int16
	offsets []int64 // of the partitions
	epochs  []int32
	topic   string
	id      [16]byte
	minimum int32
	most    int32 // that is asked for
	taken   int   // that is taken at most; 0: as much as is asked for
}

// withReader runs f in a bubble with a cluster of three brokers, of which a is led by the first two, in turn.
func withReader(t *testing.T, s upstream.Settings, f func(r *reader)) {
	t.Helper()
	withReaderIn(t, s, nil, f)
}

// withReaderIn is withReader with so much room; nil: as much as there is by default.
func withReaderIn(t *testing.T, s upstream.Settings, room *fetch.Room, f func(r *reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &dialled{Cluster: upstreamtest.New(3)}
		d.CreateTopic("a", 1, 2, 1, 2)
		d.Read(link.Range{Min: 4, Max: 18})
		b := &bench{t: t, cluster: d.Cluster, fences: new(order.Fences), stats: statstest.New("c1")}
		b.way = upstream.New(s, d, upstream.Thread{Cork: new(cork.Cork), Room: room}, b.stats.Cluster("c1"), slog.New(slog.DiscardHandler))
		r := &reader{
			bench: b, dialled: d, own: b.way.Own(""), version: 11, offsets: []int64{0, 0}, topic: "a", minimum: 1, most: 1 << 20,
		}
		f(r)
		r.own.Close()
		b.way.Close(b.t.Context())
		for id := range int32(3) {
			d.Cut(id + 1)
		}
		bubble.Advance(time.Hour) // brokers do not notice before they answer
		statstest.AtRest(t, b.stats)
	})
}

// reading is a request on its way.
type reading struct {
	*fetch.Fetching

	reader  *reader
	request *wire.FetchRequest
	news    chan struct{}
}

// begin asks for all partitions.
func (r *reader) begin(wait time.Duration) *reading {
	request := &wire.FetchRequest{MaxWaitMillis: int32(wait.Milliseconds()), MinBytes: r.minimum, MaxBytes: r.most}
	topic := wire.FetchTopic{Name: r.topic, ID: r.id}
	for i, offset := range r.offsets {
		p := wire.FetchPartition{Partition: int32(i), Offset: offset, LeaderEpoch: -1, LastFetchedEpoch: -1, MaxBytes: r.most}
		if i < len(r.epochs) {
			p.LeaderEpoch = r.epochs[i]
		}
		topic.Partitions = append(topic.Partitions, p)
	}
	request.Topics = append(request.Topics, topic)
	g := &reading{reader: r, request: request, news: make(chan struct{}, 100)}
	g.Fetching = r.own.Fetch(r.version, request, func() { g.news <- struct{}{} })
	return g
}

// end waits as the facade does, and takes what is there: of each partition the code, the high watermark and the records. The client goes on
// behind those.
func (g *reading) end(wait time.Duration) (got []string) {
	timer := time.NewTimer(wait + 100*time.Millisecond)
	defer timer.Stop()
	for enough := false; !enough; {
		if bytes, urgent, complete := g.Ready(); urgent || complete || bytes > 0 && bytes >= int(g.reader.minimum) {
			break
		}
		select {
		case <-g.news:
		case <-timer.C:
			enough = true
		}
	}
	most := int(g.reader.most)
	if g.reader.taken > 0 {
		most = g.reader.taken
	}
	into := [][]wire.Fetched{make([]wire.Fetched, len(g.reader.offsets))}
	_, _, release := g.Take(most, true, into)
	for i, p := range into[0] {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %d %s", p.Code, p.HighWatermark, p.Records)))
		if len(p.Records) > 0 && int(p.Partition) == i {
			g.reader.offsets[i] = p.HighWatermark
		}
	}
	release()
	return got
}

const maxWait = 500 * time.Millisecond

// read asks once, and compares what comes of it, and how long that takes, which is 0 or max_wait.
func (r *reader) read(what string, took time.Duration, want ...string) {
	r.t.Helper()
	began := time.Now()
	got := r.begin(maxWait).end(maxWait)
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if d := time.Since(began); d != took {
		r.t.Errorf("%s: took %v, want %v", what, d, took)
	}
}

// polled compares the partitions that brokers were asked for since the last time, as partition@offset.
func (r *reader) polled(what string, since int, want ...string) (now int) {
	r.t.Helper()
	synctest.Wait()
	all := r.cluster.Fetches()
	var got []string
	for _, f := range all[since:] {
		var ps []string
		for _, t := range f.Topics {
			for _, p := range t.Partitions {
				ps = append(ps, fmt.Sprintf("%d@%d", p.Partition, p.FetchOffset))
			}
		}
		got = append(got, strings.Join(ps, " "))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s: polled (-want +got):\n%s", what, diff)
	}
	return len(all)
}

// dials compares what was dialled since the last time, in any order.
func (r *reader) dials(what string, addrs ...string) {
	r.t.Helper()
	synctest.Wait()
	r.dialled.mu.Lock()
	slices.Sort(r.dialled.addrs)
	r.dialled.mu.Unlock()
	r.dialled.want(r.t, what, addrs...)
}

// What one broker has is told at once, and the poll at the other is used for the next request, for as long as it asks for the same.
func TestFetchAdopts(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.cluster.Store("a", 0, "one")
		r.read("the first has something", 0, "NONE 1 one", "NONE -1")
		n := r.polled("both", 0, "0@0", "1@0")
		r.cluster.Store("a", 1, "two")
		r.read("the second has, on the poll that was open", 0, "NONE 1", "NONE 1 two")
		n = r.polled("the first alone, where it goes on", n, "0@1")
		r.read("nothing", maxWait, "NONE 1", "NONE 1")
		n = r.polled("the second alone", n, "1@1")
		r.read("nothing again", maxWait, "NONE 1", "NONE 1")
		n = r.polled("each once", n, "0@1", "1@1")
		r.offsets[0] = 0
		r.read("the first from the beginning", 0, "NONE 1 one", "NONE 1")
		r.cluster.Store("a", 1, "three")
		synctest.Wait()
		r.offsets[1] = 0
		r.read("the second too: what is ready of it is not wanted", 0, "NONE 1", "NONE 2 twothree")
		r.polled("what it wants now", n, "0@0", "0@1", "1@0", "1@1")
		r.dials("a link to each", "1:9092", "2:9092")
	})
}

// An adopted poll that ends before the client's patience is followed by another.
func TestFetchAdoptedPollEndsEarly(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		g := r.begin(maxWait)
		bubble.Advance(200 * time.Millisecond)
		r.cluster.Store("a", 0, "one")
		if diff := cmp.Diff([]string{"NONE 1 one", "NONE -1"}, g.end(maxWait)); diff != "" {
			t.Error(diff)
		}
		g = r.begin(maxWait)
		bubble.Advance(400 * time.Millisecond)
		r.polled("the second's poll has ended, and there is another", 0, "0@0", "0@1", "1@0", "1@0")
		r.cluster.Store("a", 1, "two")
		if diff := cmp.Diff([]string{"NONE 1", "NONE 1 two"}, g.end(maxWait)); diff != "" {
			t.Error(diff)
		}
	})
}

// Who seeks while a poll is open gets another link, three at most: the oldest is given up then.
func TestFetchSeeks(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		for range 6 {
			r.cluster.Store("a", 1, "x")
		}
		r.offsets = []int64{0, 6}
		r.epochs = []int32{0}
		for i := range int32(6) {
			r.cluster.Store("a", 0, "new")
			r.epochs = []int32{0, []int32{-1, 0}[i%2]} // is something else to ask for
			r.read(fmt.Sprint("seek ", i), 0, fmt.Sprintf("NONE %d new", i+1), "NONE -1")
		}
		r.dials("links", "1:9092", "2:9092", "2:9092", "2:9092", "2:9092", "2:9092", "2:9092")
	})
}

// What is more than the client takes stays ready for its next request, and is dropped when it wants something else.
func TestFetchKeepsWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.cluster.Store("a", 0, "12345678")
		r.cluster.Store("a", 1, "87654321")
		r.minimum = 16
		g := r.begin(maxWait)
		synctest.Wait()
		r.taken = 10
		got := g.end(maxWait)
		r.minimum = 1
		r.read("the rest", 0, "NONE 1", "NONE 1 87654321")
		if diff := cmp.Diff([]string{"NONE 1 12345678", "NONE 1"}, got); diff != "" {
			t.Errorf("as much as fits (-want +got):\n%s", diff)
		}
		r.polled("the rest was there", 0, "0@0", "0@1", "1@0")
	})
}

// The minimum is that of all brokers together, each of which waits for its part.
func TestFetchMinimum(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.minimum = 9
		g := r.begin(maxWait)
		r.cluster.Store("a", 0, "1234")
		synctest.Wait()
		r.cluster.Store("a", 0, "5")
		r.cluster.Store("a", 1, "1234")
		began := time.Now()
		if diff := cmp.Diff([]string{"NONE 2 12345", "NONE 1 1234"}, g.end(maxWait)); diff != "" || time.Since(began) != maxWait {
			t.Errorf("too little at the second, after %v (-want +got):\n%s", time.Since(began), diff)
		}
		for _, f := range r.cluster.Fetches() {
			if f.MinBytes != 5 {
				t.Errorf("a broker waits for %d bytes, want 5", f.MinBytes)
			}
		}
	})
}

// A leader that moves is found again, by who asks the old one; one that is lost within the client's patience.
func TestFetchFollowsLeaders(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.offsets = []int64{0}
		r.cluster.Store("a", 0, "one")
		r.read("one", 0, "NONE 1 one")
		r.cluster.Move("a", 0, 3)
		r.read("the old leader says so", 0, "NOT_LEADER_OR_FOLLOWER -1")
		r.cluster.Store("a", 0, "two")
		r.read("the new leader", 0, "NONE 2 two")
		g := r.begin(maxWait)
		synctest.Wait()
		r.cluster.Move("a", 0, 1)
		r.cluster.Down(3, true)
		r.cluster.Store("a", 0, "three")
		if diff := cmp.Diff([]string{"NONE 3 three"}, g.end(maxWait)); diff != "" {
			t.Errorf("a leader is lost and there is another (-want +got):\n%s", diff)
		}
		g = r.begin(maxWait)
		synctest.Wait()
		r.cluster.Down(1, true)
		began := time.Now()
		if diff := cmp.Diff([]string{"NOT_LEADER_OR_FOLLOWER -1"}, g.end(maxWait)); diff != "" || time.Since(began) < maxWait {
			t.Errorf("a leader is lost and there is none, after %v (-want +got):\n%s", time.Since(began), diff)
		}
		r.cluster.Down(1, false)
		bubble.Advance(time.Minute)
		r.cluster.Store("a", 0, "four")
		r.read("it is there again", 0, "NONE 4 four")
	})
}

// A partition that has lost its leader is one without until another is found, also while the cluster is asked who that is.
func TestFetchWhileALeaderIsAskedFor(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.offsets = []int64{0}
		r.cluster.Store("a", 0, "one")
		r.read("one", 0, "NONE 1 one")
		g := r.begin(maxWait)
		synctest.Wait()
		defer r.cluster.HoldMetadata()()
		r.cluster.Down(1, true)
		if diff := cmp.Diff([]string{"NOT_LEADER_OR_FOLLOWER -1"}, g.end(maxWait)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What the cluster does not have is said at once, and what a broker finds wrong.
func TestFetchErrors(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		r.topic = "none"
		r.read("no such topic", 0, "UNKNOWN_TOPIC_OR_PARTITION -1", "UNKNOWN_TOPIC_OR_PARTITION -1")
		r.topic = "a"
		r.offsets = []int64{7, 0}
		r.read("no such offset", 0, "OFFSET_OUT_OF_RANGE -1", "NONE -1")
		r.offsets = []int64{0, 0, 0, 0, 0}
		r.read("no such partition beside others", maxWait, "NONE 0", "NONE 0", "NONE 0", "NONE 0", "UNKNOWN_TOPIC_OR_PARTITION -1")
		r.offsets, r.epochs = []int64{0}, []int32{5}
		r.read("no such epoch", 0, "UNKNOWN_LEADER_EPOCH -1")
	})
}

// What is configured bounds what brokers are asked for; a client whose patience is longer is answered when the brokers' is over.
func TestFetchIsBounded(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxFetchWait, s.MinFetchBytes, s.MaxFetchBytes, s.MaxPartitionFetchBytes = 100*time.Millisecond, 4, 3000, 2000
	withReader(t, s, func(r *reader) {
		r.read("nothing", 100*time.Millisecond, "NONE 0", "NONE 0")
		for _, f := range r.cluster.Fetches() {
			if f.MaxWaitMillis != 100 || f.MinBytes != 2 || f.MaxBytes != 3000 || f.Topics[0].Partitions[0].PartitionMaxBytes != 2000 {
				t.Errorf("asked to wait %d ms for %d to %d bytes, %d of one partition", f.MaxWaitMillis, f.MinBytes, f.MaxBytes,
					f.Topics[0].Partitions[0].PartitionMaxBytes)
			}
		}
	})
}

// What brokers are asked and answer is counted.
func TestFetchIsCounted(t *testing.T) {
	t.Parallel()
	withReader(t, settings(), func(r *reader) {
		counted := func(what string, want ...int64) {
			t.Helper()
			var got []int64
			for _, name := range []string{"requests", "open", "bytes", "empty", "failed_partitions", "lost"} {
				got = append(got, r.metric("fetch."+name))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: requests, open, bytes, empty, failed, lost (-want +got):\n%s", what, diff)
			}
		}
		r.cluster.Store("a", 0, "one")
		r.read("one", 0, "NONE 1 one", "NONE -1")
		counted("one has come, the other is open", 2, 1, 3, 0, 0, 0)
		r.read("nothing", maxWait, "NONE 1", "NONE 0")
		counted("nothing", 3, 0, 3, 2, 0, 0)
		r.offsets[0] = 9
		r.read("no such offset", 0, "OFFSET_OUT_OF_RANGE -1", "NONE 0")
		counted("no such offset", 5, 1, 3, 3, 1, 0)
		r.cluster.Cut(2)
		counted("the other is lost", 5, 0, 3, 3, 1, 1)
	})
}
