package filter_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// refusedRequests are requests about topic bananas and group g, and what a client without an identity is answered.
func refusedRequests() map[string]struct {
	request kmsg.Request
	codes   func(kmsg.Response) []int16
	want    wire.ErrorCode
} {
	type row = struct {
		request kmsg.Request
		codes   func(kmsg.Response) []int16
		want    wire.ErrorCode
	}
	rows := map[string]row{}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType = "g", "consumer"
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 10_000, 10_000
	rows["JoinGroup"] = row{join, func(r kmsg.Response) []int16 { return []int16{r.(*kmsg.JoinGroupResponse).ErrorCode} }, wire.GroupAuthorizationFailed}
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKeys = []string{"g"}
	rows["FindCoordinator"] = row{find, func(r kmsg.Response) []int16 {
		return []int16{r.(*kmsg.FindCoordinatorResponse).Coordinators[0].ErrorCode}
	}, wire.GroupAuthorizationFailed}
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{"g"}
	rows["DescribeGroups"] = row{describe, func(r kmsg.Response) []int16 {
		return []int16{r.(*kmsg.DescribeGroupsResponse).Groups[0].ErrorCode}
	}, wire.GroupAuthorizationFailed}
	list := kmsg.NewPtrListGroupsRequest()
	rows["ListGroups"] = row{list, func(r kmsg.Response) []int16 { return []int16{r.(*kmsg.ListGroupsResponse).ErrorCode} }, wire.None}
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.Generation = "g", -1
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.Partitions = "bananas", []kmsg.OffsetCommitRequestTopicPartition{kmsg.NewOffsetCommitRequestTopicPartition()}
	commit.Topics = append(commit.Topics, topic)
	rows["OffsetCommit"] = row{commit, func(r kmsg.Response) []int16 {
		return []int16{r.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode}
	}, wire.GroupAuthorizationFailed}
	beat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	beat.Group, beat.MemberID, beat.SubscribedTopicNames, beat.RebalanceTimeoutMillis = "g", "memberid", []string{"bananas"}, 10_000
	beat.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	rows["ConsumerGroupHeartbeat"] = row{beat, func(r kmsg.Response) []int16 {
		return []int16{r.(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode}
	}, wire.GroupAuthorizationFailed}
	metadata := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = new("bananas")
	metadata.Topics = append(metadata.Topics, asked)
	rows["Metadata"] = row{metadata, func(r kmsg.Response) []int16 { return []int16{r.(*kmsg.MetadataResponse).Topics[0].ErrorCode} }, wire.TopicAuthorizationFailed}
	offsets := kmsg.NewPtrListOffsetsRequest()
	offsets.ReplicaID = -1
	of := kmsg.NewListOffsetsRequestTopic()
	of.Topic, of.Partitions = "bananas", []kmsg.ListOffsetsRequestTopicPartition{kmsg.NewListOffsetsRequestTopicPartition()}
	offsets.Topics = append(offsets.Topics, of)
	rows["ListOffsets"] = row{offsets, func(r kmsg.Response) []int16 {
		return []int16{r.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].ErrorCode}
	}, wire.TopicAuthorizationFailed}
	fetch := kmsg.NewPtrFetchRequest()
	fetch.ReplicaID, fetch.MaxWaitMillis, fetch.MinBytes, fetch.MaxBytes, fetch.SessionEpoch = -1, 60_000, 1, 1<<20, -1
	read := kmsg.NewFetchRequestTopic()
	read.Topic, read.Partitions = "bananas", []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}
	fetch.Topics = append(fetch.Topics, read)
	rows["Fetch"] = row{fetch, func(r kmsg.Response) []int16 {
		return []int16{r.(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode}
	}, wire.TopicAuthorizationFailed}
	create := kmsg.NewPtrCreateTopicsRequest()
	created := kmsg.NewCreateTopicsRequestTopic()
	created.Topic, created.NumPartitions, created.ReplicationFactor = "bananas-2", 1, 1
	create.Topics = append(create.Topics, created)
	rows["CreateTopics"] = row{create, func(r kmsg.Response) []int16 { return []int16{r.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode} }, wire.TopicAuthorizationFailed}
	return rows
}

// TestRefusedAsByACLs has a client that a cluster has no identity for be answered at once, and for good, as by ACLs that allow nothing.
func TestRefusedAsByACLs(t *testing.T) {
	t.Parallel()
	versions := map[string]int16{"FindCoordinator": 4, "Fetch": 12, "OffsetCommit": 8, "DescribeGroups": 5, "ConsumerGroupHeartbeat": 1}
	withMesh(t, asClientIDs("")+"\ndefault_group_cluster: c2\nadministration: {topics: ACCESS_ALL, groups: ACCESS_ALL}\n", func(m *mesh) {
		for name, tt := range refusedRequests() {
			c := m.connectAs(strings.Repeat("x", 300))
			version := min(versions[name]|4, 12)
			if v, ok := versions[name]; ok {
				version = v
			}
			key := wire.APIKey(tt.request.Key())
			c.session.Data(wiretest.Frame(key, version, 1, "test", tt.request))
			_, response, err := wiretest.ParseResponse(key, version, c.wantAnswers(1)[0])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff([]int16{int16(tt.want)}, tt.codes(response)); diff != "" {
				t.Errorf("%s is answered with other codes (-want +got):\n%s", name, diff)
			}
		}
		if dials, asked := m.c2.Calls(); dials+asked != 0 {
			t.Errorf("%d connections and %d questions for nobody", dials, asked)
		}
	})
}
