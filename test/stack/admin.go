package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

const adminTimeout = 15_000 // milliseconds

// Admin changes a cluster. Its methods may be called from any goroutine.
type Admin struct{ *kgo.Client }

// TopicOptions describes topics that are to be made. The zero value is one partition on one node.
type TopicOptions struct {
	Partitions int32
	Replicas   int16
	Settings   map[string]string // those that differ from the cluster's
}

// CreateTopics makes topics and waits until all of their partitions are led.
func (a Admin) CreateTopics(ctx context.Context, o TopicOptions, names ...string) error {
	o.Partitions, o.Replicas = max(o.Partitions, 1), max(o.Replicas, 1)
	r := kmsg.NewPtrCreateTopicsRequest()
	r.TimeoutMillis = adminTimeout
	for _, name := range names {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, o.Partitions, o.Replicas
		for key, value := range o.Settings {
			t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
		}
		r.Topics = append(r.Topics, t)
	}
	answer, err := r.RequestWith(ctx, a.Client)
	if err != nil {
		return err
	}
	for _, t := range answer.Topics {
		err = errors.Join(err, failure("create "+t.Topic, t.ErrorCode))
	}
	for _, name := range names {
		if err == nil {
			err = a.awaitLed(ctx, name, o.Partitions)
		}
	}
	return err
}

// DeleteTopic deletes a topic and waits until it is gone.
func (a Admin) DeleteTopic(ctx context.Context, topic string) error {
	r := kmsg.NewPtrDeleteTopicsRequest()
	r.TimeoutMillis, r.TopicNames = adminTimeout, []string{topic}
	t := kmsg.NewDeleteTopicsRequestTopic()
	t.Topic = &topic
	r.Topics = append(r.Topics, t)
	answer, err := r.RequestWith(ctx, a.Client)
	if err == nil {
		err = failure("delete "+topic, answer.Topics[0].ErrorCode)
	}
	if err != nil {
		return err
	}
	return Await(ctx, topic+" to be gone", func() error {
		_, err := a.Partitions(ctx, topic)
		if !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
}

// AddPartitions has a topic have more partitions, partitions in all.
func (a Admin) AddPartitions(ctx context.Context, topic string, partitions int32) error {
	r := kmsg.NewPtrCreatePartitionsRequest()
	r.TimeoutMillis = adminTimeout
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = topic, partitions
	r.Topics = append(r.Topics, t)
	answer, err := r.RequestWith(ctx, a.Client)
	if err == nil {
		err = failure("add partitions to "+topic, answer.Topics[0].ErrorCode)
	}
	if err != nil {
		return err
	}
	return a.awaitLed(ctx, topic, partitions)
}

// SetTopic changes one property of a topic.
func (a Admin) SetTopic(ctx context.Context, topic, key, value string) error {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value, c.Op = key, &value, kmsg.IncrementalAlterConfigOpSet
	resource.Configs = append(resource.Configs, c)
	r.Resources = append(r.Resources, resource)
	answer, err := r.RequestWith(ctx, a.Client)
	if err != nil {
		return err
	}
	return failure("set "+key, answer.Resources[0].ErrorCode)
}

// Elect has the preferred leaders lead the partitions of some topics: the first of their replicas.
func (a Admin) Elect(ctx context.Context, partitions []int32, topics ...string) error {
	r := kmsg.NewPtrElectLeadersRequest()
	r.TimeoutMillis = adminTimeout
	for _, topic := range topics {
		t := kmsg.NewElectLeadersRequestTopic()
		t.Topic, t.Partitions = topic, partitions
		r.Topics = append(r.Topics, t)
	}
	answer, err := r.RequestWith(ctx, a.Client)
	if err != nil {
		return err
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 && p.ErrorCode != kerr.ElectionNotNeeded.Code {
				return failure("elect", p.ErrorCode)
			}
		}
	}
	return failure("elect", answer.ErrorCode)
}

// Reassign gives a partition other replicas, or the same in another order, and waits until they have what it holds.
func (a Admin) Reassign(ctx context.Context, topic string, partition int32, replicas []int32) error {
	r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	r.TimeoutMillis = adminTimeout
	t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	t.Topic = topic
	p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	p.Partition, p.Replicas = partition, replicas
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	answer, err := r.RequestWith(ctx, a.Client)
	if err == nil {
		err = failure("reassign "+topic, cmp.Or(answer.ErrorCode, answer.Topics[0].Partitions[0].ErrorCode))
	}
	if err != nil {
		return err
	}
	return Await(ctx, topic+" to have moved", func() error {
		ask := kmsg.NewPtrListPartitionReassignmentsRequest()
		ask.TimeoutMillis = adminTimeout
		answer, err := ask.RequestWith(ctx, a.Client)
		if err == nil && len(answer.Topics) > 0 {
			err = errors.New("it is moving")
		}
		return err
	})
}

// Controller is the node that controls the cluster.
func (a Admin) Controller(ctx context.Context) (int32, error) {
	r := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	r.Topics = append(r.Topics, t)
	answer, err := r.RequestWith(ctx, a.Client)
	if err != nil {
		return 0, err
	}
	if err := failure("describe the quorum", answer.ErrorCode); err != nil {
		return 0, err
	}
	return answer.Topics[0].Partitions[0].LeaderID, nil
}

// Partitions is what the cluster says of a topic's partitions.
func (a Admin) Partitions(ctx context.Context, topic string) ([]kmsg.MetadataResponseTopicPartition, error) {
	answer, err := rawkafka.Metadata(topic).RequestWith(ctx, a.Client)
	if err != nil {
		return nil, err
	}
	return answer.Topics[0].Partitions, failure("describe "+topic, answer.Topics[0].ErrorCode)
}

// InSync waits until all replicas of a topic have what it holds.
func (a Admin) InSync(ctx context.Context, topic string) error {
	return Await(ctx, topic+" to be in sync", func() error {
		partitions, err := a.Partitions(ctx, topic)
		for _, p := range partitions {
			if len(p.ISR) < len(p.Replicas) || p.Leader < 0 {
				err = fmt.Errorf("partition %d: in sync %v of %v, led by %d", p.Partition, p.ISR, p.Replicas, p.Leader)
			}
		}
		return err
	})
}

// awaitLed waits until brokers lead the first partitions of a topic. That they have leaders in the metadata is not enough: a broker is
// told that it leads first, and opens the logs afterwards.
func (a Admin) awaitLed(ctx context.Context, topic string, partitions int32) error {
	return Await(ctx, topic+" to be led", func() error {
		answer, err := rawkafka.EndOffsets(topic, partitions).RequestWith(ctx, a.Client)
		if err != nil {
			return err
		}
		if n := rawkafka.Led(answer); n < partitions {
			return fmt.Errorf("%d of %d partitions are", n, partitions)
		}
		return nil
	})
}

func failure(what string, code int16) error {
	if err := kerr.ErrorForCode(code); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
