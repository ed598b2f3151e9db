package broker_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// A client says once what it gave up, and hears from one cluster that it is answered. The other, which did not hear it, is told with the
// next heartbeat: else it would wait for that, and assign the partition to nobody.
func TestMissedIsSaidAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		away func(c *coordinator, on bool)
	}{
		{"not the coordinator", func(c *coordinator, on bool) {
			c.code = wire.None
			if on {
				c.code = wire.NotCoordinator
			}
		}},
		{"no answer", func(c *coordinator, on bool) {
			c.away = nil
			if on {
				c.away = errors.New("away")
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newConsumer(t)
			c.join()
			c.c2.members[memberID].next = []int32{}
			c.want(c.beat(), 0, 15, "apples[0]")
			test.away(c.c2, true)
			r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
			r.Group, r.MemberID, r.MemberEpoch, r.RebalanceTimeoutMillis = "group", memberID, c.epoch, -1
			r.SubscribedTopicNames = nil
			r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{TopicID: [16]byte{1}, Partitions: []int32{0}}}
			c.want(c.send(r), 0, 15, "null")
			test.away(c.c2, false)
			c.beat() // which tells the client again what it is assigned, for c2 does
			last := c.c2.seen[len(c.c2.seen)-1]
			if last.Topics == nil || len(last.Topics) != 0 {
				t.Errorf("c2 is told that %v is owned, want nothing", last.Topics)
			}
			if !slices.Equal(last.SubscribedTopicNames, []string{"bananas"}) || last.RebalanceTimeoutMillis != 60_000 {
				t.Errorf("c2 is told of %q and %d ms, want bananas and 60 s", last.SubscribedTopicNames, last.RebalanceTimeoutMillis)
			}
			c.want(c.beat(), 0, 15, "null")
			if last := c.c2.seen[len(c.c2.seen)-1]; last.Topics != nil || last.SubscribedTopicNames != nil {
				t.Errorf("c2 is told again of %v and %q", last.Topics, last.SubscribedTopicNames)
			}
			if last := c.c1.seen[len(c.c1.seen)-1]; last.Topics != nil || last.SubscribedTopicNames != nil {
				t.Errorf("c1, which heard it, is told again of %v and %q", last.Topics, last.SubscribedTopicNames)
			}
		})
	}
}

// A cluster that answers and does not know a member has excluded it: another, which does not answer, is not taken for the place of all that
// the member has.
func TestExcludedWhileOneIsAway(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	delete(c.c1.members, memberID)
	c.c2.away = errors.New("away")
	c.restart()
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0}), wire.FencedMemberEpoch, 0, "")
	if len(c.c1.members) > 0 {
		t.Error("it is a member again, of a partition that may be another's")
	}
}
