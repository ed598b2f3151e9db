package link_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// answer answers the next request as a broker does that speaks its version, and returns what it read.
func (n *network) answer(t *testing.T, response kmsg.Response) request {
	t.Helper()
	r, err := n.read()
	if err != nil {
		t.Error(err)
		return r
	}
	response.SetVersion(r.version)
	h := wire.Header{Key: wire.APIKey(r.key), Version: r.version, CorrelationID: r.correlation}
	if _, err := n.far.Write(wire.AppendResponse(nil, h, response)); err != nil {
		t.Error(err)
	}
	return r
}

// A link carries any API, in the newest version that both sides have.
func TestAnyAPI(t *testing.T) {
	t.Parallel()
	coordinator := kmsg.NewPtrFindCoordinatorResponse()
	coordinator.Coordinators = append(coordinator.Coordinators, kmsg.FindCoordinatorResponseCoordinator{Key: "g", NodeID: 3, Host: "h", Port: 1})
	fetched := kmsg.NewPtrFetchResponse()
	fetched.Topics = append(fetched.Topics, kmsg.FetchResponseTopic{
		Topic: "a", Partitions: []kmsg.FetchResponseTopicPartition{{RecordBatches: []byte("records")}},
	})
	apis := kmsg.NewPtrApiVersionsResponse()
	apis.ApiKeys = append(apis.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: 1, MaxVersion: 2})
	metadata := kmsg.NewPtrMetadataResponse()
	metadata.Brokers = append(metadata.Brokers, kmsg.MetadataResponseBroker{NodeID: 1, Host: "h", Port: 2})
	for _, tc := range []struct {
		request  kmsg.Request
		most     int16
		version  int16
		response kmsg.Response
	}{
		{kmsg.NewPtrFindCoordinatorRequest(), 4, 4, coordinator},
		{kmsg.NewPtrFetchRequest(), 12, 12, fetched},
		{kmsg.NewPtrFetchRequest(), 5, 5, fetched},
		{kmsg.NewPtrApiVersionsRequest(), 4, 4, apis},
		{kmsg.NewPtrMetadataRequest(), 99, 13, metadata},
		{kmsg.NewPtrMetadataRequest(), 0, 0, metadata},
	} {
		b := start(t, pipes())
		type outcome struct {
			response kmsg.Response
			err      error
		}
		got := make(chan outcome, 1)
		done := func(r kmsg.Response, err error) { got <- outcome{r, err} }
		if err := b.link.Send(&link.Request{Body: tc.request, Most: tc.most, Due: time.Now().Add(time.Hour), Done: done}); err != nil {
			t.Fatal(err)
		}
		key := tc.request.Key()
		if r := b.network.answer(t, tc.response); r.key != key || r.version != tc.version {
			t.Errorf("the broker read key %d, version %d; want %d and %d", r.key, r.version, key, tc.version)
		}
		o := <-got
		if o.err != nil {
			t.Fatalf("%s: %v", kmsg.NameForKey(key), o.err)
		}
		want := tc.response.RequestKind().ResponseKind()
		want.SetVersion(tc.version)
		if err := want.ReadFrom(tc.response.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, o.response, cmp.AllowUnexported(kmsg.Tags{})); diff != "" {
			t.Errorf("%s v%d (-want +got):\n%s", kmsg.NameForKey(key), tc.version, diff)
		}
		b.stop()
	}
}

// An answer that is none is told to who asked, and ends the link.
func TestAnswerThatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	for _, body := range [][]byte{nil, {0}, {1, 0, 200, 1}, {1}, {0, 0, 0}} {
		b := start(t, pipes())
		failed := make(chan error, 1)
		done := func(_ kmsg.Response, err error) { failed <- err }
		if err := b.link.Send(&link.Request{Body: kmsg.NewPtrMetadataRequest(), Most: 9, Done: done}); err != nil {
			t.Fatal(err)
		}
		r, err := b.network.read()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.network.far.Write(frame(r.correlation, body)); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err == nil {
			t.Errorf("%v: no error", body)
		}
		<-b.owner.ended
		b.stop()
	}
	b := start(t, pipes())
	failed := make(chan error, 1)
	done := func(_ kmsg.Response, err error) { failed <- err }
	if err := b.link.Send(&link.Request{Body: kmsg.NewPtrMetadataRequest(), Most: 9, Done: done}); err != nil {
		t.Fatal(err)
	}
	b.stop()
	if err := <-failed; !errors.Is(err, errStopped) {
		t.Errorf("%v, want %v", err, errStopped)
	}
}

// A request is not written in a version that leaves out what it means.
func TestNothingLessIsSent(t *testing.T) {
	t.Parallel()
	b := start(t, pipes())
	defer b.stop()
	request := kmsg.NewPtrJoinGroupRequest()
	request.InstanceID = new("i")
	err := b.link.Send(&link.Request{Body: request, Most: 4, Done: func(kmsg.Response, error) { t.Error("it is answered") }})
	if !errors.Is(err, wire.ErrVersion) {
		t.Errorf("%v, want %v", err, wire.ErrVersion)
	}
}
