package wire_test

import "github.com/twmb/franz-go/pkg/kmsg"

// fillAdministration puts into a request of an administrator's as much as its version can say.
func fillAdministration(req kmsg.Request) {
	switch r := req.(type) {
	case *kmsg.CreateTopicsRequest:
		placed, plain := kmsg.NewCreateTopicsRequestTopic(), kmsg.NewCreateTopicsRequestTopic()
		placed.Topic, plain.Topic = "orders", "clicks"
		placed.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{1, 2}}}
		plain.NumPartitions, plain.ReplicationFactor = 3, 2
		plain.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: new("1")}, {Name: "x"}}
		r.Topics, r.TimeoutMillis, r.ValidateOnly = []kmsg.CreateTopicsRequestTopic{placed, plain}, 1000, true
	case *kmsg.DeleteTopicsRequest:
		r.TimeoutMillis = 1000
		if r.Version < 6 {
			r.TopicNames = []string{"orders", "clicks"}
			break
		}
		r.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: new("orders")}, {TopicID: [16]byte{1, 2, 3}}}
	case *kmsg.CreatePartitionsRequest:
		placed := kmsg.CreatePartitionsRequestTopic{Topic: "orders", Count: 3}
		placed.Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: []int32{1, 2}}}
		r.Topics, r.TimeoutMillis, r.ValidateOnly = []kmsg.CreatePartitionsRequestTopic{placed, {Topic: "clicks", Count: 2}}, 1000, true
	case *kmsg.DescribeConfigsRequest:
		r.Resources = []kmsg.DescribeConfigsRequestResource{{ResourceType: 2, ResourceName: "orders", ConfigNames: []string{"a", "b"}}, {ResourceType: 4}}
		r.IncludeSynonyms, r.IncludeDocumentation = true, r.Version >= 3
	case *kmsg.AlterConfigsRequest:
		configs := []kmsg.AlterConfigsRequestResourceConfig{{Name: "a", Value: new("1")}, {Name: "b"}}
		r.Resources, r.ValidateOnly = []kmsg.AlterConfigsRequestResource{{ResourceType: 2, ResourceName: "orders", Configs: configs}}, true
	case *kmsg.DeleteRecordsRequest:
		partitions := []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 3, Offset: 99}, {Partition: 4, Offset: -1}}
		r.Topics, r.TimeoutMillis = []kmsg.DeleteRecordsRequestTopic{{Topic: "orders", Partitions: partitions}, {Topic: "clicks"}}, 1000
	case *kmsg.DescribeClusterRequest:
		r.IncludeClusterAuthorizedOperations, r.IncludeFencedBrokers = true, r.Version >= 2
	case *kmsg.DescribeTopicPartitionsRequest:
		r.Topics, r.ResponsePartitionLimit = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "orders"}, {Topic: "clicks"}}, 100
		r.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: "orders", Partition: 3}
	case *kmsg.IncrementalAlterConfigsRequest:
		configs := []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "a", Op: 2, Value: new("1")}, {Name: "b", Op: 1}}
		r.Resources, r.ValidateOnly = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 2, ResourceName: "orders", Configs: configs}}, true
	}
}
