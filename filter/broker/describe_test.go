package broker_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Clients are told of one broker, which is no controller.
func TestDescribeCluster(t *testing.T) {
	t.Parallel()
	for version := range int16(3) {
		for kind, want := range map[int8]wire.ErrorCode{1: wire.None, 2: wire.MismatchedEndpointType, 9: wire.UnsupportedEndpointType} {
			b, c1, _ := facade()
			request := kmsg.NewPtrDescribeClusterRequest()
			request.EndpointType, request.IncludeFencedBrokers, request.IncludeClusterAuthorizedOperations = kind, true, true
			if version == 0 {
				want = wire.None
			}
			a := ask(t, b, wire.KeyDescribeCluster, version, request)
			r := parse[*kmsg.DescribeClusterResponse](t, wire.KeyDescribeCluster, version, a)
			if wire.ErrorCode(r.ErrorCode) != want || a.Refusal.Code != want || (r.ErrorMessage == nil) != (want == wire.None) {
				t.Errorf("v%d of type %d: %s, %v, want %s", version, kind, wire.ErrorCode(r.ErrorCode), a.Refusal, want)
			}
			if want != wire.None {
				continue
			}
			if len(r.Brokers) != 1 || r.Brokers[0].NodeID != 0 || r.Brokers[0].Host != "mesh.example" || r.Brokers[0].Port != 9092 ||
				r.ControllerID != 0 || r.ClusterID != wire.MeshClusterID || len(c1.asked) > 0 {
				t.Errorf("v%d: %+v, want node 0 at the client's address, and nobody asked", version, r)
			}
		}
	}
}

// described are the topics of a page, with the numbers of their partitions, and where the next one begins.
func described(t *testing.T, b *broker.Broker, request *kmsg.DescribeTopicPartitionsRequest) (lines []string, a broker.Answer) {
	t.Helper()
	a = ask(t, b, wire.KeyDescribeTopicPartitions, 0, request)
	r := parse[*kmsg.DescribeTopicPartitionsResponse](t, wire.KeyDescribeTopicPartitions, 0, a)
	for _, topic := range r.Topics {
		words := []string{*topic.Topic}
		if topic.ErrorCode != 0 {
			words = append(words, wire.ErrorCode(topic.ErrorCode).String())
		}
		for _, p := range topic.Partitions {
			words = append(words, strconv.Itoa(int(p.Partition)))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	if at := r.NextCursor; at != nil {
		lines = append(lines, fmt.Sprintf("next %s/%d", at.Topic, at.Partition))
	}
	return lines, a
}

// describing is a request for a page.
func describing(limit int32, names ...string) *kmsg.DescribeTopicPartitionsRequest {
	request := kmsg.NewPtrDescribeTopicPartitionsRequest()
	request.ResponsePartitionLimit = limit
	for _, name := range names {
		request.Topics = append(request.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	return request
}

func from(topic string, partition int32, request *kmsg.DescribeTopicPartitionsRequest) *kmsg.DescribeTopicPartitionsRequest {
	request.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
	return request
}

// grove is a facade with topics of several partitions.
func grove() *broker.Broker {
	b, c1, c2 := facade()
	many := func(name string, n int32) wire.Topic {
		topic := wire.Topic{Name: name}
		for i := range n {
			topic.Partitions = append(topic.Partitions, wire.Partition{Index: i, Leader: 1, LeaderEpoch: 5})
		}
		return topic
	}
	c1.topics["apples-3"], c1.topics["apples-1"] = many("apples-3", 3), many("apples-1", 1)
	c2.topics["bananas"] = many("bananas", 5) // clients are told of one
	return b
}

func TestDescribeTopicPartitions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		request *kmsg.DescribeTopicPartitionsRequest
		want    []string
	}{
		"all":                       {describing(2000), []string{"apples 0 1", "apples-1 0", "apples-3 0 1 2", "bananas 0"}},
		"a page":                    {describing(4), []string{"apples 0 1", "apples-1 0", "apples-3 0", "next apples-3/1"}},
		"the next":                  {from("apples-3", 1, describing(4)), []string{"apples-3 1 2", "bananas 0"}},
		"a page that is just full":  {describing(3), []string{"apples 0 1", "apples-1 0", "next apples-3/0"}},
		"one at least":              {describing(-7), []string{"apples 0", "next apples/1"}},
		"behind the last partition": {from("apples-3", 9, describing(1)), []string{"apples-3", "bananas 0"}},
		"of a topic that is gone":   {from("apples-2", 1, describing(9)), []string{"apples-3 0 1 2", "bananas 0"}},
		"by name": {
			describing(9, "zebras", "bananas", "apples-1", "apples-none", "a/b", "apples-1"),
			[]string{"a/b INVALID_TOPIC_EXCEPTION", "apples-1 0", "apples-none UNKNOWN_TOPIC_OR_PARTITION", "bananas 0", "zebras TOPIC_AUTHORIZATION_FAILED"},
		},
		"a page by name":      {describing(3, "zebras", "bananas", "apples-3"), []string{"apples-3 0 1 2", "zebras TOPIC_AUTHORIZATION_FAILED", "next bananas/0"}},
		"from there":          {from("bananas", 0, describing(3, "zebras", "bananas", "apples-3")), []string{"bananas 0", "zebras TOPIC_AUTHORIZATION_FAILED"}},
		"a cursor elsewhere":  {from("apples-3", 0, describing(3, "bananas")), []string{"bananas INVALID_REQUEST"}},
		"a cursor below zero": {from("apples-3", -1, describing(3)), nil},
	} {
		got, a := described(t, grove(), tt.request)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if strings.Contains(name, "cursor") != (a.Refusal.Code == wire.InvalidRequest) {
			t.Errorf("%s: refusal %+v", name, a.Refusal)
		}
	}
}

// What clients are told of a partition names no broker but the one they see.
func TestDescribedPartitions(t *testing.T) {
	t.Parallel()
	b, _, _ := facade()
	r := parse[*kmsg.DescribeTopicPartitionsResponse](t, wire.KeyDescribeTopicPartitions, 0, ask(t, b, wire.KeyDescribeTopicPartitions, 0, describing(9, "apples")))
	led, lost := kmsg.NewDescribeTopicPartitionsResponseTopicPartition(), kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
	led.LeaderEpoch, led.Replicas, led.ISR = 9, []int32{0}, []int32{0}
	lost.Partition, lost.LeaderID, lost.LeaderEpoch, lost.Replicas = 1, -1, 3, []int32{0}
	want := []kmsg.DescribeTopicPartitionsResponseTopicPartition{led, lost}
	for _, p := range r.Topics[0].Partitions {
		if p.EligibleLeaderReplicas == nil || p.LastKnownELR == nil {
			t.Error("eligible leader replicas are null, want an empty list: Java's clients fail over null")
		}
	}
	if diff := cmp.Diff(want, r.Topics[0].Partitions, plain()); diff != "" || r.Topics[0].TopicID != [16]byte{1} {
		t.Errorf("%+v, partitions (-want +got):\n%s", r.Topics[0], diff)
	}
}
