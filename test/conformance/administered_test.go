package conformance

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// showAdministration notes an answer to what administrators ask, in the order of names. It reports false if it is none.
func (c *client) showAdministration(resp kmsg.Response) bool {
	var lines []string
	say := func(name *string, errorCode int16, message *string, more ...any) {
		shown := "null"
		if name != nil {
			shown = fmt.Sprintf("%.60q", *name)
		}
		lines = append(lines, strings.TrimSpace(shown+" "+code(errorCode)+" "+fmt.Sprint(more...))+quoted(message))
	}
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		for _, t := range r.Topics {
			say(&t.Topic, t.ErrorCode, t.ErrorMessage, created(r.Version, t))
		}
	case *kmsg.CreatePartitionsResponse:
		for _, t := range r.Topics {
			say(&t.Topic, t.ErrorCode, t.ErrorMessage)
		}
	case *kmsg.DeleteTopicsResponse:
		for _, t := range r.Topics {
			say(t.Topic, t.ErrorCode, t.ErrorMessage, present(t.TopicID))
		}
	case *kmsg.DescribeConfigsResponse:
		for _, e := range r.Resources {
			say(&e.ResourceName, e.ErrorCode, e.ErrorMessage, "of type ", int(e.ResourceType), described(e.Configs))
		}
	case *kmsg.AlterConfigsResponse:
		for _, e := range r.Resources {
			say(&e.ResourceName, e.ErrorCode, e.ErrorMessage, "of type ", int(e.ResourceType))
		}
	case *kmsg.IncrementalAlterConfigsResponse:
		for _, e := range r.Resources {
			say(&e.ResourceName, e.ErrorCode, e.ErrorMessage, "of type ", int(e.ResourceType))
		}
	case *kmsg.DeleteRecordsResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				say(&t.Topic, p.ErrorCode, nil, "partition ", p.Partition, ", low watermark ", p.LowWatermark)
			}
		}
	case *kmsg.DescribeClusterResponse:
		c.say("%s%s", code(r.ErrorCode), quoted(r.ErrorMessage))
		for _, b := range r.Brokers {
			at := "another place"
			if c.place(b.Host, b.Port) == "here" {
				at = "here"
			}
			c.say("a broker at %s of %d, controller %t, fenced %t", at, len(r.Brokers), b.NodeID == r.ControllerID, b.IsFenced)
		}
		if r.ClusterAuthorizedOperations != math.MinInt32 {
			c.say("operations on the cluster: %#x", uint32(r.ClusterAuthorizedOperations))
		}
		return true
	case *kmsg.DescribeTopicPartitionsResponse:
		for _, t := range r.Topics {
			say(t.Topic, t.ErrorCode, nil, paged(t))
		}
		if at := r.NextCursor; at != nil {
			lines = append(lines, fmt.Sprintf("next %s/%d", at.Topic, at.Partition))
		}
		for _, line := range lines { // their order is part of the answer
			c.say("%s", line)
		}
		return true
	default:
		return false
	}
	slices.Sort(lines)
	for _, line := range lines {
		c.say("%s", line)
	}
	if len(lines) == 0 {
		c.say("nothing")
	}
	return true
}

// paged is what is said of a topic in a page: its partitions as far as they are in it.
func paged(t kmsg.DescribeTopicPartitionsResponseTopic) string {
	var b strings.Builder
	for _, p := range t.Partitions {
		fmt.Fprintf(&b, " %d %s led %t epoch=%d %d replicas, %d in sync, %d offline, %d eligible, %d last known, null %t;", p.Partition, code(p.ErrorCode), p.LeaderID >= 0, p.LeaderEpoch,
			len(p.Replicas), len(p.ISR), len(p.OfflineReplicas), len(p.EligibleLeaderReplicas), len(p.LastKnownELR), p.EligibleLeaderReplicas == nil || p.LastKnownELR == nil)
	}
	return present(t.TopicID) + b.String()
}

func present(id [16]byte) string {
	if id == [16]byte{} {
		return ""
	}
	return "with an id"
}

// created is what is said of a topic that may have been created.
func created(version int16, t kmsg.CreateTopicsResponseTopic) string {
	if version < 5 {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d partitions, %d replicas, %d configurations %s", t.NumPartitions, t.ReplicationFactor, len(t.Configs), present(t.TopicID)))
}

// described is what is said of a topic's configuration: how much, and what is not the default.
func described(configs []kmsg.DescribeConfigsResponseResourceConfig) string {
	synonyms, documented := 0, 0
	var set []string
	for _, c := range configs {
		synonyms += len(c.ConfigSynonyms)
		if c.Documentation != nil {
			documented++
		}
		if c.Source == kmsg.ConfigSourceDynamicTopicConfig {
			set = append(set, c.Name+"="+*c.Value)
		}
	}
	slices.Sort(set)
	return fmt.Sprintf(", %d configurations, %d synonyms, %d documented, set: %s", len(configs), synonyms, documented, strings.Join(set, " "))
}

// topicsToCreate is a request to create topics of one partition.
func topicsToCreate(names ...string) *kmsg.CreateTopicsRequest {
	req := newCreate()
	for _, name := range names {
		req.Topics = append(req.Topics, newTopic(name, 1, nil))
	}
	return req
}

// topicsToDelete is a request to delete topics by name, in any version.
func topicsToDelete(names ...string) *kmsg.DeleteTopicsRequest {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis, req.TopicNames = 30_000, names
	for _, name := range names {
		req.Topics = append(req.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	}
	return req
}

// idsToDelete is a request to delete topics by id.
func idsToDelete(ids ...[16]byte) *kmsg.DeleteTopicsRequest {
	req := topicsToDelete()
	for _, id := range ids {
		req.Topics = append(req.Topics, kmsg.DeleteTopicsRequestTopic{TopicID: id})
	}
	return at(6, req)
}

// growth is a request to give topics as many partitions.
func growth(count int32, names ...string) *kmsg.CreatePartitionsRequest {
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = 30_000
	for _, name := range names {
		req.Topics = append(req.Topics, kmsg.CreatePartitionsRequestTopic{Topic: name, Count: count})
	}
	return req
}

// configsOf is a request for configurations of topics.
func configsOf(names ...string) *kmsg.DescribeConfigsRequest {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range names {
		req.Resources = append(req.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name})
	}
	return req
}

// ofType is configsOf for something else than topics.
func ofType(kind kmsg.ConfigResourceType, names ...string) *kmsg.DescribeConfigsRequest {
	req := configsOf(names...)
	for i := range req.Resources {
		req.Resources[i].ResourceType = kind
	}
	return req
}

// replacement is a request to replace the configuration of something.
func replacement(kind kmsg.ConfigResourceType, name, key, value string) *kmsg.AlterConfigsRequest {
	req := kmsg.NewPtrAlterConfigsRequest()
	req.Resources = []kmsg.AlterConfigsRequestResource{{
		ResourceType: kind, ResourceName: name, Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: key, Value: &value}},
	}}
	return req
}

// setting is a request to set one thing in the configuration of something.
func setting(kind kmsg.ConfigResourceType, name, key, value string) *kmsg.IncrementalAlterConfigsRequest {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
		ResourceType: kind, ResourceName: name, Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: key, Value: &value}},
	}}
	return req
}

// page is a request for a page of topics.
func page(limit int32, names ...string) *kmsg.DescribeTopicPartitionsRequest {
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = limit
	for _, name := range names {
		req.Topics = append(req.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	return req
}

// pageFrom is page from a cursor on.
func pageFrom(topic string, partition, limit int32, names ...string) *kmsg.DescribeTopicPartitionsRequest {
	req := page(limit, names...)
	req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
	return req
}

// trim is a request to delete records of some partitions of a topic before an offset.
func trim(topic string, offset int64, partitions ...int32) *kmsg.DeleteRecordsRequest {
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 30_000
	t := kmsg.DeleteRecordsRequestTopic{Topic: topic}
	for _, p := range partitions {
		t.Partitions = append(t.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Partition: p, Offset: offset})
	}
	req.Topics = []kmsg.DeleteRecordsRequestTopic{t}
	return req
}
