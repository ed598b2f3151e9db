package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// memory is room for what is kept for clients.
type memory struct{ limit, taken int }

func (m *memory) Reserve(n int) bool {
	if m.taken+n > m.limit {
		return false
	}
	m.taken += n
	return true
}

func (m *memory) Return(n int) { m.taken -= n }

// sessionReader is a client that reads in sessions from two clusters.
type sessionReader struct {
	reader

	version int16
	memory  *memory
	c1, c2  *fake
	told    map[string]wire.Fetched // by topic/partition: what its broker has to say; nothing is -1
	asked   []string                // what the clusters were last asked for
}

func newSessionReader(t *testing.T, version int16, room int) *sessionReader {
	t.Helper()
	b, c1, c2 := facade()
	s := &sessionReader{reader: reader{t: t, broker: b}, version: version, memory: &memory{limit: room}, c1: c1, c2: c2, told: map[string]wire.Fetched{}}
	b.KeepIn(s.memory)
	read := func(topic string, p *wire.Fetched) {
		at := fmt.Sprintf("%s/%d", topic, p.Partition)
		s.asked = append(s.asked, at)
		if told, ok := s.told[at]; ok {
			told.Partition = p.Partition
			*p = told
		}
	}
	c1.fetched, c2.fetched = read, read
	return s
}

// is has partitions have a high watermark and records.
func (s *sessionReader) is(at string, high int64, records string) {
	s.told[at] = wire.Fetched{HighWatermark: high, LastStableOffset: high, Records: []byte(records)}
}

func (s *sessionReader) fails(at string, code wire.ErrorCode) {
	s.told[at] = wire.Fetched{Code: code, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1}
}

// request is one of a session; partitions are topic/partition@offset, forgotten ones -topic/partition.
func (s *sessionReader) request(id, epoch int32, partitions ...string) *kmsg.FetchRequest {
	s.t.Helper()
	r := fetchFrom(s.version)
	r.SessionID, r.SessionEpoch = id, epoch
	for _, at := range partitions {
		var n int32
		offset := int64(0)
		topic, rest, _ := strings.Cut(strings.TrimPrefix(at, "-"), "/")
		if _, err := fmt.Sscanf(rest, "%d@%d", &n, &offset); err != nil && !strings.Contains(err.Error(), "EOF") {
			s.t.Fatal(err)
		}
		named := fetchFrom(s.version, topic).Topics[0]
		if strings.HasPrefix(at, "-") {
			r.ForgottenTopics = append(r.ForgottenTopics, kmsg.FetchRequestForgottenTopic{Topic: named.Topic, TopicID: named.TopicID, Partitions: []int32{n}})
			continue
		}
		named.Partitions[0].Partition, named.Partitions[0].FetchOffset = n, offset
		r.Topics = append(r.Topics, named)
	}
	return r
}

// fetch asks, and has the answer when nothing more comes.
func (s *sessionReader) fetch(id, epoch int32, partitions ...string) *kmsg.FetchResponse {
	s.t.Helper()
	s.asked = nil
	p := s.reader.fetch(s.version, s.request(id, epoch, partitions...))
	for _, c := range []*fake{s.c1, s.c2} {
		if n := len(c.fetchings); n > 0 && len(p.answers) == 0 {
			c.fetchings[n-1].complete = true
			c.fetchings[n-1].news()
		}
	}
	return p.answered(s.t, s.version)
}

// seen is what an answer says: the code, if there is one, and each partition with its code, records and high watermark.
func seen(r *kmsg.FetchResponse) (all []string) {
	if r.ErrorCode != 0 {
		all = append(all, wire.ErrorCode(r.ErrorCode).String())
	}
	for _, t := range r.Topics {
		name := t.Topic
		if t.TopicID != ([16]byte{}) {
			name = []string{"", "apples", "bananas"}[t.TopicID[0]]
		}
		for _, p := range t.Partitions {
			all = append(all, fmt.Sprintf("%s/%d %s %d %s", name, p.Partition, wire.ErrorCode(p.ErrorCode), p.HighWatermark, p.RecordBatches))
		}
	}
	return all
}

func (s *sessionReader) want(r *kmsg.FetchResponse, lines ...string) {
	s.t.Helper()
	if diff := cmp.Diff(lines, seen(r)); diff != "" {
		s.t.Errorf("v%d (-want +got):\n%s", s.version, diff)
	}
}

// eachSessionVersion runs a test by name and by id.
func eachSessionVersion(t *testing.T, test func(t *testing.T, version int16)) {
	t.Helper()
	for _, version := range []int16{7, 12, 13, 18} {
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
			t.Parallel()
			test(t, version)
		})
	}
}

// A session has the answers say what the client does not know, of all that it reads.
func TestFetchSession(t *testing.T) {
	t.Parallel()
	eachSessionVersion(t, func(t *testing.T, version int16) {
		t.Helper()
		s := newSessionReader(t, version, 1<<20)
		s.is("apples/0", 5, "")
		r := s.fetch(0, 0, "apples/0@5", "apples/1@0", "bananas/0@0")
		s.want(r, "apples/0 NONE 5 ", "apples/1 NONE -1 ", "bananas/0 NONE -1 ")
		id := r.SessionID
		if id <= 0 {
			t.Fatalf("session id %d, want one", id)
		}
		epoch := int32(0)
		next := func(partitions ...string) *kmsg.FetchResponse {
			epoch++
			r := s.fetch(id, epoch, partitions...)
			if r.SessionID != id {
				t.Errorf("epoch %d: session id %d, want %d", epoch, r.SessionID, id)
			}
			return r
		}
		s.want(next())
		if diff := cmp.Diff([]string{"apples/0", "apples/1", "bananas/0"}, slices.Sorted(slices.Values(s.asked))); diff != "" {
			t.Errorf("the clusters are asked for (-want +got):\n%s", diff)
		}
		s.is("apples/1", 0, "") // has become known
		s.is("bananas/0", 7, "new")
		s.want(next(), "apples/1 NONE 0 ", "bananas/0 NONE 7 new")
		s.is("bananas/0", 7, "")
		s.want(next("bananas/0@7"))
		s.is("apples/0", 6, "") // a replica has caught up
		s.want(next(), "apples/0 NONE 6 ")
		s.fails("apples/1", wire.NotLeaderOrFollower)
		s.want(next(), "apples/1 NOT_LEADER_OR_FOLLOWER -1 ")
		s.want(next(), "apples/1 NOT_LEADER_OR_FOLLOWER -1 ")
		s.is("apples/1", 0, "")
		s.want(next(), "apples/1 NONE 0 ")
		s.told["apples/1"] = wire.Fetched{LogStartOffset: 3}
		s.want(next(), "apples/1 NONE 0 ")
		delete(s.told, "apples/1") // has been forgotten here
		s.want(next())
		s.is("bananas/0", 8, "r")
		s.want(next("-bananas/0"))
		s.want(next("bananas/0@7"), "bananas/0 NONE 8 r")
	})
}

// What goes on with a session that is none is refused, and a full request ends the one that it names.
func TestFetchSessionEnds(t *testing.T) {
	t.Parallel()
	type step struct {
		own    bool // it names the client's session
		epoch  int32
		with   []string
		lines  []string
		begins bool // is answered with a session
	}
	all := []string{"apples/0 NONE -1 "}
	begin := step{epoch: 0, with: []string{"apples/0"}, lines: all, begins: true}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"without one", []step{{epoch: 1, lines: []string{"FETCH_SESSION_ID_NOT_FOUND"}}}},
		{"with another's", []step{begin, {epoch: 1, lines: []string{"FETCH_SESSION_ID_NOT_FOUND"}}, {own: true, epoch: 1, begins: true}}},
		{"an epoch again", []step{
			begin, {own: true, epoch: 1, begins: true}, {own: true, epoch: 1, lines: []string{"INVALID_FETCH_SESSION_EPOCH"}}, {own: true, epoch: 2, begins: true},
		}},
		{"an epoch too new", []step{begin, {own: true, epoch: 2, lines: []string{"INVALID_FETCH_SESSION_EPOCH"}}, {own: true, epoch: 1, begins: true}}},
		{"an epoch that is none", []step{begin, {own: true, epoch: -2, lines: []string{"INVALID_FETCH_SESSION_EPOCH"}}}},
		{"closed", []step{begin, {own: true, epoch: -1, with: []string{"apples/0"}, lines: all}, {own: true, epoch: 1, lines: []string{"FETCH_SESSION_ID_NOT_FOUND"}}}},
		{"closed with nothing", []step{begin, {own: true, epoch: -1}, {own: true, epoch: 1, lines: []string{"FETCH_SESSION_ID_NOT_FOUND"}}}},
		{"a request outside", []step{begin, {epoch: -1, with: []string{"apples/0"}, lines: all}, {own: true, epoch: 1, begins: true}}},
		{"begun again", []step{begin, {own: true, epoch: 0, with: []string{"apples/0"}, lines: all, begins: true}, {own: true, epoch: 1, begins: true}}},
		{"all forgotten", []step{
			begin, {own: true, epoch: 1, with: []string{"-apples/0"}}, {own: true, epoch: 2, lines: []string{"FETCH_SESSION_ID_NOT_FOUND"}},
		}},
		{"added and forgotten at once", []step{
			begin, {own: true, epoch: 1, with: []string{"-apples/0", "apples/0@4"}, lines: all}, {own: true, epoch: 2, lines: []string{"FETCH_SESSION_ID_NOT_FOUND"}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, version := range []int16{11, 17} {
				s := newSessionReader(t, version, 1<<20)
				var id int32
				for i, do := range tt.steps {
					named := int32(1)
					if do.own {
						named = id
					} else if do.epoch <= 0 {
						named = 0
					}
					r := s.fetch(named, do.epoch, do.with...)
					s.want(r, do.lines...)
					if (r.SessionID != 0) != do.begins {
						t.Errorf("v%d, step %d: session id %d, want one: %t", version, i, r.SessionID, do.begins)
					}
					if r.SessionID != 0 {
						id = r.SessionID
					}
				}
			}
		})
	}
}

// A session that names topics does not go on with ids, nor the other way round.
func TestFetchSessionTopicIDs(t *testing.T) {
	t.Parallel()
	for _, versions := range [][2]int16{{12, 13}, {13, 12}} {
		s := newSessionReader(t, versions[0], 1<<20)
		r := s.fetch(0, 0, "apples/0")
		s.version = versions[1]
		s.want(s.fetch(r.SessionID, 1), "FETCH_SESSION_TOPIC_ID_ERROR")
		s.version = versions[0]
		s.want(s.fetch(r.SessionID, 1))
	}
}

// What a session holds is bounded, and given back when it ends. Who finds no room gets none, or loses its own, and reads on without.
func TestFetchSessionMemory(t *testing.T) {
	t.Parallel()
	s := newSessionReader(t, 11, 1100)
	r := s.fetch(0, 0, "apples/0", "apples/1")
	held := s.memory.taken
	if r.SessionID == 0 || held == 0 {
		t.Fatalf("session id %d, %d bytes are reserved", r.SessionID, held)
	}
	if s.fetch(r.SessionID, 1, "-apples/1"); s.memory.taken >= held {
		t.Errorf("%d bytes are reserved for one partition, %d for two", s.memory.taken, held)
	}
	s.want(s.fetch(r.SessionID, 2, "apples/1", "bananas/0"), "FETCH_SESSION_ID_NOT_FOUND")
	if s.memory.taken != 0 {
		t.Errorf("%d bytes are reserved for a session that is no more", s.memory.taken)
	}
	r = s.fetch(0, 0, "apples/0", "apples/1", "bananas/0")
	s.want(r, "apples/0 NONE -1 ", "apples/1 NONE -1 ", "bananas/0 NONE -1 ")
	if r.SessionID != 0 || s.memory.taken != 0 {
		t.Errorf("session id %d, %d bytes, where there is no room", r.SessionID, s.memory.taken)
	}
	if r = s.fetch(0, 0, "apples/0"); r.SessionID == 0 {
		t.Error("no session, where there is room")
	}
	if s.client.Release(); s.memory.taken != 0 {
		t.Errorf("%d bytes are reserved for a client that is gone", s.memory.taken)
	}
	if r = s.fetch(0, 0, "apples/0"); r.SessionID != 0 || s.memory.taken != 0 {
		t.Errorf("session id %d, %d bytes for a client that is gone", r.SessionID, s.memory.taken)
	}
}

// busyMemory looks at a client's next request whenever it is asked for room: who makes room for one client answers others, and those may
// have that client's session go on.
type busyMemory struct {
	memory

	s     *sessionReader
	looks int
}

func (m *busyMemory) Reserve(n int) bool {
	m.look()
	return m.memory.Reserve(n)
}

func (m *busyMemory) Return(n int) {
	m.look()
	m.memory.Return(n)
}

func (m *busyMemory) look() {
	m.looks++
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		m.s.broker.API(wire.KeyFetch).IsLaborious(&broker.Call{Client: &m.s.client})
	}()
	select {
	case <-looked:
	case <-time.After(10 * time.Second):
		m.s.t.Error("who makes room for a client cannot take its next request")
	}
}

// Nothing is held while room is asked for or given back.
func TestFetchSessionAsksForRoomFreely(t *testing.T) {
	t.Parallel()
	s := newSessionReader(t, 11, 0)
	m := &busyMemory{memory: memory{limit: 1 << 20}, s: s}
	s.broker.KeepIn(m)
	id := s.fetch(0, 0, "apples/0").SessionID
	s.fetch(id, 1, "apples/1")
	s.fetch(id, 2, "-apples/0")
	s.fetch(id, -1)
	s.fetch(0, 0, "apples/0")
	s.client.Release()
	if m.looks != 6 || m.taken != 0 {
		t.Errorf("%d looks, want 6; %d bytes are reserved, want none", m.looks, m.taken)
	}
}

// Partitions that had records are asked for last from then on.
func TestFetchSessionTakesTurns(t *testing.T) {
	t.Parallel()
	s := newSessionReader(t, 11, 1<<20)
	id := s.fetch(0, 0, "apples/0", "apples/1", "apples/2").SessionID
	for i, want := range [][]string{
		{"apples/0", "apples/1", "apples/2"}, {"apples/1", "apples/2", "apples/0"}, {"apples/2", "apples/0", "apples/1"},
	} {
		s.told = map[string]wire.Fetched{}
		s.is(want[0], int64(10+i), "records")
		s.is(want[1], int64(10+i), "")
		s.fetch(id, int32(i)+1)
		if diff := cmp.Diff(want, s.asked); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i+1, diff)
		}
	}
}

// movingRoutes send topics elsewhere than at first.
type movingRoutes struct{ broker.Routes }

// Who goes on is told at once what the rules of now, and the topics of now, make of what it reads.
func TestFetchSessionChanges(t *testing.T) {
	t.Parallel()
	s := newSessionReader(t, 17, 1<<20)
	s.is("apples/0", 5, "")
	s.is("bananas/0", 6, "")
	routes := &movingRoutes{route.Tables{Read: route.New([]route.Rule{{Prefix: "apples", Cluster: "c1"}, {Prefix: "bananas", Cluster: "c2"}})}}
	s.broker = broker.New(broker.APIs(), routes, map[string]broker.Upstream{
		"c1": {Cluster: s.c1, Brokers: s.c1}, "c2": {Cluster: s.c2, Brokers: s.c2},
	}, wire.TopicAuthorizationFailed, broker.Counts{})
	s.broker.KeepIn(s.memory)
	r := s.fetch(0, 0, "apples/0", "bananas/0")
	s.want(r, "apples/0 NONE 5 ", "bananas/0 NONE 6 ")
	id := r.SessionID
	s.want(s.fetch(id, 1))

	s.c1.topics["apples"] = wire.Topic{Name: "apples", ID: [16]byte{9}, Partitions: s.c1.topics["apples"].Partitions} // made anew
	ask(t, s.broker, wire.KeyMetadata, 12, metadataRequest("apples"))
	s.want(s.fetch(id, 2), "apples/0 UNKNOWN_TOPIC_ID -1 ")
	s.want(s.fetch(id, 3, "-apples/0"))

	routes.Routes = route.Tables{Read: route.New([]route.Rule{{Prefix: "apples", Cluster: "c1"}, {Prefix: "bananas", Cluster: "c1"}})}
	s.want(s.fetch(id, 4), "bananas/0 UNKNOWN_TOPIC_ID -1 ")
	routes.Routes = route.Tables{Read: route.New([]route.Rule{{Prefix: "bananas", Cluster: "c2"}})}
	s.want(s.fetch(id, 5), "bananas/0 NONE 6 ")
	routes.Routes = route.Tables{Read: route.New([]route.Rule{{Prefix: "apples", Cluster: "c1"}})}
	s.want(s.fetch(id, 6), "bananas/0 TOPIC_AUTHORIZATION_FAILED -1 ")
	routes.Routes = route.Tables{Read: route.New([]route.Rule{{Prefix: "bananas", Cluster: "c2"}})}
	s.broker.Authorize(allowing(describeTopic))
	s.want(s.fetch(id, 7), "bananas/0 TOPIC_AUTHORIZATION_FAILED -1 ")
}
