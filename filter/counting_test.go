package filter_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// counting is a mesh whose metrics are looked at: two rules lead to one cluster, and one topic is counted apart.
const counting = twoClusters + "- {target_cluster: c1, topic_prefix: cherries}\ntopic_metrics: [apples]\n"

// numbers are metrics by name: of a histogram, how many were recorded.
type numbers map[string]int64

// numbers are those of a mesh that are not zero, whose names begin with one of some prefixes.
func (m *mesh) numbers(prefixes ...string) numbers {
	synctest.Wait()
	got := numbers{}
	for _, s := range m.stats.Read() {
		begins := func(prefix string) bool { return strings.HasPrefix(s.Name, prefix) }
		switch {
		case s.IsZero() || !slices.ContainsFunc(prefixes, begins):
		case s.Kind == stats.Histogram:
			got[s.Name] = s.Sizes.Count()
		default:
			got[s.Name] = s.Value
		}
	}
	return got
}

// want wants a mesh to have counted exactly this, in metrics whose names begin with one of some prefixes.
func (want numbers) of(m *mesh, prefixes ...string) {
	m.t.Helper()
	if diff := cmp.Diff(want, m.numbers(prefixes...)); diff != "" {
		m.t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// part is what a request has for one partition.
type part struct {
	topic     string
	partition int32
	records   []byte
}

// produceParts is a Produce of some parts, a topic of it for each.
func produceParts(acks int16, parts ...part) []byte {
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = acks, 1000
	for _, of := range parts {
		t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
		t.Topic, p.Partition, p.Records = of.topic, of.partition, of.records
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	}
	return wiretest.Frame(wire.KeyProduce, 9, 1, "test", r)
}

// A request counts its time once for each rule, in whatever order its topics come, and its batches each.
func TestRulesCountOncePerRequest(t *testing.T) {
	t.Parallel()
	withMesh(t, counting, func(m *mesh) {
		m.c1.CreateTopic("cherries", 1)
		c := m.connect()
		c.session.Data(produceParts(-1, part{"apples", 0, batch()}, part{"cherries", 0, batch()}, part{"apples", 1, batch()},
			part{"bananas", 0, batch()}, part{"cherries", 0, batch()}))
		c.wantAnswers(1)
		size := int64(len(batch()))
		numbers{
			"rule.apples*.batches": 2, "rule.apples*.records": 4, "rule.apples*.bytes": 2 * size, "rule.apples*.time_total_us": 1,
			"rule.bananas*.batches": 1, "rule.bananas*.records": 2, "rule.bananas*.bytes": size, "rule.bananas*.time_total_us": 1,
			"rule.cherries*.batches": 2, "rule.cherries*.records": 4, "rule.cherries*.bytes": 2 * size, "rule.cherries*.time_total_us": 1,
			"rule.cherries*.failed_batches": 1, // a partition twice in one request
			"topic.apples.batches":          2, "topic.apples.records": 4, "topic.apples.bytes": 2 * size,
		}.of(m, "rule.", "topic.")
		c.session.Closed()
	})
}

// A topic without a rule counts once for a request, however often that names it.
func TestUnmatchedTopicsCountOncePerRequest(t *testing.T) {
	t.Parallel()
	withMesh(t, counting, func(m *mesh) {
		c := m.connect()
		c.session.Data(produceParts(-1, part{"plums", 0, batch()}, part{"apples", 0, batch()}, part{"plums", 1, batch()},
			part{"pears", 0, batch()}, part{"plums", 2, batch()}, part{"no topic at all", 0, batch()}))
		c.wantAnswers(1)
		numbers{"unmatched_topics": 2}.of(m, "unmatched_topics")
		c.session.Data(wiretest.Frame(wire.KeyMetadata, 9, 2, "test", askFor("plums", "apples", "plums")))
		c.wantAnswers(1, 2)
		numbers{"unmatched_topics": 3}.of(m, "unmatched_topics")
		c.session.Closed()
	})
}

// lying is a batch whose header says that it has count records.
func lying(count int32, compressed bool) []byte {
	b := batch()
	const attributesAt, countAt = 22, 57
	binary.BigEndian.PutUint32(b[countAt:], uint32(count))
	if compressed {
		b[attributesAt] = 1
	}
	wiretest.Seal(b)
	return b
}

// What a header says of its records is counted as far as the batch could hold so many, and never as less than none.
func TestRecordsAreNoMoreThanFit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		count       int32
		compressed  bool
		least, most int64
	}{
		{math.MinInt32, false, 0, 0},
		{-1, true, 0, 0},
		{2, false, 2, 2},
		{2, true, 2, 2},
		{math.MaxInt32, false, 1, int64(len(batch()))},
		{math.MaxInt32, true, 1, 1000 * int64(len(batch()))},
	} {
		t.Run(fmt.Sprint(tc.count, tc.compressed), func(t *testing.T) {
			t.Parallel()
			withMesh(t, counting, func(m *mesh) {
				c := m.connect()
				c.session.Data(produceApples(1, -1, 0, lying(tc.count, tc.compressed)))
				c.wantAnswers(1)
				for _, of := range []string{"cluster.c1", "rule.apples*", "topic.apples"} {
					if got := m.metric(of + ".records"); got < tc.least || got > tc.most {
						t.Errorf("%s.records = %d, want %d to %d", of, got, tc.least, tc.most)
					}
				}
				c.session.Closed()
			})
		})
	}
}

// What the mesh itself refuses is a refusal, what a cluster refuses a failure, and the end of a connection a failure too.
func TestFailuresAndRefusals(t *testing.T) {
	t.Parallel()
	damaged := batch()
	damaged[16] = 9 // no format of batches
	for name, tc := range map[string]struct {
		frame              []byte
		failures, refusals int64
	}{
		"stored":                  {produceApples(1, -1, 0, batch()), 0, 0},
		"stored, acks=0":          {produceApples(1, 0, 0, batch()), 0, 0},
		"of a cluster":            {produceApples(1, -1, 7, batch()), 1, 0},
		"of a cluster, acks=0":    {produceApples(1, 0, 7, batch()), 1, 0},
		"no rule":                 {produce(1, "plums"), 0, 1},
		"no rule, acks=0":         {produceParts(0, part{"plums", 0, batch()}), 1, 1},
		"no rule and a cluster":   {produceParts(-1, part{"plums", 0, batch()}, part{"apples", 7, batch()}), 1, 1},
		"no rule beside a stored": {produceParts(-1, part{"apples", 0, batch()}, part{"plums", 0, batch()}), 0, 1},
		"no batch":                {produceApples(1, -1, 0, damaged), 0, 1},
		"no batch, acks=0":        {produceApples(1, 0, 0, damaged), 1, 1},
		"acks=5":                  {produceApples(1, 5, 0, batch()), 0, 1},
		"malformed":               {wiretest.Frame(wire.KeyProduce, 9, 1, "test", kmsg.NewPtrInitProducerIDRequest()), 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withMesh(t, counting, func(m *mesh) {
				c := m.connect()
				c.session.Data(tc.frame)
				want := numbers{"api.produce.v9.requests": 1}
				if tc.failures > 0 {
					want["api.produce.v9.failures"] = tc.failures
				}
				if tc.refusals > 0 {
					want["api.produce.v9.refusals"] = tc.refusals
				}
				want.of(m, "api.")
				c.session.Closed()
			})
		})
	}
}

// The same of the other APIs, and of a bug.
func TestFailuresAndRefusalsOfOthers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key     wire.APIKey
		version int16
		request kmsg.Request
		bug     bool
		want    numbers
	}{
		"Metadata":                           {wire.KeyMetadata, 9, askFor("apples"), false, numbers{}},
		"Metadata of an unknown topic":       {wire.KeyMetadata, 9, askFor("apples-nowhere"), false, numbers{"failures": 1}},
		"Metadata of a topic without a rule": {wire.KeyMetadata, 9, askFor("apples", "plums"), false, numbers{"refusals": 1}},
		"Metadata of both":                   {wire.KeyMetadata, 9, askFor("apples-nowhere", "plums"), false, numbers{"failures": 1, "refusals": 1}},
		"Metadata of an unknown id": {wire.KeyMetadata, 12, &kmsg.MetadataRequest{
			Topics: []kmsg.MetadataRequestTopic{{TopicID: [16]byte{1}}},
		}, false, numbers{"failures": 1}},
		"Metadata and a bug":                            {wire.KeyMetadata, 9, askFor("apples"), true, numbers{"failures": 1}},
		"Produce and a bug":                             {wire.KeyProduce, 9, kmsg.NewPtrProduceRequest(), true, numbers{"failures": 1}},
		"ListOffsets of what a cluster does not answer": {wire.KeyListOffsets, 7, offsetsOf("apples"), false, numbers{"failures": 1}},
		"ListOffsets of a topic without a rule":         {wire.KeyListOffsets, 7, offsetsOf("plums"), false, numbers{"refusals": 1}},
		"ListGroups":                                    {wire.KeyListGroups, 5, kmsg.NewPtrListGroupsRequest(), false, numbers{"failures": 1}}, // no cluster knows it
		"DescribeGroups of one that cannot be asked for": {
			wire.KeyDescribeGroups, 6, &kmsg.DescribeGroupsRequest{Groups: []string{"g"}}, false, numbers{"failures": 1},
		},
		"DeleteGroups":                           {wire.KeyDeleteGroups, 2, &kmsg.DeleteGroupsRequest{Groups: []string{"g"}}, false, numbers{"failures": 1}},
		"OffsetDelete":                           {wire.KeyOffsetDelete, 0, deleteOffsetsOf("apples"), false, numbers{"failures": 1}},
		"OffsetDelete of a topic without a rule": {wire.KeyOffsetDelete, 0, deleteOffsetsOf("plums"), false, numbers{"failures": 1, "refusals": 1}},
		"OffsetForLeaderEpoch": {
			wire.KeyOffsetForLeaderEpoch, 4, kmsg.NewPtrOffsetForLeaderEpochRequest(), false, numbers{},
		},
		"FindCoordinator": {wire.KeyFindCoordinator, 3, kmsg.NewPtrFindCoordinatorRequest(), false, numbers{}},
		"FindCoordinator of a transaction": {
			wire.KeyFindCoordinator, 3, &kmsg.FindCoordinatorRequest{CoordinatorType: 1}, false, numbers{"refusals": 1},
		},
		"JoinGroup":                       {wire.KeyJoinGroup, 9, kmsg.NewPtrJoinGroupRequest(), false, numbers{"failures": 1}}, // the cluster does not know it
		"SyncGroup":                       {wire.KeySyncGroup, 5, kmsg.NewPtrSyncGroupRequest(), false, numbers{"failures": 1}},
		"Heartbeat":                       {wire.KeyHeartbeat, 4, kmsg.NewPtrHeartbeatRequest(), false, numbers{"failures": 1}},
		"LeaveGroup":                      {wire.KeyLeaveGroup, 5, kmsg.NewPtrLeaveGroupRequest(), false, numbers{"failures": 1}},
		"Fetch of nothing":                {wire.KeyFetch, 11, kmsg.NewPtrFetchRequest(), false, numbers{}},
		"Fetch of a topic without a rule": {wire.KeyFetch, 12, fetch("plums"), false, numbers{"refusals": 1}},
		"Fetch of an unknown topic":       {wire.KeyFetch, 12, fetch("apples-nowhere"), false, numbers{"failures": 1}},
		"Fetch of an unknown id": {wire.KeyFetch, 18, &kmsg.FetchRequest{Topics: []kmsg.FetchRequestTopic{{
			TopicID: [16]byte{1}, Partitions: []kmsg.FetchRequestTopicPartition{{}},
		}}}, false, numbers{"failures": 1}},
		"OffsetCommit without topics": {wire.KeyOffsetCommit, 9, kmsg.NewPtrOffsetCommitRequest(), false, numbers{}},
		"OffsetCommit": {wire.KeyOffsetCommit, 9, &kmsg.OffsetCommitRequest{Topics: []kmsg.OffsetCommitRequestTopic{
			{Topic: "apples", Partitions: make([]kmsg.OffsetCommitRequestTopicPartition, 1)},
		}}, false, numbers{"failures": 1}},
		"OffsetCommit of a topic without a rule": {wire.KeyOffsetCommit, 9, &kmsg.OffsetCommitRequest{Topics: []kmsg.OffsetCommitRequestTopic{
			{Topic: "plums", Partitions: make([]kmsg.OffsetCommitRequestTopicPartition, 1)},
		}}, false, numbers{"refusals": 1}},
		"OffsetFetch": {wire.KeyOffsetFetch, 7, kmsg.NewPtrOffsetFetchRequest(), false, numbers{"failures": 1}},
		"OffsetFetch of a topic without a rule": {wire.KeyOffsetFetch, 7, &kmsg.OffsetFetchRequest{Topics: []kmsg.OffsetFetchRequestTopic{
			{Topic: "plums", Partitions: []int32{0}},
		}}, false, numbers{"refusals": 1}},
		"ApiVersions":          {wire.KeyApiVersions, 2, kmsg.NewPtrApiVersionsRequest(), false, numbers{}},
		"ApiVersions, no name": {wire.KeyApiVersions, 3, kmsg.NewPtrApiVersionsRequest(), false, numbers{"refusals": 1}},
		"ConsumerGroupHeartbeat": {
			wire.KeyConsumerGroupHeartbeat, 1, kmsg.NewPtrConsumerGroupHeartbeatRequest(), false, numbers{"failures": 1},
		},
		"ConsumerGroupDescribe": {
			wire.KeyConsumerGroupDescribe, 1, kmsg.NewPtrConsumerGroupDescribeRequest(), false, numbers{},
		},
		"InitProducerId": {wire.KeyInitProducerID, 4, kmsg.NewPtrInitProducerIDRequest(), false, numbers{}},
		"InitProducerId, transactional": {
			wire.KeyInitProducerID, 4, &kmsg.InitProducerIDRequest{TransactionalID: new("t"), ProducerID: -1, ProducerEpoch: -1},
			false,
			numbers{"refusals": 1},
		},
		"InitProducerId, an epoch alone": {
			wire.KeyInitProducerID, 4, &kmsg.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: 1}, false, numbers{"refusals": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withMesh(t, counting+"administration: {groups: ACCESS_ALL}\n", func(m *mesh) {
				if tc.bug {
					m.connect().session.Closed()
					m.filter.BreakBroker(0)
				}
				c := m.connect()
				c.session.Data(wiretest.Frame(tc.key, tc.version, 1, "test", tc.request))
				api := fmt.Sprintf("api.%s.v%d.", snake(tc.key), tc.version)
				want := numbers{api + "requests": 1}
				for what, n := range tc.want {
					want[api+what] = n
				}
				want.of(m, "api.")
				c.session.Closed()
			})
		})
	}
}

// offsetsOf asks for the end of the first partition of a topic.
//
//nolint:ireturn // kmsg has one type per API
func offsetsOf(topic string) kmsg.Request {
	r := kmsg.NewPtrListOffsetsRequest()
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp = -1
	r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	return r
}

// deleteOffsetsOf deletes a group's offset of the first partition of a topic.
//
//nolint:ireturn // kmsg has one type per API
func deleteOffsetsOf(topic string) kmsg.Request {
	r := kmsg.NewPtrOffsetDeleteRequest()
	r.Group = "g"
	r.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: topic, Partitions: make([]kmsg.OffsetDeleteRequestTopicPartition, 1)}}
	return r
}

// snake is an API's name in metrics.
func snake(key wire.APIKey) string {
	return map[wire.APIKey]string{
		wire.KeyProduce: "produce", wire.KeyFetch: "fetch", wire.KeyListOffsets: "list_offsets", wire.KeyOffsetForLeaderEpoch: "offset_for_leader_epoch", wire.KeyMetadata: "metadata", wire.KeyFindCoordinator: "find_coordinator",
		wire.KeyApiVersions: "api_versions", wire.KeyInitProducerID: "init_producer_id", wire.KeyJoinGroup: "join_group",
		wire.KeyOffsetCommit: "offset_commit", wire.KeyOffsetFetch: "offset_fetch",
		wire.KeySyncGroup: "sync_group", wire.KeyHeartbeat: "heartbeat", wire.KeyLeaveGroup: "leave_group",
		wire.KeyDescribeGroups: "describe_groups", wire.KeyListGroups: "list_groups", wire.KeyDeleteGroups: "delete_groups",
		wire.KeyOffsetDelete:           "offset_delete",
		wire.KeyConsumerGroupHeartbeat: "consumer_group_heartbeat", wire.KeyConsumerGroupDescribe: "consumer_group_describe",
	}[key]
}

// askFor asks for topics.
func askFor(names ...string) *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return r
}

// Only what is answered has a time: not a request with acks=0, none that closes its connection, and none whose client is gone.
func TestAnswersHaveTimes(t *testing.T) {
	t.Parallel()
	withMesh(t, counting, func(m *mesh) {
		c := m.connect()
		c.session.Data(produceApples(1, 0, 0, batch()))
		c.session.Data(produceApples(2, -1, 0, batch()))
		c.session.Data(produceApples(3, -1, 7, batch()))
		c.wantAnswers(2, 3)
		c.session.Data(produceApples(4, 0, 7, batch()))
		if !c.isClosed() {
			t.Error("not closed")
		}
		c.session.Closed()
		numbers{"request_time_us.produce": 2}.of(m, "request_time_us.")
	})
}

// wantConsistent wants metrics that say the same in two ways to agree.
func (m *mesh) wantConsistent() {
	m.t.Helper()
	for _, problem := range statstest.Contradictions(m.stats) {
		m.t.Error(problem)
	}
}
