package survey

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Group is what a cluster says of one consumer group.
type Group struct {
	// Coordinator is the broker that has it; nil: none says so, or our user may not know of it. The rest is there only if one does.
	Coordinator *Broker
	State       string // as Kafka calls it: Stable, Empty
	Members     int
	// Consumer says that it is of the protocol of KIP-848, whose groups have their members wherever they read.
	Consumer bool
}

// The newest versions that are asked with.
const (
	listGroupsVersion       = 4
	describeGroupsVersion   = 5
	describeConsumerVersion = 0
)

// askGroup looks for the group of the survey. Brokers are asked which groups they have: asking who is to coordinate one would make a cluster
// create its topic of offsets.
func (s *surveyor) askGroup(ctx context.Context) {
	if s.Group == "" {
		return
	}
	s.cluster.Group = &Group{}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, &silentError{s.Timeout})
	defer cancel()
	for _, b := range s.cluster.Brokers {
		if !b.Works || b.Node < 0 {
			continue
		}
		has, err := b.lists(ctx, s.Group)
		if err == nil && has {
			s.cluster.Group.Coordinator = b
			err = s.cluster.Group.describe(ctx, s.Group)
		}
		if err != nil {
			s.cluster.Findings = append(s.cluster.Findings, Finding{What: "asked about groups, " + b.Addr + " gives no answer: " + err.Error()})
		}
	}
}

// lists says whether a broker has a group.
func (b *Broker) lists(ctx context.Context, group string) (bool, error) {
	response, err := b.connection.call(ctx, kmsg.NewPtrListGroupsRequest(), listGroupsVersion)
	if err != nil {
		return false, err
	}
	list := response.(*kmsg.ListGroupsResponse) //nolint:forcetypeassert // as the request is
	return slices.ContainsFunc(list.Groups, func(g kmsg.ListGroupsResponseGroup) bool { return g.Group == group }), nil
}

// describe asks the coordinator about the group: as one of the classic protocol, and if it is none, of that of KIP-848.
func (g *Group) describe(ctx context.Context, group string) error {
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = []string{group}
	response, err := g.Coordinator.connection.call(ctx, request, describeGroupsVersion)
	if err != nil {
		return err
	}
	for _, is := range response.(*kmsg.DescribeGroupsResponse).Groups { //nolint:forcetypeassert // the same
		g.State, g.Members = is.State, len(is.Members)
	}
	if _, ok := g.Coordinator.Versions[wire.APIKey(kmsg.ConsumerGroupDescribe)]; !ok || g.Members > 0 {
		return nil
	}
	consumer := kmsg.NewPtrConsumerGroupDescribeRequest()
	consumer.Groups = []string{group}
	if response, err = g.Coordinator.connection.call(ctx, consumer, describeConsumerVersion); err != nil {
		return err
	}
	for _, is := range response.(*kmsg.ConsumerGroupDescribeResponse).Groups { //nolint:forcetypeassert // the same
		if is.ErrorCode == 0 {
			g.State, g.Members, g.Consumer = is.State, len(is.Members), true
		}
	}
	return nil
}
