package broker_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// deleting answers as a cluster that has the topics that it is asked to delete.
func deleting(names map[[16]byte]string) func(target.Broker, kmsg.Request) (kmsg.Response, error) {
	return func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
		response := kmsg.NewPtrDeleteTopicsResponse()
		for _, t := range request.(*kmsg.DeleteTopicsRequest).Topics {
			if name := names[t.TopicID]; t.Topic == nil {
				t.Topic = &name
			}
			response.Topics = append(response.Topics, kmsg.DeleteTopicsResponseTopic{Topic: t.Topic, TopicID: t.TopicID})
		}
		return response, nil
	}
}

// An id leads to the cluster that has a topic with it, if the rules send the topic there.
func TestDeleteTopicsByID(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	b.Let(broker.AccessAll)
	c1.topics["bananas-too"] = wire.Topic{Name: "bananas-too", ID: [16]byte{3}}
	c1.respond, c2.respond = deleting(map[[16]byte]string{{1}: "apples"}), deleting(map[[16]byte]string{{2}: "bananas"})
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.Topics = []kmsg.DeleteTopicsRequestTopic{
		{TopicID: [16]byte{2}},
		{TopicID: [16]byte{9}},
		{TopicID: [16]byte{1}},
		{TopicID: [16]byte{3}},
		{Topic: new("apples-2")},
		{Topic: new("both"), TopicID: [16]byte{4}},
		{},
	}
	a := ask(t, b, wire.KeyDeleteTopics, 6, request)
	var got []string
	for _, topic := range parse[*kmsg.DeleteTopicsResponse](t, wire.KeyDeleteTopics, 6, a).Topics {
		name := "null"
		if topic.Topic != nil {
			name = *topic.Topic
		}
		got = append(got, name+" "+wire.ErrorCode(topic.ErrorCode).String())
	}
	want := []string{
		"bananas NONE", "null UNKNOWN_TOPIC_ID", "apples NONE", "null UNKNOWN_TOPIC_ID", "apples-2 NONE", "both INVALID_REQUEST", "null INVALID_REQUEST",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
	if len(c1.asked) != 1 || len(c2.asked) != 1 || !cmp.Equal(named(c2.asked[0].request), []string{"id 02"}) {
		t.Errorf("c1 was asked %v, c2 %v; want each once, for what it has", c1.asked, c2.asked)
	}
	if want := []string{"apples", "apples-2"}; !cmp.Equal(c1.changed, want) {
		t.Errorf("%q are said to have changed, want %q: they are gone", c1.changed, want)
	}
}

// While a topic is read from another cluster than it is written to, nobody can tell which one is to be deleted.
func TestTopicOfTwoClustersIsNotDeleted(t *testing.T) {
	t.Parallel()
	c1, c2 := &fake{}, &fake{}
	c1.respond, c2.respond = deleting(nil), deleting(nil)
	routes := route.Tables{
		Written: route.New([]route.Rule{{Prefix: "apples", Cluster: "c1"}}),
		Read:    route.New([]route.Rule{{Prefix: "apples-old", Cluster: "c2"}, {Prefix: "apples", Cluster: "c1"}, {Prefix: "read", Cluster: "c2"}}),
	}
	b := broker.New(broker.APIs(), routes, map[string]broker.Upstream{
		"c1": {Cluster: c1, Brokers: c1}, "c2": {Cluster: c2, Brokers: c2},
	}, wire.TopicAuthorizationFailed, broker.Counts{})
	b.Let(broker.AccessAll)
	got, _ := administer(t, b, wire.KeyDeleteTopics, 5, about(wire.KeyDeleteTopics, 5, "apples", "apples-old", "read"))
	want := map[string]string{
		"apples":     "NONE",
		"apples-old": "INVALID_REQUEST: the topic is read from one cluster and written to another: delete it in the clusters themselves",
		"read":       `TOPIC_AUTHORIZATION_FAILED: no forwarding rule of this proxy matches topic "read"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
