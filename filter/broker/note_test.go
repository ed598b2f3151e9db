package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// taken serves one request with a note.
func taken(t *testing.T, b *broker.Broker, key wire.APIKey, version int16, request kmsg.Request) *broker.Note {
	t.Helper()
	h, body, err := b.ParseHeader(wiretest.Frame(key, version, 77, "test", request)[4:])
	if err != nil {
		t.Fatal(err)
	}
	c := call(h, body, new(pending))
	c.Note = new(broker.Note)
	if err := b.Serve(c); err != nil {
		t.Fatal(err)
	}
	return c.Note
}

// TestNote has requests come to all kinds of things, and wants the first of them in the note, and no more.
func TestNote(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 30_000)
	for _, tt := range []struct {
		name             string
		key              wire.APIKey
		version          int16
		request          kmsg.Request
		topics, clusters []string
		errors           []broker.CodeCount
		reason           string
	}{
		{
			name: "Produce", key: wire.KeyProduce, version: 9, request: produceTo("dates", "apples", "bananas", "apples", "bananas", "b/d"),
			topics: []string{"dates", "apples", "bananas", "apples", "bananas"}, clusters: []string{"c1", "c2"},
			errors: []broker.CodeCount{{wire.TopicAuthorizationFailed, 1}, {wire.NotEnoughReplicas, 4}, {wire.InvalidTopicException, 1}},
			reason: `no forwarding rule of this proxy matches topic "dates"`,
		},
		{
			name: "Metadata", key: wire.KeyMetadata, version: 9, request: metadataOf("bananas", long, "apples", "dates"),
			topics: []string{"bananas", long[:wire.MaxTopicName+1], "apples", "dates"}, clusters: []string{"c1", "c2"},
			errors: []broker.CodeCount{{wire.InvalidTopicException, 1}, {wire.TopicAuthorizationFailed, 1}},
		},
		{name: "Metadata of all topics", key: wire.KeyMetadata, version: 9, request: &kmsg.MetadataRequest{}, clusters: []string{"c1", "c2"}},
		{name: "Fetch", key: wire.KeyFetch, version: 4, request: fetchOf("apples"), topics: []string{"apples"}, clusters: []string{"c1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, c1, c2 := facade()
			c1.code, c2.code = wire.NotEnoughReplicas, wire.NotEnoughReplicas
			n := taken(t, b, tt.key, tt.version, tt.request)
			got := fmt.Sprintf("%v %v %v %s", n.Topics(), n.Clusters(), n.Errors(), n.Reason())
			want := fmt.Sprintf("%v %v %v %s", tt.topics, tt.clusters, tt.errors, tt.reason)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("note (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoteIsBounded has a note made of more than it has room for.
func TestNoteIsBounded(t *testing.T) {
	t.Parallel()
	n := new(broker.Note)
	for code := range wire.ErrorCode(100) {
		n.Fail(code, strings.Repeat("r", 10_000))
	}
	if got := len(n.Errors()); got != 5 || len(n.Reason()) > 1000 {
		t.Errorf("%d errors and %d bytes of a reason are kept", got, len(n.Reason()))
	}
	n.Refused(broker.Refusal{Code: wire.InvalidRequiredAcks, Reason: "too late"})
	if n.Errors()[0].Count != 1 || n.Reason()[0] != 'r' {
		t.Error("a refusal is counted beside the errors")
	}
	var none *broker.Note
	none.Fail(wire.InvalidRecord, "nobody wants to know")
}

func produceTo(topics ...string) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Acks = -1
	for _, name := range topics {
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic = name
		p := kmsg.NewProduceRequestTopicPartition()
		p.Records = wiretest.Batch{Records: wiretest.Records(1, 10)}.Bytes()
		topic.Partitions = append(topic.Partitions, p)
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func metadataOf(topics ...string) *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return r
}

func fetchOf(topic string) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	r.Topics = append(r.Topics, t)
	return r
}
