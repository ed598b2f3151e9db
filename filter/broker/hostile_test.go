package broker_test

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// hostileAdministration makes requests of about n bytes with which administrators ask for much; nil: none of theirs.
func hostileAdministration(key wire.APIKey, n int) map[string]kmsg.Request {
	requests := map[string]kmsg.Request{}
	for shape, names := range hostileNames(n) {
		r := kmsg.RequestForKey(int16(key))
		for i, name := range names {
			if !nameIn(r, name, i) {
				return nil
			}
		}
		requests[shape] = r
	}
	return requests
}

// hostileNames are names of things to administer, in about n bytes.
func hostileNames(n int) map[string][]string {
	some := func(count int, prefix string) (names []string) {
		for i := range min(count, wire.MaxControlElements-1) {
			names = append(names, prefix+strconv.FormatInt(int64(i), 36))
		}
		return names
	}
	return map[string][]string{
		"short":      some(n/8, ""),
		"matching":   some(n/16, "apples"),
		"invalid":    some(n/10, "\x00\x00"),
		"the same":   strings.Split(strings.Repeat("a,", min(n/8, wire.MaxControlElements-2))+"a", ","),
		"long names": {strings.Repeat("\x00", min(n, 32000))},
	}
}

// nameIn has a request name one thing more, the i-th. It reports false if it is no request of an administrator's.
func nameIn(r kmsg.Request, name string, i int) bool {
	switch r := r.(type) {
	case *kmsg.CreateTopicsRequest:
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic = name
		r.Topics = append(r.Topics, topic)
	case *kmsg.DeleteTopicsRequest:
		topic := kmsg.NewDeleteTopicsRequestTopic()
		if i%2 == 0 {
			topic.Topic = &name
		} else {
			binary.BigEndian.PutUint32(topic.TopicID[:], uint32(i))
		}
		r.Topics, r.TopicNames = append(r.Topics, topic), append(r.TopicNames, name)
	case *kmsg.CreatePartitionsRequest:
		r.Topics = append(r.Topics, kmsg.CreatePartitionsRequestTopic{Topic: name})
	case *kmsg.DescribeConfigsRequest:
		r.Resources = append(r.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: kindOf(i), ResourceName: name})
	case *kmsg.AlterConfigsRequest:
		r.Resources = append(r.Resources, kmsg.AlterConfigsRequestResource{ResourceType: kindOf(i), ResourceName: name})
	case *kmsg.IncrementalAlterConfigsRequest:
		r.Resources = append(r.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: kindOf(i), ResourceName: name})
	case *kmsg.DeleteRecordsRequest:
		r.Topics = append(r.Topics, kmsg.DeleteRecordsRequestTopic{
			Topic: name, Partitions: make([]kmsg.DeleteRecordsRequestTopicPartition, i%3),
		})
	case *kmsg.DescribeClusterRequest:
	case *kmsg.DescribeTopicPartitionsRequest:
		r.ResponsePartitionLimit = 1 << 30
		r.Topics = append(r.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	default:
		return false
	}
	return true
}

// kindOf is one of the kinds of resources.
func kindOf(i int) kmsg.ConfigResourceType {
	return []kmsg.ConfigResourceType{2, 4, 8, 16, 32, 77}[i%6]
}
