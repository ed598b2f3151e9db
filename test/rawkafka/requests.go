package rawkafka

import "github.com/twmb/franz-go/pkg/kmsg"

// APIVersions asks which versions are served, in version 3, which says what software asks.
func APIVersions(software, version string) *kmsg.ApiVersionsRequest {
	req := kmsg.NewPtrApiVersionsRequest()
	req.SetVersion(3)
	req.ClientSoftwareName, req.ClientSoftwareVersion = software, version
	return req
}

// Metadata asks for topics by name, without any for none, in version 9.
func Metadata(topics ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(9)
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		req.Topics = append(req.Topics, t)
	}
	return req
}

// AllTopics asks for all topics, in version 9.
func AllTopics() *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(9)
	req.Topics = nil
	return req
}

// Produce asks to store records, such as a batch, in a partition, within 30 seconds.
func Produce(version, acks int16, topic string, partition int32, records []byte) *kmsg.ProduceRequest {
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, records
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(version)
	req.Acks, req.TimeoutMillis = acks, 30_000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{p}}}
	return req
}

// EndOffsets asks for the next offsets of the first partitions of a topic, in version 6. A broker answers without an error when it
// leads them and has opened their logs, which is later than its metadata says that it leads.
func EndOffsets(topic string, partitions int32) *kmsg.ListOffsetsRequest {
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for i := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = i, -1
		t.Partitions = append(t.Partitions, p)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(6)
	req.ReplicaID, req.Topics = -1, []kmsg.ListOffsetsRequestTopic{t}
	return req
}

// Led counts the partitions that an answer to EndOffsets tells the end of.
func Led(resp *kmsg.ListOffsetsResponse) (partitions int32) {
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 {
				partitions++
			}
		}
	}
	return partitions
}
