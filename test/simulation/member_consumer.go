package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// consumerLife is the new protocol (KIP-848): heartbeats say it all.
type consumerLife struct {
	*member

	beat    time.Time
	partial bool        // it has said all that it is, and has been answered
	acked   bool        // it has said what it owns since that changed
	owned   []topicPart // what it was told, and reads when it has offsets
	missing []topicPart // those without an offset
}

var _ life = (*consumerLife)(nil)

func (c *consumerLife) settled() bool { return c.as.generation > 0 && len(c.missing) == 0 && c.acked }

func (c *consumerLife) lost() { c.partial = false }

func (c *consumerLife) excluded() {
	c.as.generation, c.owned, c.missing, c.positions = 0, nil, nil, nil
	c.partial, c.beat = false, time.Time{}
}

// again is told that its epoch is another by now.
func (c *consumerLife) again() { c.beat = time.Time{} }

func (c *consumerLife) step() {
	if (time.Since(c.beat) > beatTime || !c.acked) && !c.waits(wire.KeyConsumerGroupHeartbeat) {
		c.live()
	}
	if c.as.generation <= 0 {
		return
	}
	if len(c.missing) > 0 && !c.waits(wire.KeyOffsetFetch) {
		c.fetch()
	}
	c.work()
}

// live sends a heartbeat: all that the member is, or what has changed.
func (c *consumerLife) live() {
	c.beat = time.Now()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch, r.RebalanceTimeoutMillis = c.group, c.as.member, c.as.generation, -1
	if !c.partial {
		r.RebalanceTimeoutMillis, r.SubscribedTopicNames = int32(rebalanceTime.Milliseconds()), []string{"apples", "bananas"}
	}
	owned := slices.Clone(c.owned)
	if !c.partial || !c.acked {
		r.Topics = c.topics(owned)
	}
	said, as := r.Topics != nil, c.as
	c.ask(wire.KeyConsumerGroupHeartbeat, 1, r, func(response kmsg.Response) {
		if response == nil || as != c.as {
			return
		}
		a := response.(*kmsg.ConsumerGroupHeartbeatResponse) //nolint:forcetypeassert // as the request is
		code := wire.ErrorCode(a.ErrorCode)
		c.world.line.note("%s beats as of %d: %s, now %d", c.name, as.generation, code, a.MemberEpoch)
		switch code {
		case wire.None:
			c.partial, c.as.generation = true, a.MemberEpoch
			if said && slices.Equal(owned, c.owned) {
				c.acked = true
			}
			if a.Assignment != nil {
				c.assign(a.Assignment)
			}
		case wire.UnknownMemberID, wire.FencedMemberEpoch:
			c.excluded()
		case wire.NotCoordinator, wire.CoordinatorNotAvailable, wire.CoordinatorLoadInProgress:
			c.partial = false
			c.rest()
		default:
			c.broken = append(c.broken, "is told "+code.String()+" for a heartbeat")
		}
	})
}

// topics is what the member owns, as a heartbeat says it.
func (c *consumerLife) topics(owned []topicPart) []kmsg.ConsumerGroupHeartbeatRequestTopic {
	topics := []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	for _, s := range owned {
		id := c.world.topicID(s.topic)
		if n := len(topics); n == 0 || topics[n-1].TopicID != id {
			topics = append(topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: id})
		}
		t := &topics[len(topics)-1]
		t.Partitions = append(t.Partitions, s.partition)
	}
	return topics
}

// assign takes what is assigned: what is not among it is given up at once.
func (c *consumerLife) assign(a *kmsg.ConsumerGroupHeartbeatResponseAssignment) {
	var owned []topicPart
	for _, t := range a.Topics {
		topic := ""
		for _, name := range []string{"apples", "bananas"} {
			if c.world.topicID(name) == t.TopicID {
				topic = name
			}
		}
		if topic == "" {
			c.broken = append(c.broken, fmt.Sprintf("is assigned a topic that is not: %x", t.TopicID))
			continue
		}
		for _, p := range t.Partitions {
			owned = append(owned, topicPart{topic, p})
		}
	}
	slices.SortFunc(owned, compareParts)
	if slices.Equal(owned, c.owned) {
		return
	}
	positions := map[topicPart]int64{}
	var fresh []topicPart
	c.missing = nil
	for _, s := range owned {
		if at, there := c.positions[s]; there {
			positions[s] = at
		} else {
			c.missing = append(c.missing, s)
		}
		if !slices.Contains(c.owned, s) {
			fresh = append(fresh, s)
		}
	}
	c.owned, c.positions, c.acked = owned, positions, false
	c.world.line.note("%s is to read %v", c.name, owned)
	c.world.takes(c.member, fresh)
}

// fetch has the member begin to read where its group is.
func (c *consumerLife) fetch() {
	as, missing := c.as, slices.Clone(c.missing)
	c.look(missing, func(found map[topicPart]int64, ok bool) {
		switch {
		case !slices.Equal(missing, c.missing) || as.member != c.as.member || c.as.generation <= 0:
		case !ok:
			c.rest()
		default:
			for s, at := range found {
				c.positions[s] = max(at, 0)
			}
			c.missing = nil
		}
	})
}

func (c *consumerLife) leave() {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch = c.group, c.as.member, -1
	c.ask(wire.KeyConsumerGroupHeartbeat, 1, r, func(kmsg.Response) {})
}
