package broker_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// epochAsked is a partition that OffsetForLeaderEpoch asks about.
type epochAsked struct {
	topic            string
	partition, epoch int32
}

func leaderEpochs(asked ...epochAsked) *kmsg.OffsetForLeaderEpochRequest {
	r := kmsg.NewPtrOffsetForLeaderEpochRequest()
	for _, a := range asked {
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = a.partition, 9, a.epoch
		r.Topics = append(r.Topics, kmsg.OffsetForLeaderEpochRequestTopic{Topic: a.topic, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{p}})
	}
	return r
}

// epochTeller answers OffsetForLeaderEpoch as a broker: an epoch ended at ten times itself; that of 666 is fenced.
//
//nolint:ireturn // kmsg has one type per API
func epochTeller(_ target.Broker, r kmsg.Request) (kmsg.Response, error) {
	request := r.(*kmsg.OffsetForLeaderEpochRequest)
	response := kmsg.NewPtrOffsetForLeaderEpochResponse()
	response.Version = request.Version
	for _, t := range request.Topics {
		topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			partition.Partition, partition.LeaderEpoch, partition.EndOffset = p.Partition, p.LeaderEpoch, int64(10*p.LeaderEpoch)
			if p.LeaderEpoch == 666 {
				partition = kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, int16(wire.FencedLeaderEpoch)
			}
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response, nil
}

// Each partition is asked of its leader with the client's epochs, in the newest version whatever the client's. One that is asked about
// twice is answered twice.
func TestOffsetForLeaderEpoch(t *testing.T) {
	t.Parallel()
	for version := range int16(5) {
		b, c1, c2 := facade()
		c1.respond = epochTeller
		request := leaderEpochs(
			epochAsked{"apples", 0, 3}, epochAsked{"apples", 1, 4}, epochAsked{"bananas", 0, 5}, epochAsked{"apples", 0, 6}, epochAsked{"cherries", 0, 7},
		)
		request.ReplicaID = 7
		r := parse[*kmsg.OffsetForLeaderEpochResponse](t, wire.KeyOffsetForLeaderEpoch, version, ask(t, b, wire.KeyOffsetForLeaderEpoch, version, request))
		var got []string
		for _, topic := range r.Topics {
			for _, p := range topic.Partitions {
				got = append(got, topic.Topic+"/"+strconv.Itoa(int(p.Partition))+" "+strconv.Itoa(int(p.EndOffset))+" "+wire.ErrorCode(p.ErrorCode).String())
				if version > 0 && p.ErrorCode == 0 && p.LeaderEpoch*10 != int32(p.EndOffset) {
					t.Errorf("v%d: epoch %d ends at %d", version, p.LeaderEpoch, p.EndOffset)
				}
			}
		}
		want := []string{
			"apples/0 30 NONE", "apples/1 -1 NOT_LEADER_OR_FOLLOWER", "apples/0 60 NONE", "bananas/0 -1 NOT_LEADER_OR_FOLLOWER",
			"cherries/0 -1 TOPIC_AUTHORIZATION_FAILED",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("v%d (-want +got):\n%s", version, diff)
		}
		current := int32(9)
		if version < 2 {
			current = -1
		}
		sent := c1.asked[0].request.(*kmsg.OffsetForLeaderEpochRequest)
		if p := sent.Topics[0].Partitions[0]; sent.ReplicaID != -1 || sent.Version != 4 || p.CurrentLeaderEpoch != current || c1.asked[0].to != target.Node(4) {
			t.Errorf("v%d: asked %s %+v", version, c1.asked[0].to, sent)
		}
		if len(c2.doubted) != 1 || c2.doubted[0] != target.Leader("bananas", 0) {
			t.Errorf("v%d: doubted %v, want the leader of bananas/0, which does not answer", version, c2.doubted)
		}
	}
}

func hostileLeaderEpochs(n int) map[string]kmsg.Request {
	topics, one, many := leaderEpochs(), leaderEpochs(), leaderEpochs()
	topics.Topics = make([]kmsg.OffsetForLeaderEpochRequestTopic, min(n/6, wire.MaxControlElements))
	one.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "apples"}}
	for i := range min(n/8, wire.MaxControlElements-1) {
		one.Topics[0].Partitions = append(one.Topics[0].Partitions, kmsg.OffsetForLeaderEpochRequestTopicPartition{Partition: int32(i)})
	}
	for i := range min(n/20, wire.MaxControlElements/2) {
		many.Topics = append(many.Topics, leaderEpochs(epochAsked{"apples" + strconv.FormatInt(int64(i), 36), 0, 1}).Topics...)
	}
	return map[string]kmsg.Request{"topics": topics, "partitions": one, "topics of one": many}
}
