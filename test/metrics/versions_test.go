package metrics

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// versions asks for every API in every version, so that it is served, so that it fails, and so that it is refused.
func (w *world) versions() {
	w.t.Helper()
	for _, a := range apis() {
		c := w.connectAs("somebodys-own")
		for v := a.min; v <= a.max; v++ {
			c.askEach(a.key, v)
			w.malform(a.key, v)
		}
		c.leave()
	}
	c := w.connect()
	w.add("requests.api_versions", 1)
	w.add("request_time_us.api_versions", 1)
	w.add("access_log.written", 1)
	c.SendBytes(rawkafka.Request(int16(kmsg.ApiVersions), 99, []byte{0xff, 0xff, 0}))
	c.WantAnswer(1) // with what is served
	c.ask(kmsg.NewPtrApiVersionsRequest())
	c.leave()
}

// askEach asks for one version of an API in each way.
func (c *client) askEach(key kmsg.Key, version int16) {
	w := c.w
	w.t.Helper()
	switch key { //nolint:exhaustive // these are served
	case kmsg.Produce:
		c.produceEach(version)
	case kmsg.Metadata:
		c.ask(versioned(rawkafka.Metadata(w.topic("plain")), version))
		req := versioned(rawkafka.Metadata("dead-topic"), version)
		c.ask(req)
		w.failed(req)
		req = versioned(rawkafka.Metadata("nobodys"), version)
		c.ask(req)
		w.refused(req)
		w.add("unmatched_topics", 1)
	case kmsg.ApiVersions:
		c.ask(versioned(rawkafka.APIVersions("somebodys-own", "1"), version))
		if req := versioned(rawkafka.APIVersions("not a name", "1"), version); version >= 3 {
			c.ask(req)
			w.refused(req)
		}
	case kmsg.InitProducerID:
		req := kmsg.NewPtrInitProducerIDRequest()
		req.ProducerID, req.ProducerEpoch = -1, -1
		c.ask(versioned(req, version))
		req.TransactionalID = new("transaction")
		c.ask(req)
		w.refused(req)
		w.add("refused.transactions", 1)
	case kmsg.ListOffsets:
		c.ask(versioned(rawkafka.EndOffsets(w.topic("plain"), 1), version))
		req := versioned(rawkafka.EndOffsets("dead-topic", 1), version)
		c.ask(req)
		w.failed(req)
		req = versioned(rawkafka.EndOffsets("nobodys", 1), version)
		c.ask(req)
		w.refused(req)
		w.add("unmatched_topics", 1)
	case kmsg.OffsetForLeaderEpoch:
		c.ask(versioned(leaderEpoch(w.topic("plain")), version))
		req := versioned(leaderEpoch("dead-topic"), version)
		c.ask(req)
		w.failed(req)
		req = versioned(leaderEpoch("nobodys"), version)
		c.ask(req)
		w.refused(req)
		w.add("unmatched_topics", 1)
	case kmsg.ListGroups:
		c.ask(versioned(kmsg.NewPtrListGroupsRequest(), version))
	case kmsg.DescribeGroups:
		req := versioned(kmsg.NewPtrDescribeGroupsRequest(), version)
		req.Groups = []string{"no-group"} // there may be one on a cluster that does not answer
		c.ask(req)
		w.failed(req)
	case kmsg.DeleteGroups:
		req := versioned(kmsg.NewPtrDeleteGroupsRequest(), version)
		req.Groups = []string{"no-group"}
		c.ask(req)
		w.failed(req)
	case kmsg.OffsetDelete:
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = "no-group"
		req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: w.topic("plain"), Partitions: make([]kmsg.OffsetDeleteRequestTopicPartition, 1)}}
		c.ask(req)
		w.failed(req)
		req.Topics[0].Topic = "nobodys"
		c.ask(req)
		w.refused(req)
		w.add("unmatched_topics", 1)
	case kmsg.Fetch:
		w.fetches(c, version)
	case kmsg.FindCoordinator:
		req := versioned(kmsg.NewPtrFindCoordinatorRequest(), version)
		req.CoordinatorKey, req.CoordinatorKeys = "group", []string{"group"}
		c.ask(req)
		if version > 0 {
			req.CoordinatorType = 1
			c.ask(req)
			w.refused(req)
			w.add("refused.transactions", 1)
		}
	case kmsg.OffsetCommit:
		req := versioned(kmsg.NewPtrOffsetCommitRequest(), version)
		req.Group, req.Generation = "committed", -1
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: w.topic("plain"), Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
		c.ask(req)
	case kmsg.OffsetFetch:
		req := versioned(kmsg.NewPtrOffsetFetchRequest(), version)
		req.Group = "no-group"
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: w.topic("plain"), Partitions: []int32{0}}}
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group, g.Topics = req.Group, []kmsg.OffsetFetchRequestGroupTopic{{Topic: w.topic("plain"), Partitions: []int32{0}}}
		req.Groups = []kmsg.OffsetFetchRequestGroup{g}
		c.ask(req)
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.LeaveGroup:
		req := kmsg.RequestForKey(int16(key)) // of a group without a name
		req.SetVersion(version)
		c.ask(req)
		w.failed(req)
	case kmsg.DescribeCluster:
		c.ask(versioned(kmsg.NewPtrDescribeClusterRequest(), version))
	case kmsg.DescribeConfigs:
		req := versioned(kmsg.NewPtrDescribeConfigsRequest(), version)
		req.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "nobodys"}}
		c.ask(req)
		w.refused(req)
		w.add("unmatched_topics", 1)
	case kmsg.DescribeTopicPartitions:
		req := versioned(kmsg.NewPtrDescribeTopicPartitionsRequest(), version)
		req.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "nobodys"}}
		req.ResponsePartitionLimit = 10
		c.ask(req)
		w.refused(req)
		w.add("unmatched_topics", 1)
	case kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.DeleteRecords, kmsg.AlterConfigs, kmsg.CreatePartitions, kmsg.IncrementalAlterConfigs:
		c.ask(w.forbidden(key, version))
	case kmsg.ConsumerGroupHeartbeat:
		req := versioned(kmsg.NewPtrConsumerGroupHeartbeatRequest(), version) // of no group
		c.ask(req)
		w.failed(req)
	case kmsg.ConsumerGroupDescribe:
		req := versioned(kmsg.NewPtrConsumerGroupDescribeRequest(), version)
		req.Groups = []string{"no-group"}
		c.ask(req)
		w.failed(req)
	}
}

// forbidden is a request that clients may not make by default, which is expected to count.
//
//nolint:ireturn // kmsg has one type per API
func (w *world) forbidden(key kmsg.Key, version int16) kmsg.Request {
	w.t.Helper()
	topic := w.topic("plain")
	var req kmsg.Request
	switch key {
	case kmsg.CreateTopics:
		r := kmsg.NewPtrCreateTopicsRequest()
		r.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}
		req = r
	case kmsg.DeleteTopics:
		r := kmsg.NewPtrDeleteTopicsRequest()
		r.TopicNames, r.Topics = []string{topic}, []kmsg.DeleteTopicsRequestTopic{{Topic: &topic}}
		req = r
	case kmsg.DeleteRecords:
		r := kmsg.NewPtrDeleteRecordsRequest()
		r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: make([]kmsg.DeleteRecordsRequestTopicPartition, 1)}}
		req = r
	case kmsg.AlterConfigs:
		r := kmsg.NewPtrAlterConfigsRequest()
		r.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: topic}}
		req = r
	case kmsg.CreatePartitions:
		r := kmsg.NewPtrCreatePartitionsRequest()
		r.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: topic, Count: 9}}
		req = r
	default:
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: topic}}
		req = r
	}
	req.SetVersion(version)
	w.refused(req)
	w.add("refused.administrators", 1)
	return req
}

// fetches reads nothing: where there is nothing, of a cluster that is gone, and of none. Of what is named by id here nobody knows the name.
func (w *world) fetches(c *client, version int16) {
	ask := func(topic string) *kmsg.FetchRequest {
		p := kmsg.NewFetchRequestTopicPartition()
		p.FetchOffset, p.PartitionMaxBytes = 1<<40, 1<<20
		req := versioned(kmsg.NewPtrFetchRequest(), version)
		req.MinBytes, req.MaxBytes = 1, 1<<20
		req.Topics = []kmsg.FetchRequestTopic{{Topic: topic, TopicID: [16]byte{1}, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
		c.ask(req)
		return req
	}
	if version >= 13 {
		w.failed(ask(""))
		return
	}
	w.failed(ask(w.topic("plain")))
	w.add("cluster.kafka.fetch.requests", 1)
	w.add("cluster.kafka.fetch.empty", 1)
	w.add("cluster.kafka.fetch.failed_partitions", 1)
	w.add("rule.kafka*.read_failed_partitions", 1)
	w.failed(ask("dead-topic"))
	w.add("rule.dead*.read_failed_partitions", 1)
	w.refused(ask("nobodys"))
	w.add("unmatched_topics", 1)
}

// reads has a client read what there is of one partition, and look for more where there is nothing.
func (w *world) reads(c *client) {
	topic := w.topic("counted")
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 1 << 20
	req := versioned(kmsg.NewPtrFetchRequest(), 11)
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 10_000, 1, 1<<20
	ask := func() *kmsg.FetchResponse {
		req.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
		w.add("cluster.kafka.fetch.requests", 1)
		return c.ask(req).(*kmsg.FetchResponse)
	}
	n := int64(len(ask().Topics[0].Partitions[0].RecordBatches))
	for _, name := range []string{"cluster.kafka.fetch.bytes", "rule.kafka*.read_bytes", "topic." + topic + ".read_bytes"} {
		w.add(name, n)
	}
	p.FetchOffset = 1 << 40
	ask()
	w.failed(req)
	w.add("cluster.kafka.fetch.empty", 1)
	for _, name := range []string{"cluster.kafka.fetch.failed_partitions", "rule.kafka*.read_failed_partitions", "topic." + topic + ".read_failed_partitions"} {
		w.add(name, 1)
	}
}

// leaderEpoch asks where the first leader epoch of a topic's first partition ended.
func leaderEpoch(topic string) *kmsg.OffsetForLeaderEpochRequest {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{
		{Topic: topic, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{CurrentLeaderEpoch: -1}}},
	}
	return req
}

// produceEach produces in one version: to a cluster, to what it does not have, and to what no rule matches.
func (c *client) produceEach(version int16) {
	w := c.w
	w.t.Helper()
	if version < 3 {
		stored := messages(w.topic("old"), int32(version), byte(min(version, 1)), 3)
		req := request(version, -1, stored)
		w.wantCodes(c.ask(req).(*kmsg.ProduceResponse), []part{stored})
		stored.size = lastStored(w.t, shared(w.t), stored.topic, stored.partition) // in today's format
		w.produced(req, stored)
		lost := stored
		lost.partition, lost.code, lost.unsent = 99, 3, true
		c.produce(version, lost)
		c.produce(version, unmatched("nobodys"))
		return
	}
	c.produce(version, to(w.topic("plain"), 0, int(version)))
	c.produce(version, failing(w.topic("plain"), 99, 3))
	c.produce(version, unmatched("nobodys"))
}

func versioned[R kmsg.Request](req R, version int16) R {
	req.SetVersion(version)
	return req
}

// malform sends a request without its body, which closes the connection, if there is a body.
func (w *world) malform(key kmsg.Key, version int16) {
	w.t.Helper()
	req := kmsg.RequestForKey(int16(key))
	req.SetVersion(version)
	head := 4 + 8 + 2 + len(clientID)
	if req.IsFlexible() {
		head++
	}
	frame := rawkafka.Frame(clientID, 1, req)
	if len(frame) == head {
		return
	}
	frame = frame[:head]
	binary.BigEndian.PutUint32(frame, uint32(head-4))
	w.violateBy("malformed_body", req, frame)
}
