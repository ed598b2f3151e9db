package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// consumerGroupDescribeAPI tells of groups of the new protocol (KIP-848) what all clusters say of them together.
//
// Members of the same id are one: their epochs are added (but for -2, of a static member that has left for a while), their subscriptions
// and assignments put together; so are the epochs of the
// group. Its state is the least settled one. A topic that no rule reads from that cluster is left out. A cluster that does not answer is
// left out if another knows the group, else it is COORDINATOR_NOT_AVAILABLE. Hosts are those of proxies, and no operations are listed as
// authorized. A group that no cluster has in this protocol gets GROUP_ID_NOT_FOUND, for which Java's Admin asks with DescribeGroups.
func consumerGroupDescribeAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeConsumerGroupDescribe, Min: 0, Max: 1}, Decided: 1,
		Short: "what all clusters say of a group, put together", Query: true, Serve: (*Broker).consumerGroupDescribe,
	}
}

// describedCost is what is held for a group that is asked for, beside its name, until the clusters have answered.
const describedCost = 1024

func (b *Broker) consumerGroupDescribe(c *Call) error {
	request, err := decode[*kmsg.ConsumerGroupDescribeRequest](b, c)
	if err != nil {
		return err
	}
	seen := make(map[string]struct{}, len(request.Groups))
	ids := request.Groups[:0]
	for _, id := range request.Groups {
		if _, twice := seen[id]; !twice {
			seen[id] = struct{}{}
			ids = append(ids, id)
		}
	}
	if err := hold(c, len(c.Body)+describedCost*len(ids)); err != nil {
		return err
	}
	found := make([]*groups.Known, len(ids))
	var refusal Refusal
	s := newScatter(c, func() { b.answerDescribed(c, ids, found, refusal) })
	parts := &series{width: groupsAtOnce}
	for i, id := range ids {
		if !b.may(c, authorizer.Describe, authorizer.Group, id, &refusal) {
			continue
		}
		s.begin()
		parts.add(c, func(done func()) {
			b.recall(id, func(k *groups.Known) {
				defer answerAfterPanic(c)
				s.locked(func() { found[i] = k })
				done()
				s.end()
			})
		})
	}
	for _, cluster := range b.clusters {
		c.Note.cluster(cluster)
	}
	s.end()
	return nil
}

func (b *Broker) answerDescribed(c *Call, ids []string, found []*groups.Known, refusal Refusal) {
	response := kmsg.NewPtrConsumerGroupDescribeResponse()
	response.SetVersion(c.Header.Version)
	response.Groups = make([]kmsg.ConsumerGroupDescribeResponseGroup, 0, len(ids))
	var summary Summary
	for i, id := range ids {
		if found[i] == nil {
			g := kmsg.NewConsumerGroupDescribeResponseGroup()
			g.Group, g.ErrorCode = id, int16(wire.GroupAuthorizationFailed)
			c.Note.Fail(wire.GroupAuthorizationFailed, "")
			summary.Failed++
			response.Groups = append(response.Groups, g)
			continue
		}
		g := found[i].Describe(id, reading{b})
		b.onlySeen(c.Client, &g)
		c.Note.Fail(wire.ErrorCode(g.ErrorCode), "")
		summary.fail(wire.ErrorCode(g.ErrorCode))
		response.Groups = append(response.Groups, g)
	}
	frame := wire.AppendResponse(nil, c.Header, response)
	if err := hold(c, len(frame)); err != nil {
		c.Answer(Answer{Violation: err})
		return
	}
	c.Answer(Answer{Frame: frame, Refusal: refusal, Summary: summary})
}

// onlySeen has a group that has to do with topics that the client may not know of be described by that error alone, as a broker does.
func (b *Broker) onlySeen(c *Client, g *kmsg.ConsumerGroupDescribeResponseGroup) {
	if b.rightsOf(c) == nil {
		return
	}
	for i := range g.Members {
		m := &g.Members[i]
		topics := slices.Clone(m.SubscribedTopics)
		for _, a := range []*kmsg.Assignment{&m.Assignment, &m.TargetAssignment} {
			for j := range a.TopicPartitions {
				topics = append(topics, a.TopicPartitions[j].Topic)
			}
		}
		if slices.ContainsFunc(topics, func(topic string) bool { return !b.seesTopic(c, topic) }) {
			g.ErrorCode, g.ErrorMessage = int16(wire.TopicAuthorizationFailed), new("the group has to do with topics that the client may not describe")
			g.Members = nil
			return
		}
	}
}
