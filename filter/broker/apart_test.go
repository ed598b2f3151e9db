package broker_test

import (
	"maps"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// apart is a facade where apples are read on one cluster and written on another, bananas only read and cherries only written.
func apart() (b *broker.Broker, read, written *fake) {
	topic := func(name string, id byte, partitions int, epoch int32) wire.Topic {
		t := wire.Topic{Name: name, ID: [16]byte{id}}
		for i := range partitions {
			t.Partitions = append(t.Partitions, wire.Partition{Index: int32(i), LeaderEpoch: epoch})
		}
		return t
	}
	read = &fake{topics: map[string]wire.Topic{
		"apples": topic("apples", 1, 2, 3), "apples-old": topic("apples-old", 2, 1, 3), "apples-torn": topic("apples-torn", 3, 3, 3),
		"apples-lost": {Name: "apples-lost", Code: wire.LeaderNotAvailable}, "bananas": topic("bananas", 4, 1, 3), "cherries": topic("cherries", 5, 1, 3),
	}}
	written = &fake{topics: map[string]wire.Topic{
		"apples": topic("apples", 11, 2, 7), "apples-new": topic("apples-new", 12, 1, 7), "apples-torn": topic("apples-torn", 13, 2, 7),
		"apples-lost": topic("apples-lost", 14, 1, 7), "bananas": topic("bananas", 15, 1, 7), "cherries": topic("cherries", 16, 1, 7),
	}}
	routes := route.Tables{
		Read:    route.New([]route.Rule{{Prefix: "apples", Cluster: "old"}, {Prefix: "bananas", Cluster: "old"}}),
		Written: route.New([]route.Rule{{Prefix: "apples", Cluster: "new"}, {Prefix: "cherries", Cluster: "new"}}),
	}
	b = broker.New(broker.APIs(), routes, map[string]broker.Upstream{
		"old": {Cluster: read, Brokers: read}, "new": {Cluster: written, Brokers: written, PartitionCount: 2},
	}, wire.TopicAuthorizationFailed, broker.Counts{})
	return b, read, written
}

// told is what a client is told of a topic.
type told struct {
	code       wire.ErrorCode
	id         byte
	partitions int
	epoch      int32
}

func toldOf(r *kmsg.MetadataResponse) map[string]told {
	all := map[string]told{}
	for _, t := range r.Topics {
		is := told{code: wire.ErrorCode(t.ErrorCode), id: t.TopicID[0], partitions: len(t.Partitions)}
		if len(t.Partitions) > 0 {
			is.epoch = t.Partitions[0].LeaderEpoch
		}
		all[*t.Topic] = is
	}
	return all
}

// What the cluster has that a topic is read on is told; of what it does not have, the partitions of the one that it is written on.
func TestMetadataApart(t *testing.T) {
	t.Parallel()
	want := map[string]told{
		"apples": {wire.None, 1, 2, 3}, "apples-old": {wire.None, 2, 1, 3}, "apples-torn": {wire.None, 3, 3, 3},
		"apples-new": {wire.None, 0, 1, -1}, "apples-lost": {wire.None, 0, 1, -1}, "apples-none": {code: wire.UnknownTopicOrPartition},
		"bananas": {wire.None, 4, 1, 3}, "bananas-new": {code: wire.UnknownTopicOrPartition},
		"cherries": {wire.None, 16, 1, 7}, "cherries-new": {code: wire.UnknownTopicOrPartition},
		"dates": {code: wire.TopicAuthorizationFailed},
	}
	b, read, written := apart()
	var uneven []broker.Uneven
	b.OnUneven(func(u broker.Uneven) { uneven = append(uneven, u) })
	request := metadataRequest(slices.Sorted(maps.Keys(want))...)
	request.AllowAutoTopicCreation = true
	a := ask(t, b, wire.KeyMetadata, 12, request)
	if diff := cmp.Diff(want, toldOf(parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, 12, a)), cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("by name (-want +got):\n%s", diff)
	}
	if s := a.Summary; s.Topics != len(want) || s.Failed != 4 || s.Code != wire.UnknownTopicOrPartition {
		t.Errorf("summary %+v", s)
	}
	if len(read.created) > 0 {
		t.Errorf("%q are created where they are read", read.created)
	}
	slices.Sort(written.created)
	if diff := cmp.Diff([]string{"apples-none", "apples-old", "cherries-new"}, written.created); diff != "" {
		t.Errorf("created where they are written (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]broker.Uneven{{"apples-torn", "old", "new", 3, 2}}, uneven); diff != "" {
		t.Errorf("uneven (-want +got):\n%s", diff)
	}

	all := kmsg.NewPtrMetadataRequest()
	all.Topics = nil
	got := toldOf(parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, 12, ask(t, b, wire.KeyMetadata, 12, all)))
	maps.DeleteFunc(want, func(_ string, is told) bool { return is.code != wire.None })
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}

	ids := kmsg.NewPtrMetadataRequest()
	for _, id := range []byte{1, 11, 4, 15, 5, 16} {
		topic := kmsg.NewMetadataRequestTopic()
		topic.TopicID[0] = id
		ids.Topics = append(ids.Topics, topic)
	}
	r := parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, 12, ask(t, b, wire.KeyMetadata, 12, ids))
	var names []string
	for _, topic := range r.Topics {
		if topic.Topic != nil {
			names = append(names, *topic.Topic)
		} else {
			names = append(names, wire.ErrorCode(topic.ErrorCode).String())
		}
	}
	if diff := cmp.Diff([]string{"apples", "UNKNOWN_TOPIC_ID", "bananas", "UNKNOWN_TOPIC_ID", "UNKNOWN_TOPIC_ID", "cherries"}, names); diff != "" {
		t.Errorf("by id (-want +got):\n%s", diff)
	}
}

// Batches go where a topic is written, and those of one that is only read are refused.
func TestProduceApart(t *testing.T) {
	t.Parallel()
	b, read, written := apart()
	r := parse[*kmsg.ProduceResponse](t, wire.KeyProduce, 9, ask(t, b, wire.KeyProduce, 9, produceRequest(-1, nil, "apples", "bananas", "cherries")))
	for _, topic := range r.Topics {
		want := map[string]wire.ErrorCode{"bananas": wire.TopicAuthorizationFailed}[topic.Topic]
		if got := wire.ErrorCode(topic.Partitions[0].ErrorCode); got != want {
			t.Errorf("%s: %s, want %s", topic.Topic, got, want)
		}
	}
	if len(read.got) != 0 || len(written.got) != 2 {
		t.Errorf("%d batches for the cluster that is read and %d for the other, want 0 and 2", len(read.got), len(written.got))
	}
}

// What is held for topics that two clusters are asked for is what that takes.
//
//nolint:paralleltest // counts what the process allocates
func TestApartIsHeld(t *testing.T) {
	b, _, _ := apart()
	var names []string
	for i := range 10_000 {
		names = append(names, "apples-"+strconv.Itoa(i))
	}
	frame := wiretest.Frame(wire.KeyMetadata, 12, 77, "x", metadataRequest(names...))
	h, body, err := b.ParseHeader(frame[4:])
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := &pending{}
	if err := b.Serve(call(h, body, r)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	// Lists that have grown are allocated, and no longer kept.
	if allocated := int(after.TotalAlloc - before.TotalAlloc); allocated > 3*r.held/2 && !raceDetector {
		t.Errorf("%d bytes allocated for each topic, %d held", allocated/len(names), r.held/len(names))
	}
}
