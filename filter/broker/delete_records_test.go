package broker_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// deletes is a request to delete the records of some partitions before offset 10.
func deletes(topics ...string) *kmsg.DeleteRecordsRequest {
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = 1234
	for _, name := range topics {
		topic := kmsg.DeleteRecordsRequestTopic{Topic: name}
		for i := range int32(2) {
			topic.Partitions = append(topic.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Partition: i, Offset: 10})
		}
		request.Topics = append(request.Topics, topic)
	}
	return request
}

// watermarks answers as a leader whose records are deleted, or which says code of partition 0.
func watermarks(code wire.ErrorCode) func(target.Broker, kmsg.Request) (kmsg.Response, error) {
	return func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
		response := kmsg.NewPtrDeleteRecordsResponse()
		response.ThrottleMillis = 20
		for _, t := range request.(*kmsg.DeleteRecordsRequest).Topics {
			topic := kmsg.DeleteRecordsResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				said := kmsg.DeleteRecordsResponseTopicPartition{Partition: p.Partition, LowWatermark: p.Offset}
				if p.Partition == 0 && code != wire.None {
					said.LowWatermark, said.ErrorCode = -1, int16(code)
				}
				topic.Partitions = append(topic.Partitions, said)
			}
			response.Topics = append(response.Topics, topic)
		}
		return response, nil
	}
}

func low(t *testing.T, version int16, a broker.Answer) (lines []string) {
	t.Helper()
	for _, topic := range parse[*kmsg.DeleteRecordsResponse](t, wire.KeyDeleteRecords, version, a).Topics {
		for _, p := range topic.Partitions {
			lines = append(lines, fmt.Sprintf("%s/%d %s %d", topic.Topic, p.Partition, wire.ErrorCode(p.ErrorCode), p.LowWatermark))
		}
	}
	return lines
}

// Records are deleted by the leaders of their partitions, where the topic is read.
func TestDeleteRecords(t *testing.T) {
	t.Parallel()
	for version := range int16(3) {
		for name, tt := range map[string]struct {
			access  broker.Access
			respond func(target.Broker, kmsg.Request) (kmsg.Response, error)
			want    []string
		}{
			"deleted": {broker.AccessAll, watermarks(wire.None), []string{
				"apples/0 NONE 10", "apples/1 NOT_LEADER_OR_FOLLOWER -1", "bananas/0 NONE 10", "bananas/1 NONE 10",
				"zebras/0 TOPIC_AUTHORIZATION_FAILED -1", "zebras/1 TOPIC_AUTHORIZATION_FAILED -1",
			}},
			"moved": {broker.AccessAll, watermarks(wire.NotLeaderOrFollower), []string{
				"apples/0 NOT_LEADER_OR_FOLLOWER -1", "apples/1 NOT_LEADER_OR_FOLLOWER -1", "bananas/0 NOT_LEADER_OR_FOLLOWER -1", "bananas/1 NONE 10",
				"zebras/0 TOPIC_AUTHORIZATION_FAILED -1", "zebras/1 TOPIC_AUTHORIZATION_FAILED -1",
			}},
			"lost": {broker.AccessAll, func(target.Broker, kmsg.Request) (kmsg.Response, error) { return nil, errors.New("lost") }, []string{
				"apples/0 NOT_LEADER_OR_FOLLOWER -1", "apples/1 NOT_LEADER_OR_FOLLOWER -1", "bananas/0 NOT_LEADER_OR_FOLLOWER -1",
				"bananas/1 NOT_LEADER_OR_FOLLOWER -1", "zebras/0 TOPIC_AUTHORIZATION_FAILED -1", "zebras/1 TOPIC_AUTHORIZATION_FAILED -1",
			}},
			"denied": {broker.AccessCreate, watermarks(wire.None), []string{
				"apples/0 TOPIC_AUTHORIZATION_FAILED -1", "apples/1 TOPIC_AUTHORIZATION_FAILED -1", "bananas/0 TOPIC_AUTHORIZATION_FAILED -1",
				"bananas/1 TOPIC_AUTHORIZATION_FAILED -1", "zebras/0 TOPIC_AUTHORIZATION_FAILED -1", "zebras/1 TOPIC_AUTHORIZATION_FAILED -1",
			}},
		} {
			b, c1, c2 := facade()
			b.Let(tt.access)
			c1.respond, c2.respond = tt.respond, tt.respond
			a := ask(t, b, wire.KeyDeleteRecords, version, deletes("apples", "bananas", "zebras"))
			if diff := cmp.Diff(tt.want, low(t, version, a)); diff != "" {
				t.Errorf("v%d, %s (-want +got):\n%s", version, name, diff)
			}
			switch {
			case tt.access != broker.AccessAll:
				if a.Refusal.Kind != wire.Administrators || len(c1.asked)+len(c2.asked) > 0 {
					t.Errorf("v%d, %s: refusal %+v, and c1 was asked %v", version, name, a.Refusal, c1.asked)
				}
			case len(c1.asked) != 1 || !c1.asked[0].own || c1.asked[0].to != target.Node(4) || c1.asked[0].request.(*kmsg.DeleteRecordsRequest).TimeoutMillis != 1234:
				t.Errorf("v%d, %s: c1 was asked %+v, want once, of node 4, on a connection of the client's own", version, name, c1.asked)
			}
		}
	}
}

// Of a partition that is named twice, the last offset counts, as with a broker.
func TestDeleteRecordsTwice(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	b.Let(broker.AccessAll)
	c1.respond = watermarks(wire.None)
	request := deletes("apples", "apples")
	request.Topics[1].Partitions[0].Offset = 7
	if diff := cmp.Diff([]string{"apples/0 NONE 7", "apples/1 NOT_LEADER_OR_FOLLOWER -1"}, low(t, 2, ask(t, b, wire.KeyDeleteRecords, 2, request))); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
}
