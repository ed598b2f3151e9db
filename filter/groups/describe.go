package groups

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// states are those of groups, the least settled first.
//
//nolint:gochecknoglobals // a constant table
var states = []string{"Assigning", "Reconciling", "Stable", "Empty", "Dead"}

// Describe puts together what the clusters say of a group. What the routes do not read from a cluster is left out.
func (k *Known) Describe(group string, routes Routes) kmsg.ConsumerGroupDescribeResponseGroup {
	g := kmsg.NewConsumerGroupDescribeResponseGroup()
	g.Group = group
	if len(k.Said) == 0 {
		if len(k.Missing) > 0 {
			cluster := k.Missing[0]
			if said := k.Refused[cluster]; said != nil {
				g.ErrorCode, g.ErrorMessage = said.ErrorCode, said.ErrorMessage
			} else {
				g.ErrorCode, g.ErrorMessage = int16(wire.CoordinatorNotAvailable), new("cluster "+cluster+" does not answer")
			}
			return g
		}
		for _, cluster := range slices.Sorted(maps.Keys(k.Refused)) {
			g.ErrorCode, g.ErrorMessage = k.Refused[cluster].ErrorCode, k.Refused[cluster].ErrorMessage
			break
		}
		return g
	}
	places := map[string]int{} // of members in g
	for _, cluster := range slices.Sorted(maps.Keys(k.Said)) {
		said := k.Said[cluster]
		if g.AssignorName == "" {
			g.AssignorName = said.AssignorName
		}
		if g.State == "" || slices.Index(states, said.State) < slices.Index(states, g.State) {
			g.State = said.State
		}
		g.Epoch += said.Epoch
		g.AssignmentEpoch += said.AssignmentEpoch
		for i := range said.Members {
			m := said.Members[i] // a copy: others look at what was said too
			m.Assignment.TopicPartitions = readFrom(cluster, m.Assignment.TopicPartitions, routes)
			m.TargetAssignment.TopicPartitions = readFrom(cluster, m.TargetAssignment.TopicPartitions, routes)
			at, there := places[m.MemberID]
			if !there {
				m.SubscribedTopics = slices.Clone(m.SubscribedTopics)
				places[m.MemberID] = len(g.Members)
				g.Members = append(g.Members, m)
				continue
			}
			join(&g.Members[at], &m)
		}
	}
	return g
}

// join adds what a member is on another cluster.
func join(to, m *kmsg.ConsumerGroupDescribeResponseGroupMember) {
	switch { // a static member that has left until it comes again is -2
	case to.MemberEpoch < 0:
		to.MemberEpoch = m.MemberEpoch
	case m.MemberEpoch >= 0:
		to.MemberEpoch += m.MemberEpoch
	}
	to.SubscribedTopics = append(to.SubscribedTopics, m.SubscribedTopics...)
	to.Assignment.TopicPartitions = append(to.Assignment.TopicPartitions, m.Assignment.TopicPartitions...)
	to.TargetAssignment.TopicPartitions = append(to.TargetAssignment.TopicPartitions, m.TargetAssignment.TopicPartitions...)
}

// readFrom is what of topics is read from a cluster.
func readFrom(cluster string, topics []kmsg.AssignmentTopicPartition, routes Routes) []kmsg.AssignmentTopicPartition {
	var read []kmsg.AssignmentTopicPartition
	for _, t := range topics {
		if routes.Reads(t.Topic) == cluster {
			read = append(read, t)
		}
	}
	return read
}
