package broker_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// offsetsAsked is a partition that ListOffsets asks about.
type offsetsAsked struct {
	topic     string
	partition int32
	timestamp int64
}

func listOffsets(asked ...offsetsAsked) *kmsg.ListOffsetsRequest {
	r := kmsg.NewPtrListOffsetsRequest()
	for _, a := range asked {
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Topic != a.topic {
			topic := kmsg.NewListOffsetsRequestTopic()
			topic.Topic = a.topic
			r.Topics = append(r.Topics, topic)
		}
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp, p.CurrentLeaderEpoch = a.partition, a.timestamp, 9
		topic := &r.Topics[len(r.Topics)-1]
		topic.Partitions = append(topic.Partitions, p)
	}
	return r
}

// offsetLister answers ListOffsets as a broker: with the offset 100·node + partition, or a code.
func offsetLister(codes map[wire.TopicPartition]wire.ErrorCode) func(target.Broker, kmsg.Request) (kmsg.Response, error) {
	return func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
		request := r.(*kmsg.ListOffsetsRequest)
		response := kmsg.NewPtrListOffsetsResponse()
		response.Version, response.ThrottleMillis = request.Version, 10*to.Node()
		for _, t := range request.Topics {
			topic := kmsg.NewListOffsetsResponseTopic()
			topic.Topic = t.Topic
			for _, p := range t.Partitions {
				partition := kmsg.NewListOffsetsResponseTopicPartition()
				partition.Partition = p.Partition
				partition.Offset, partition.LeaderEpoch = int64(100*to.Node()+p.Partition), p.CurrentLeaderEpoch
				if code := codes[wire.TopicPartition{Topic: t.Topic, Partition: p.Partition}]; code != wire.None {
					partition = kmsg.NewListOffsetsResponseTopicPartition()
					partition.Partition, partition.ErrorCode = p.Partition, int16(code)
				}
				topic.Partitions = append(topic.Partitions, partition)
			}
			response.Topics = append(response.Topics, topic)
		}
		return response, nil
	}
}

// listed are the lines that a ListOffsets response comes to.
func listed(r *kmsg.ListOffsetsResponse) (lines []string) {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			line := t.Topic + "/" + strconv.Itoa(int(p.Partition)) + " "
			if p.ErrorCode != 0 {
				line += wire.ErrorCode(p.ErrorCode).String()
			} else {
				line += strconv.Itoa(int(p.Offset))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// orchard is a facade whose topic apples has partitions on brokers 4 and 5, and one that nobody leads.
func orchard() (*fake, *fake, func(t *testing.T, version int16, r kmsg.Request) *kmsg.ListOffsetsResponse) {
	b, c1, c2 := facade()
	c1.topics["apples"] = wire.Topic{Name: "apples", Partitions: []wire.Partition{
		{Index: 0, Leader: 4, LeaderEpoch: 9}, {Index: 1, Leader: -1, Code: wire.LeaderNotAvailable}, {Index: 2, Leader: 5}, {Index: 3, Leader: 4},
	}}
	return c1, c2, func(t *testing.T, version int16, r kmsg.Request) *kmsg.ListOffsetsResponse {
		t.Helper()
		return parse[*kmsg.ListOffsetsResponse](t, wire.KeyListOffsets, version, ask(t, b, wire.KeyListOffsets, version, r))
	}
}

// Each partition is asked of its leader, in its topic's cluster, as the client asks; the slowest throttles.
func TestListOffsets(t *testing.T) {
	t.Parallel()
	for version := int16(1); version <= 11; version++ {
		c1, c2, list := orchard()
		c1.respond, c2.respond = offsetLister(nil), offsetLister(nil)
		request := listOffsets(
			offsetsAsked{"apples", 3, -1}, offsetsAsked{"apples", 2, -2}, offsetsAsked{"bananas", 0, 17}, offsetsAsked{"apples", 0, -1},
			offsetsAsked{"apples", 1, -1}, offsetsAsked{"apples", 9, -1}, offsetsAsked{"cherries", 0, -1},
		)
		request.ReplicaID, request.IsolationLevel = 7, 1
		r := list(t, version, request)
		want := []string{
			"apples/3 403", "apples/2 502", "apples/0 400", "apples/1 NOT_LEADER_OR_FOLLOWER", "apples/9 UNKNOWN_TOPIC_OR_PARTITION",
			"bananas/0 100", "cherries/0 TOPIC_AUTHORIZATION_FAILED",
		}
		if diff := cmp.Diff(want, listed(r)); diff != "" {
			t.Errorf("v%d (-want +got):\n%s", version, diff)
		}
		if version >= 2 && r.ThrottleMillis != 50 {
			t.Errorf("v%d: throttled for %d ms, want 50", version, r.ThrottleMillis)
		}
		if len(c1.asked) != 2 || len(c2.asked) != 1 {
			t.Fatalf("v%d: %d and %d requests to brokers, want 2 and 1", version, len(c1.asked), len(c2.asked))
		}
		sent := c1.asked[0].request.(*kmsg.ListOffsetsRequest)
		epoch, isolation := int32(9), int8(1)
		if version < 4 {
			epoch = -1
		}
		if version < 2 {
			isolation = 0
		}
		if p := sent.Topics[0].Partitions[0]; sent.ReplicaID != -1 || sent.IsolationLevel != isolation || p.CurrentLeaderEpoch != epoch ||
			sent.Version != version || c1.asked[0].to != target.Node(4) {
			t.Errorf("v%d: asked %s %+v", version, c1.asked[0].to, sent)
		}
		if got := r.Topics[0].Partitions[0].LeaderEpoch; got != epoch {
			t.Errorf("v%d: leader epoch %d, want %d", version, got, epoch)
		}
	}
}

// A leader that denies it, or cannot be reached, is doubted; one that says something else is not.
func TestListOffsetsDoubtsLeaders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		code    wire.ErrorCode
		err     error
		want    string
		doubted bool
	}{
		"does not lead":     {wire.NotLeaderOrFollower, nil, "NOT_LEADER_OR_FOLLOWER", true},
		"leads again":       {wire.FencedLeaderEpoch, nil, "FENCED_LEADER_EPOCH", true},
		"has lost a disk":   {wire.KafkaStorageError, nil, "KAFKA_STORAGE_ERROR", true},
		"knows none":        {wire.UnknownTopicOrPartition, nil, "UNKNOWN_TOPIC_OR_PARTITION", true},
		"is behind":         {wire.UnknownLeaderEpoch, nil, "UNKNOWN_LEADER_EPOCH", false},
		"forbids":           {wire.TopicAuthorizationFailed, nil, "TOPIC_AUTHORIZATION_FAILED", false},
		"does not answer":   {wire.None, errors.New("lost"), "NOT_LEADER_OR_FOLLOWER", true},
		"does not know how": {wire.None, wire.ErrVersion, "UNSUPPORTED_VERSION", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c1, _, list := orchard()
			answers := offsetLister(map[wire.TopicPartition]wire.ErrorCode{{Topic: "apples", Partition: 0}: tt.code, {Topic: "apples", Partition: 3}: tt.code})
			c1.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
				if tt.err != nil {
					return nil, tt.err
				}
				return answers(to, r)
			}
			r := list(t, 7, listOffsets(offsetsAsked{"apples", 0, -1}, offsetsAsked{"apples", 3, -1}))
			if diff := cmp.Diff([]string{"apples/0 " + tt.want, "apples/3 " + tt.want}, listed(r)); diff != "" {
				t.Errorf("answered (-want +got):\n%s", diff)
			}
			var want []target.Broker
			if tt.doubted {
				want = []target.Broker{target.Leader("apples", 0)}
			}
			if diff := cmp.Diff(want, c1.doubted, cmp.Comparer(func(a, b target.Broker) bool { return a == b })); diff != "" {
				t.Errorf("doubted (-want +got):\n%s", diff)
			}
		})
	}
}

// What a cluster is too old to be asked has UNSUPPORTED_VERSION, whatever its broker took the question for.
func TestListOffsetsOfOldClusters(t *testing.T) {
	t.Parallel()
	for timestamp, since := range map[int64]int16{-1: 1, -2: 1, -3: 7, -4: 8, -5: 9, -6: 11, 0: 1, 1234: 1} {
		for has := int16(1); has <= 11; has++ {
			c1, _, list := orchard()
			answer := offsetLister(nil)
			c1.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
				r.SetVersion(has)
				return answer(to, r)
			}
			want := "apples/0 400"
			if has < since {
				want = "apples/0 UNSUPPORTED_VERSION"
			}
			if got := listed(list(t, 11, listOffsets(offsetsAsked{"apples", 0, timestamp}))); got[0] != want {
				t.Errorf("timestamp %d of a cluster with version %d: %s, want %s", timestamp, has, got[0], want)
			}
		}
	}
}

// A partition that is asked about twice is answered once, as by a broker; one that its leader says nothing about has an error.
func TestListOffsetsOddities(t *testing.T) {
	t.Parallel()
	c1, _, list := orchard()
	c1.respond = offsetLister(nil)
	r := list(t, 5, listOffsets(offsetsAsked{"apples", 0, -1}, offsetsAsked{"apples", 0, -2}, offsetsAsked{"bananas", 0, 1}, offsetsAsked{"apples", 3, 1}))
	want := []string{"apples/0 INVALID_REQUEST", "apples/3 403", "bananas/0 NOT_LEADER_OR_FOLLOWER"}
	if diff := cmp.Diff(want, listed(r)); diff != "" {
		t.Errorf("asked twice (-want +got):\n%s", diff)
	}
	c1.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) { return kmsg.NewPtrListOffsetsResponse(), nil }
	if got := listed(list(t, 5, listOffsets(offsetsAsked{"apples", 0, -1}))); got[0] != "apples/0 UNKNOWN_SERVER_ERROR" {
		t.Errorf("left out: %s, want UNKNOWN_SERVER_ERROR", got[0])
	}
	if got := listed(list(t, 5, listOffsets())); len(got) > 0 {
		t.Errorf("asked about nothing: %s", got)
	}
}

func hostileListOffsets(n int) map[string]kmsg.Request {
	topics, one, many, same := kmsg.NewPtrListOffsetsRequest(), kmsg.NewPtrListOffsetsRequest(), kmsg.NewPtrListOffsetsRequest(), listOffsets()
	topics.Topics = make([]kmsg.ListOffsetsRequestTopic, min(n/6, wire.MaxControlElements))
	one.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "apples"}}
	for i := range min(n/16, wire.MaxControlElements-1) {
		one.Topics[0].Partitions = append(one.Topics[0].Partitions, kmsg.ListOffsetsRequestTopicPartition{Partition: int32(i)})
	}
	for i := range min(n/24, wire.MaxControlElements/2) {
		many.Topics = append(many.Topics, kmsg.ListOffsetsRequestTopic{
			Topic: "apples" + strconv.FormatInt(int64(i), 36), Partitions: make([]kmsg.ListOffsetsRequestTopicPartition, 1),
		})
	}
	for range min(n/16, wire.MaxControlElements-1) {
		same.Topics = append(same.Topics, listOffsets(offsetsAsked{"apples", 0, 1}).Topics...)
	}
	same.Topics = same.Topics[:min(len(same.Topics), wire.MaxControlElements/2)]
	return map[string]kmsg.Request{"topics": topics, "partitions": one, "topics of one": many, "the same": same}
}
