package broker_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// askAs is ask for a client that has said what software it is.
func askAs(t *testing.T, b *broker.Broker, software string, key wire.APIKey, version int16, request kmsg.Request) broker.Answer {
	t.Helper()
	client := &broker.Client{}
	versions := kmsg.NewPtrApiVersionsRequest()
	versions.ClientSoftwareName, versions.ClientSoftwareVersion = software, "4.3.1"
	askOn(t, b, client, wire.KeyApiVersions, 3, versions)
	return askOn(t, b, client, key, version, request)
}

// Java's administrators are told of all topics what the clusters say that answer, if the group's home is among them; whoever names topics, and everybody else, has an error.
func TestAllOffsetsWhileAClusterIsDown(t *testing.T) {
	t.Parallel()
	const java, other = "apache-kafka-java", "librdkafka"
	some := map[wire.TopicPartition]int64{at("apples", 0): 5}
	for _, tc := range []struct {
		name, software string
		topics         []string
		home, elswhere bool // down
		want           offsetsSaid
	}{
		{"Java, all", java, nil, false, true, offsetsSaid{Offsets: some}},
		{"Java, all, home", java, nil, true, false, offsetsSaid{Code: wire.CoordinatorNotAvailable}},
		{"Java, all, and no cluster answers", java, nil, true, true, offsetsSaid{Code: wire.CoordinatorNotAvailable}},
		{"Java, named", java, []string{"apples", "bananas"}, false, true, offsetsSaid{Code: wire.CoordinatorNotAvailable}},
		{"another, all", other, nil, false, true, offsetsSaid{Code: wire.CoordinatorNotAvailable}},
	} {
		for version := int16(2); version <= 9; version++ {
			b, c1, c2 := facade()
			home, elsewhere := offsetsOfTwo(c1, c2, 9)
			home.down, elsewhere.down = tc.home, tc.elswhere
			got := offsetsTold(t, version, askAs(t, b, tc.software, wire.KeyOffsetFetch, version, fetchOffsets(version, tc.topics, "g")))["g"]
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("%s v%d (-want +got):\n%s", tc.name, version, diff)
			}
		}
	}
}

// A group whose home does not answer is not listed, though another cluster has offsets of it.
func TestGroupsOfAClusterThatIsDownAreNotListed(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	holds(c1, map[string]*heldGroup{
		"g":         {coordinator: 4, protocol: "consumer", state: "Stable", kind: "classic"},
		"bananas-g": {coordinator: 5, state: "Empty", kind: "classic"}, // at home in the other
	})
	c2.nodes = []int32{1}
	c2.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) { return nil, errors.New("down") }
	r := parse[*kmsg.ListGroupsResponse](t, wire.KeyListGroups, 5, ask(t, b, wire.KeyListGroups, 5, kmsg.NewPtrListGroupsRequest()))
	if r.ErrorCode != 0 || len(r.Groups) != 1 || r.Groups[0].Group != "g" {
		t.Errorf("%s, %+v; want the group whose home answers", wire.ErrorCode(r.ErrorCode), r.Groups)
	}
}

// The partitions of a cluster that is known not to answer have no leader for who describes them; producers go on as before.
func TestPartitionsOfAClusterThatIsDownAreOffline(t *testing.T) {
	t.Parallel()
	b, _, c2 := facade()
	bananas := c2.topics["bananas"]
	bananas.Remembered = true
	c2.topics["bananas"] = bananas
	r := parse[*kmsg.DescribeTopicPartitionsResponse](t, wire.KeyDescribeTopicPartitions, 0,
		ask(t, b, wire.KeyDescribeTopicPartitions, 0, describing(10, "apples", "bananas")))
	leaders := map[string]int32{}
	for _, topic := range r.Topics {
		leaders[*topic.Topic] = topic.Partitions[0].LeaderID
		if topic.ErrorCode != 0 {
			t.Errorf("%s: %s, want no error", *topic.Topic, wire.ErrorCode(topic.ErrorCode))
		}
	}
	if diff := cmp.Diff(map[string]int32{"apples": 0, "bananas": -1}, leaders); diff != "" {
		t.Errorf("leaders (-want +got):\n%s", diff)
	}
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: new("bananas")}}
	m := parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, 9, ask(t, b, wire.KeyMetadata, 9, request))
	if got := m.Topics[0].Partitions[0].Leader; got != 0 {
		t.Errorf("Metadata: leader %d, want node 0", got)
	}
}
