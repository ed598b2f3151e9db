package survey

import (
	"context"
	"fmt"
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
	// Locked says that our user lacks READ on the group, as far as brokers tell, whether there is one or not.
	Locked bool
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
		if err == nil {
			var locked []string
			locked, err = b.locked(ctx, []string{s.Group})
			s.cluster.Group.Locked = s.cluster.Group.Locked || len(locked) > 0
		}
		if err != nil {
			s.cluster.Findings = append(s.cluster.Findings, groupless(b, err))
		}
	}
}

func groupless(b *Broker, err error) Finding {
	return Finding{What: "asked about groups, " + b.Addr + " gives no answer: " + err.Error()}
}

// askGroups looks for the groups that our user is told of and may not read in.
func (s *surveyor) askGroups(ctx context.Context) {
	if !s.Groups {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, &silentError{s.Timeout})
	defer cancel()
	for _, b := range s.cluster.Brokers {
		if !b.Works || b.Node < 0 {
			continue
		}
		groups, err := b.groups(ctx)
		if err == nil {
			var locked []string
			locked, err = b.locked(ctx, groups)
			s.cluster.Locked = append(s.cluster.Locked, locked...)
			s.cluster.Groups += len(groups)
		}
		if err != nil {
			s.cluster.Findings = append(s.cluster.Findings, groupless(b, err))
		}
	}
	slices.Sort(s.cluster.Locked)
}

// lists says whether a broker has a group.
func (b *Broker) lists(ctx context.Context, group string) (bool, error) {
	groups, err := b.groups(ctx)
	return slices.Contains(groups, group), err
}

// groups are those that a broker coordinates and our user is told of.
func (b *Broker) groups(ctx context.Context) (names []string, err error) {
	response, err := b.connection.call(ctx, kmsg.NewPtrListGroupsRequest(), listGroupsVersion)
	if err != nil {
		return nil, err
	}
	for _, g := range response.(*kmsg.ListGroupsResponse).Groups { //nolint:forcetypeassert // as the request is
		names = append(names, g.Group)
	}
	return names, nil
}

// locked are those of some groups on which our user lacks READ, as far as the broker tells: it does of those that it coordinates, and of those
// that our user may not even know of (KIP-430, version 3).
func (b *Broker) locked(ctx context.Context, groups []string) (locked []string, err error) {
	const asked = 200 // at once
	for some := range slices.Chunk(groups, asked) {
		request := kmsg.NewPtrDescribeGroupsRequest()
		request.Groups, request.IncludeAuthorizedOperations = some, true
		response, err := b.connection.call(ctx, request, describeGroupsVersion)
		if err != nil {
			return nil, err
		}
		for _, g := range response.(*kmsg.DescribeGroupsResponse).Groups { //nolint:forcetypeassert // the same
			denied := wire.ErrorCode(g.ErrorCode) == wire.GroupAuthorizationFailed
			if denied || g.ErrorCode == 0 && RightsOf(g.AuthorizedOperations).Lacks(Read) {
				locked = append(locked, g.Group)
			}
		}
	}
	return locked, nil
}

// judgeGroups is a warning: perhaps nobody is a member through the mesh.
func (c *Cluster) judgeGroups() {
	if len(c.Locked) == 0 {
		return
	}
	many := "every group that it is told of"
	if len(c.Locked) < c.Groups {
		many = fmt.Sprintf("%d of the %d groups that it is told of", len(c.Locked), c.Groups)
	}
	c.Findings = append(c.Findings, Finding{
		What:    fmt.Sprintf("the mesh's user lacks READ on %s: %s", many, few(c.Locked)),
		Do:      "allow it READ, where the members come through the mesh and read topics here or have their home here; they get GROUP_AUTHORIZATION_FAILED until then",
		Warning: true,
	})
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
