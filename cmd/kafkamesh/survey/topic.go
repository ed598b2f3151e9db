package survey

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Topic is what a cluster says of one topic.
type Topic struct {
	Name       string
	ID         [16]byte // zero: the cluster is too old to have any
	Code       wire.ErrorCode
	Internal   bool
	Partitions []Partition // by number
	Rights     Rights
}

// Partition is what a cluster says of one partition.
type Partition struct {
	Number           int32
	Code             wire.ErrorCode
	Leader           int32 // -1: none
	LeaderEpoch      int32 // -1: the cluster does not say
	Replicas, InSync int
	OfflineReplicas  int
}

// askTopics asks a broker about the topics of the survey. None is created.
func (s *surveyor) askTopics(ctx context.Context, b *Broker) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, &silentError{s.Timeout})
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	request.IncludeTopicAuthorizedOperations = true
	if s.Topics != nil {
		request.Topics = make([]kmsg.MetadataRequestTopic, len(s.Topics))
	}
	for i := range s.Topics {
		request.Topics[i].Topic = &s.Topics[i]
	}
	response, err := b.askMetadata(ctx, request)
	if err != nil {
		s.cluster.Findings = append(s.cluster.Findings, Finding{What: "asked about topics, " + b.Addr + " gives no answer: " + err.Error()})
		return
	}
	for i := range response.Topics {
		s.cluster.Topics = append(s.cluster.Topics, topic(&response.Topics[i]))
	}
	slices.SortFunc(s.cluster.Topics, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
}

func topic(m *kmsg.MetadataResponseTopic) Topic {
	t := Topic{ID: m.TopicID, Code: wire.ErrorCode(m.ErrorCode), Internal: m.IsInternal, Rights: RightsOf(m.AuthorizedOperations)}
	if m.Topic != nil {
		t.Name = *m.Topic
	}
	for _, p := range m.Partitions {
		t.Partitions = append(t.Partitions, Partition{
			Number: p.Partition, Code: wire.ErrorCode(p.ErrorCode), Leader: p.Leader, LeaderEpoch: p.LeaderEpoch,
			Replicas: len(p.Replicas), InSync: len(p.ISR), OfflineReplicas: len(p.OfflineReplicas),
		})
	}
	slices.SortFunc(t.Partitions, func(a, b Partition) int { return cmp.Compare(a.Number, b.Number) })
	return t
}
