package conformance

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// plainPartitions is how many partitions of the plain topic scenarios can have for themselves.
const plainPartitions = 150

// kinds are the topics that each target has, with their configurations. Tests run in any order, so what is stored in one
// of them is the business of one test.
var kinds = []struct {
	name       string
	partitions int32
	config     map[string]string
	denied     kmsg.ACLOperation // to everybody
}{
	{name: "plain", partitions: plainPartitions},
	{name: "three", partitions: 3},
	{name: "spread", partitions: 3},
	{name: "appendtime", partitions: 1, config: map[string]string{"message.timestamp.type": "LogAppendTime"}},
	{name: "damaged", partitions: 1},
	{name: "unread", partitions: 1},
	{name: "byid", partitions: 1},
	{name: "listed", partitions: 3},
	{name: "fetched", partitions: 2},
	{name: "sessioned", partitions: 2},
	{name: "trimmed", partitions: 2},
	{name: "stamped", partitions: 1, config: map[string]string{"message.timestamp.type": "LogAppendTime"}},
	{name: "small", partitions: 1, config: map[string]string{"max.message.bytes": "300"}},
	{name: "compacted", partitions: 1, config: map[string]string{"cleanup.policy": "compact"}},
	{name: "clocked", partitions: 1, config: map[string]string{"message.timestamp.after.max.ms": "3600000"}},
	{name: "gzipped", partitions: 1, config: map[string]string{"compression.type": "gzip"}},
	{name: "unwritable", partitions: 1, denied: kmsg.ACLOperationWrite},
	{name: "secret", partitions: 1, denied: kmsg.ACLOperationAll},
}

// prepare makes the topics of all targets of an oracle, and waits until it leads them. Two more are spread over two nodes,
// of which one then goes: tworeplicas is left with fewer replicas in sync than it needs, and orphan with no leader of
// its second partition.
func prepare(ctx context.Context, o *oracle, targets []*target) error {
	create, spread, deny := newCreate(), newCreate(), kmsg.NewPtrCreateACLsRequest()
	describe := denial("kafka-cluster", kmsg.ACLOperationDescribe) // who may describe the cluster is told of all groups
	describe.ResourceType = kmsg.ACLResourceTypeCluster
	deny.Creations = append(deny.Creations, describe)
	for _, t := range targets {
		if t.oracle != o {
			continue
		}
		for _, k := range kinds {
			create.Topics = append(create.Topics, newTopic(t.topic(k.name), k.partitions, k.config))
			if k.denied != 0 && t.host != "ruled" {
				deny.Creations = append(deny.Creations, denial(t.topic(k.name), k.denied))
			}
		}
		if t.host != "ruled" {
			group := denial(t.topic(hushed), kmsg.ACLOperationAll)
			group.ResourceType = kmsg.ACLResourceTypeGroup
			deny.Creations = append(deny.Creations, group)
		}
		spread.Topics = append(spread.Topics,
			assigned(newTopic(t.topic("tworeplicas"), -1, map[string]string{"min.insync.replicas": "2"}), []int32{1, 2}),
			assigned(newTopic(t.topic("orphan"), -1, nil), []int32{1}, []int32{2}))
	}
	if err := createTopics(ctx, o, create); err != nil {
		return err
	}
	if err := awaitCoordinators(ctx, o); err != nil {
		return err
	}
	for _, t := range targets {
		if t.oracle == o {
			if err := hush(t); err != nil {
				return err
			}
		}
	}
	if err := denyAll(ctx, o, deny); err != nil {
		return err
	}
	if err := setQuotas(ctx, o); err != nil {
		return err
	}
	return loseNode(ctx, o, spread)
}

// loseNode starts a second node, creates topics and stops the node.
func loseNode(ctx context.Context, o *oracle, spread *kmsg.CreateTopicsRequest) error {
	if err := o.start(ctx, 2, "broker", ""); err != nil {
		return err
	}
	if err := createTopics(ctx, o, spread); err != nil {
		return err
	}
	o.kafkas[1].Stop()
	for _, t := range spread.Topics {
		last := len(t.ReplicaAssignment) - 1
		err := until(ctx, "the loss of a node", func() (bool, error) {
			m, err := metadataOf(o, t.Topic)
			if err != nil {
				return false, err
			}
			for _, p := range m.Partitions {
				if int(p.Partition) == last && len(p.OfflineReplicas) == 0 {
					return false, nil
				}
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func newCreate() *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 60_000
	return req
}

// assigned says on which nodes a new topic's partitions are to be.
func assigned(t kmsg.CreateTopicsRequestTopic, replicas ...[]int32) kmsg.CreateTopicsRequestTopic {
	t.ReplicationFactor = -1
	for i, nodes := range replicas {
		t.ReplicaAssignment = append(t.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{
			Partition: int32(i), Replicas: nodes,
		})
	}
	return t
}

func newTopic(name string, partitions int32, config map[string]string) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, 1
	for key, value := range config {
		t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
	}
	return t
}

func createTopics(ctx context.Context, o *oracle, req *kmsg.CreateTopicsRequest) error {
	answer, err := rawkafka.Ask[*kmsg.CreateTopicsResponse](o.addr, clientID, 7, req)
	if err != nil {
		return fmt.Errorf("create topics on Kafka %s: %w", o.version, err)
	}
	for _, t := range answer.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("create topic %s on Kafka %s: %w", t.Topic, o.version, err)
		}
		o.ids.Store(t.Topic, t.TopicID)
	}
	for _, t := range req.Topics {
		if t.NumPartitions < 0 {
			continue // not led by one node
		}
		if err := until(ctx, t.Topic, func() (bool, error) { return led(o, t.Topic, t.NumPartitions) }); err != nil {
			return err
		}
	}
	return nil
}

// led tells whether the broker leads all partitions of a topic. That they have a leader in its metadata is not enough: it
// is told first, and opens the logs afterwards.
func led(o *oracle, name string, partitions int32) (bool, error) {
	answer, err := rawkafka.Ask[*kmsg.ListOffsetsResponse](o.addr, clientID, 6, rawkafka.EndOffsets(name, partitions))
	return err == nil && rawkafka.Led(answer) == partitions, err
}

func denial(topic string, op kmsg.ACLOperation) kmsg.CreateACLsRequestCreation {
	c := kmsg.NewCreateACLsRequestCreation()
	c.ResourceType, c.ResourceName, c.ResourcePatternType = kmsg.ACLResourceTypeTopic, topic, kmsg.ACLResourcePatternTypeLiteral
	c.Principal, c.Host, c.Operation, c.PermissionType = "User:*", "*", op, kmsg.ACLPermissionTypeDeny
	return c
}

// denyAll denies, and waits until it has come to the broker's knowledge.
func denyAll(ctx context.Context, o *oracle, req *kmsg.CreateACLsRequest) error {
	// The other operations must not be forbidden by there being a rule at all.
	for _, d := range req.Creations {
		if d.Operation != kmsg.ACLOperationAll {
			d.Operation, d.PermissionType = kmsg.ACLOperationAll, kmsg.ACLPermissionTypeAllow
			req.Creations = append(req.Creations, d)
		}
	}
	answer, err := rawkafka.Ask[*kmsg.CreateACLsResponse](o.addr, clientID, 3, req)
	if err != nil {
		return err
	}
	for _, r := range answer.Results {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return fmt.Errorf("create an ACL: %w", err)
		}
	}
	secret := req.Creations[0].ResourceName
	for _, c := range req.Creations {
		if c.ResourceType == kmsg.ACLResourceTypeTopic && c.Operation == kmsg.ACLOperationAll && c.PermissionType == kmsg.ACLPermissionTypeDeny {
			secret = c.ResourceName
		}
	}
	return until(ctx, "ACLs", func() (bool, error) {
		m, err := metadataOf(o, secret)
		return err == nil && m.ErrorCode == kerr.TopicAuthorizationFailed.Code, err
	})
}

// awaitCoordinators has the broker make what it keeps groups and transactions in.
func awaitCoordinators(ctx context.Context, o *oracle) error {
	for kind := range int8(2) {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.CoordinatorType, find.CoordinatorKey = kind, "nobody"
		err := until(ctx, "a coordinator", func() (bool, error) {
			found, err := rawkafka.Ask[*kmsg.FindCoordinatorResponse](o.addr, clientID, 3, find)
			return err == nil && found.ErrorCode == 0, err
		})
		if err != nil {
			return err
		}
	}
	return until(ctx, "the transaction coordinator", func() (bool, error) {
		init := kmsg.NewPtrInitProducerIDRequest()
		init.TransactionalID, init.TransactionTimeoutMillis = new("nobody"), 1000
		id, err := rawkafka.Ask[*kmsg.InitProducerIDResponse](o.addr, clientID, 4, init)
		return err == nil && id.ErrorCode == 0, err
	})
}

// metadataOf is what the oracle itself says of a topic.
func metadataOf(o *oracle, name string) (kmsg.MetadataResponseTopic, error) {
	answer, err := rawkafka.Ask[*kmsg.MetadataResponse](o.addr, clientID, 12, metadata(name))
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	return answer.Topics[0], nil
}
