package broker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// wantListed compares how often clusters were asked for all of their topics, each as often as the others.
func wantListed(t *testing.T, what string, want int, clusters ...*fake) {
	t.Helper()
	for i, c := range clusters {
		if c.listed != want {
			t.Errorf("%s: c%d was asked for all topics %d times, want %d", what, i+1, c.listed, want)
		}
	}
}

// Clusters are asked for all of their topics at most once a second, whatever ids clients name, and never because of the id that is none.
func TestUnknownTopicIDsAreAskedForRarely(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, c1, c2 := facade()
		r := &reader{t: t, broker: b}
		fetch := func(what string, id byte, want string) {
			t.Helper()
			request := fetchFrom(17, "apples")
			request.Topics[0].TopicID = [16]byte{id}
			if diff := cmp.Diff([]string{want}, codes(r.fetch(17, request).answered(t, 17))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		fetch("no id", 0, "UNKNOWN_TOPIC_ID ")
		wantListed(t, "no id", 0, c1, c2)
		for id := range byte(20) {
			fetch("an id that no cluster has", 100+id, "UNKNOWN_TOPIC_ID ")
		}
		wantListed(t, "ids that no cluster has", 1, c1, c2)
		fetch("another topic's", 1, "NONE ")
		c1.topics["apples2"] = wire.Topic{Name: "apples2", ID: [16]byte{9}}
		fetch("a topic that is new", 9, "UNKNOWN_TOPIC_ID ")
		bubble.Advance(time.Second)
		fetch("a topic that is new, later", 9, "NONE ")
		wantListed(t, "a topic that is new, later", 2, c1, c2)
	})
}

// Who names an id that nobody knows while clusters are being asked waits for what they say.
func TestUnknownTopicIDsAreAskedForOnce(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	var tell func()
	c1.list = func(f func()) { tell = f }
	first, second := &reader{t: t, broker: b}, &reader{t: t, broker: b}
	p, q := first.fetch(17, fetchFrom(17, "apples")), second.fetch(17, fetchFrom(17, "apples"))
	if len(p.answers)+len(q.answers) > 0 {
		t.Fatal("answered before the clusters have said what they have")
	}
	tell()
	for i, got := range []*pending{p, q} {
		if diff := cmp.Diff([]string{"NONE "}, codes(got.answered(t, 17))); diff != "" {
			t.Errorf("client %d (-want +got):\n%s", i, diff)
		}
	}
	wantListed(t, "two clients", 1, c1, c2)
}

// A broker that lags behind does not know an id yet: it is the cluster's nevertheless, and nobody is asked for all topics.
func TestTopicIDThatABrokerDoesNotKnowYet(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	r := &reader{t: t, broker: b}
	c1.fetched = func(_ string, p *wire.Fetched) { p.Code = wire.UnknownTopicID }
	read := func() []string {
		p := r.fetch(17, fetchFrom(17, "apples"))
		f := c1.fetchings[len(c1.fetchings)-1]
		f.urgent = true
		f.news()
		return codes(p.answered(t, 17))
	}
	for range 5 {
		if diff := cmp.Diff([]string{"UNKNOWN_TOPIC_ID "}, read()); diff != "" {
			t.Errorf("as the broker says (-want +got):\n%s", diff)
		}
	}
	c1.fetched = func(_ string, p *wire.Fetched) { p.Records = []byte("r") }
	if diff := cmp.Diff([]string{"NONE r"}, read()); diff != "" {
		t.Errorf("when the broker knows it (-want +got):\n%s", diff)
	}
	wantListed(t, "in all", 1, c1, c2)
}
