package broker_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// fetchFrom asks for partition 0 of topics, as a version names them: apples has the id 1, bananas 2.
func fetchFrom(version int16, topics ...string) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.SessionEpoch = 500, 1, 1000, -1
	for _, name := range topics {
		t := kmsg.NewFetchRequestTopic()
		if t.Topic = name; wire.FetchNamesByID(version) {
			t.Topic, t.TopicID = "", [16]byte{byte(slices.Index([]string{"", "apples", "bananas"}, name))}
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.FetchOffset, p.PartitionMaxBytes = 7, 1000
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	}
	return r
}

// reader is a client whose requests come one after another.
type reader struct {
	t      *testing.T
	broker *broker.Broker
	client broker.Client
}

// fetch sends a request, whose answer comes in the end.
func (r *reader) fetch(version int16, request *kmsg.FetchRequest) *pending {
	r.t.Helper()
	h, body, err := r.broker.ParseHeader(wiretest.Frame(wire.KeyFetch, version, 77, "test", request)[4:])
	if err != nil {
		r.t.Fatal(err)
	}
	p := new(pending)
	if err := r.broker.Serve(&broker.Call{Client: &r.client, Header: h, Body: body, Reply: p}); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// answered is the answer to a request.
func (p *pending) answered(t *testing.T, version int16) *kmsg.FetchResponse {
	t.Helper()
	if len(p.answers) != 1 {
		t.Fatalf("%d answers, want 1", len(p.answers))
	}
	a := p.answers[0]
	a.Frame = append(a.Frame, bytes.Join(a.Parts, nil)...)
	return parse[*kmsg.FetchResponse](t, wire.KeyFetch, version, a)
}

// A client whose quota lets less through in one burst than it asks for is asked for that: from the clusters, and in what it waits for.
func TestFetchOfQuota(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                string
		quota, most, least  int32
		wantMost, wantLeast int32
	}{
		{"none", 0, 1000, 800, 1000, 800},
		{"larger", 2000, 1000, 800, 1000, 800},
		{"smaller", 300, 1000, 800, 300, 300},
		{"smaller, and more than is waited for", 900, 1000, 800, 900, 800},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, c1, _ := facade()
			c1.fetched = func(string, *wire.Fetched) {}
			request := fetchFrom(12, "apples")
			request.MaxBytes, request.MinBytes = c.most, c.least
			r := &reader{t: t, broker: b}
			r.client.FetchAtMost(c.quota)
			r.fetch(12, request)
			if got := c1.fetchings[0].request; got.MaxBytes != c.wantMost || got.MinBytes != c.wantLeast {
				t.Errorf("asked for %d to %d bytes, want %d to %d", got.MinBytes, got.MaxBytes, c.wantLeast, c.wantMost)
			}
		})
	}
}

// codes are those of the partitions of an answer, and their records.
func codes(r *kmsg.FetchResponse) (all []string) {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			all = append(all, wire.ErrorCode(p.ErrorCode).String()+" "+string(p.RecordBatches))
		}
	}
	return all
}

// A request for two clusters is answered with what is there first: with records, an error, or when both say that nothing more comes.
func TestFetchIsAnsweredWithWhatIsThereFirst(t *testing.T) {
	t.Parallel()
	for version := int16(4); version <= 18; version++ {
		b, c1, c2 := facade()
		c1.fetched = func(string, *wire.Fetched) {}
		c2.fetched = func(_ string, p *wire.Fetched) { p.Records = []byte("records") }
		r := &reader{t: t, broker: b}
		p := r.fetch(version, fetchFrom(version, "apples", "bananas"))
		if len(p.answers) > 0 || len(c1.fetchings) != 1 || len(c2.fetchings) != 1 || c1.fetchings[0].version != version {
			t.Fatalf("v%d: %d answers, asked %d and %d times; want none, and once each", version, len(p.answers), len(c1.fetchings), len(c2.fetchings))
		}
		behind := r.fetch(version, fetchFrom(version, "apples"))
		if len(c1.fetchings) != 1 {
			t.Errorf("v%d: a second request is served before the first is answered", version)
		}
		first, second := c1.fetchings[0], c2.fetchings[0]
		first.news()
		if len(p.timers) != 1 || p.timers[0].after != time.Second {
			t.Fatalf("v%d: timers %v, want one after max_wait and a little", version, p.timers)
		}
		second.bytes = len("records")
		second.news()
		second.news()
		got := p.answered(t, version)
		if diff := cmp.Diff([]string{"NONE ", "NONE records"}, codes(got)); diff != "" || got.ThrottleMillis != 9 {
			t.Errorf("v%d: throttled for %d, (-want +got):\n%s", version, got.ThrottleMillis, diff)
		}
		if got.Topics[0].Partitions[0].HighWatermark != -1 || !p.timers[0].stopped {
			t.Errorf("v%d: an offset is made up, or the timer goes on", version)
		}
		if p.answers[0].Release(); first.releases != 1 || second.releases != 1 {
			t.Errorf("v%d: released %d and %d times, want once each", version, first.releases, second.releases)
		}
		if len(c1.fetchings) != 2 {
			t.Fatalf("v%d: what came behind is not served", version)
		}
		c1.fetchings[1].complete = true
		c1.fetchings[1].news()
		behind.answered(t, version)
	}
}

// The client waits until there is as much as it wants, for an error, or as long as it wants.
func TestFetchWaits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		act      func(first, second *fakeFetching, timer *timer)
		answered bool
	}{
		{"nothing", func(*fakeFetching, *fakeFetching, *timer) {}, false},
		{"too little", func(f, g *fakeFetching, _ *timer) { f.bytes, g.bytes = 49, 50 }, false},
		{"enough together", func(f, g *fakeFetching, _ *timer) { f.bytes, g.bytes = 50, 50 }, true},
		{"an error", func(f, _ *fakeFetching, _ *timer) { f.urgent = true }, true},
		{"one has nothing more", func(f, _ *fakeFetching, _ *timer) { f.complete = true }, false},
		{"both have nothing more", func(f, g *fakeFetching, _ *timer) { f.complete, g.complete = true, true }, true},
		{"time", func(_, _ *fakeFetching, timer *timer) { timer.call() }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, c1, c2 := facade()
			c1.fetched = func(string, *wire.Fetched) {}
			c2.fetched = c1.fetched
			request := fetchFrom(11, "apples", "bananas")
			request.MinBytes = 100
			p := (&reader{t: t, broker: b}).fetch(11, request)
			f, g := c1.fetchings[0], c2.fetchings[0]
			if f.request.MinBytes != 50 || g.request.MinBytes != 50 || f.request.MaxWaitMillis != 500 {
				t.Errorf("asked for %d and %d bytes, want half of 100 each", f.request.MinBytes, g.request.MinBytes)
			}
			tt.act(f, g, p.timers[0])
			f.news()
			g.news()
			if got := len(p.answers) == 1; got != tt.answered {
				t.Errorf("answered: %t, want %t", got, tt.answered)
			}
		})
	}
}

// What no cluster has is refused, beside what one has; a session is none, and one that goes on is not known.
func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	r := &reader{t: t, broker: b}
	c1.fetched = func(_ string, p *wire.Fetched) { p.Records = []byte("r") }
	p := r.fetch(11, fetchFrom(11, "zebras", "apples", "no such name"))
	if len(p.answers) > 0 {
		t.Error("a topic without a rule ends the waiting")
	}
	c1.fetchings[0].bytes = 1
	c1.fetchings[0].news()
	if diff := cmp.Diff([]string{"TOPIC_AUTHORIZATION_FAILED ", "NONE r", "INVALID_TOPIC_EXCEPTION "}, codes(p.answered(t, 11))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a := p.answers[0]; a.Refusal.Code != wire.TopicAuthorizationFailed || a.Summary.Failed != 2 || a.Summary.Code != wire.None || a.Summary.Bytes != 1 {
		t.Errorf("refusal %v, summary %+v", a.Refusal, a.Summary)
	}
	if got := codes(r.fetch(11, fetchFrom(11, "zebras")).answered(t, 11)); got[0] != "TOPIC_AUTHORIZATION_FAILED " {
		t.Errorf("alone: %q", got)
	}
	if got := codes(r.fetch(17, fetchFrom(17, "zebras")).answered(t, 17)); got[0] != "UNKNOWN_TOPIC_ID " {
		t.Errorf("an id that no cluster has: %q", got)
	}
	request := fetchFrom(11, "apples")
	request.SessionID, request.SessionEpoch = 5, 1
	if got := r.fetch(11, request).answered(t, 11); wire.ErrorCode(got.ErrorCode) != wire.FetchSessionIDNotFound || len(got.Topics) > 0 {
		t.Errorf("a session that goes on: %d, %d topics", got.ErrorCode, len(got.Topics))
	}
	request.SessionID, request.SessionEpoch = 0, 0
	p = r.fetch(11, request)
	c1.fetchings[1].urgent = true
	c1.fetchings[1].news()
	if got := p.answered(t, 11); got.ErrorCode != 0 || got.SessionID != 0 {
		t.Errorf("a session that begins: %d, id %d", got.ErrorCode, got.SessionID)
	}
}

// Nothing is read while the client waits for answers to what it sent before, such as a JoinGroup, which may take minutes.
func TestFetchWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	var client broker.Client
	p := &pending{waits: true}
	replyTo(t, b, &client, wire.KeyFetch, 11, fetchFrom(11, "apples"), p)
	if p.next == nil || len(c1.fetchings) != 0 {
		t.Fatalf("%d requests to the cluster before its turn, want none", len(c1.fetchings))
	}
	p.next()
	if got := codes(p.answered(t, 11)); got[0] != "NONE " || len(c1.fetchings) != 1 {
		t.Errorf("in its turn: %q, %d requests to the cluster", got, len(c1.fetchings))
	}
}

// Clusters come first in turn, and the first may have the records of one partition, however long they are.
func TestFetchTakesTurns(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	c1.fetched = func(_ string, p *wire.Fetched) { p.Records = make([]byte, 600) }
	c2.fetched = c1.fetched
	r := &reader{t: t, broker: b}
	var firsts []bool
	for i := range 4 {
		p := r.fetch(11, fetchFrom(11, "apples", "bananas"))
		f, g := c1.fetchings[i], c2.fetchings[i]
		f.urgent = true
		f.news()
		p.answered(t, 11)
		firsts = append(firsts, f.some)
		if f.some == g.some || f.most == g.most || f.most+g.most != 1400 {
			t.Errorf("c1 may have %d bytes (%t), c2 %d (%t); want 1000 and 400", f.most, f.some, g.most, g.some)
		}
	}
	if diff := cmp.Diff([]bool{firsts[0], !firsts[0], firsts[0], !firsts[0]}, firsts); diff != "" {
		t.Errorf("c1 comes first: %v", firsts)
	}
}

// Who wants more bytes than may be answered is answered with what may be, as by a broker.
func TestFetchOfMoreThanMayBeAnswered(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	c1.fetched = func(_ string, p *wire.Fetched) { p.Records = []byte("records") }
	r := &reader{t: t, broker: b}
	q := fetchFrom(11, "apples")
	q.MinBytes, q.MaxBytes = 5000, 1000
	p := r.fetch(11, q)
	c1.fetchings[0].bytes = 1000
	c1.fetchings[0].news()
	if len(p.answers) != 1 {
		t.Errorf("%d answers with max_bytes there, want 1", len(p.answers))
	}
}
