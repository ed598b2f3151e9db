package groups_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
)

// initials are routes to the cluster that a topic's name begins with.
type initials struct{}

var _ groups.Routes = initials{}

// Reads implements groups.Routes.
func (initials) Reads(topic string) string { return topic[:1] }

// Clusters implements groups.Routes.
func (initials) Clusters() []string { return []string{"a", "b"} }

// Home implements groups.Routes.
func (initials) Home(string) string { return "a" }

// assign has a cluster answer a heartbeat with a topic's first partition, or with none.
func assign(b *groups.Beat, cluster string, epoch int32, topics ...byte) {
	said := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	said.MemberEpoch, said.Assignment = epoch, &kmsg.ConsumerGroupHeartbeatResponseAssignment{}
	for _, id := range topics {
		said.Assignment.Topics = append(said.Assignment.Topics, kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{
			TopicID: [16]byte{id}, Partitions: []int32{0},
		})
	}
	b.Take(cluster, said)
}

// joined is a member that both clusters have assigned a topic: 1 is of a, and 2 of b.
func joined(t *testing.T, regex *string) *groups.Member {
	t.Helper()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.SubscribedTopicNames, r.SubscribedTopicRegex, r.RebalanceTimeoutMillis = []string{"a1", "b1"}, regex, 60_000
	b := groups.Begin(r, nil, nil, initials{})
	b.Requests()
	assign(b, "a", 5, 1)
	assign(b, "b", 6, 2)
	_, m := b.Answer()
	return m
}

// A cluster whose answer was lost fences who says that he owns what it has not assigned: it is told of its own topics, and of those that
// nobody is known to have, also when another cluster has just taken its own away.
func TestOwnedAfterALostAnswer(t *testing.T) {
	t.Parallel()
	m := joined(t, nil)
	beat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	beat.MemberEpoch = 11
	beat.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{TopicID: [16]byte{1}}, {TopicID: [16]byte{2}}, {TopicID: [16]byte{3}}}
	b := groups.Begin(beat, m, m.Told, initials{})
	b.Requests()
	assign(b, "b", 7) // and what a says is lost
	_, m = b.Answer()

	beat.MemberEpoch, beat.Topics = 12, nil
	told := [][16]byte{}
	for _, topic := range groups.Begin(beat, m, m.Told, initials{}).Requests()["a"].Topics {
		told = append(told, topic.TopicID)
	}
	if diff := cmp.Diff([][16]byte{{1}, {3}}, told); diff != "" {
		t.Errorf("a is told that the client owns (-want +got):\n%s", diff)
	}
}

// A cluster whose answer was lost is told again that there is no regular expression any more, and others are not.
func TestRegexGivenUp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		regex *string
		want  *string
	}{{"it had one", new("a.*"), new("")}, {"it never had", nil, nil}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := joined(t, tc.regex)
			beat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
			beat.MemberEpoch, beat.SubscribedTopicNames = 11, []string{"a1"}
			if tc.regex != nil {
				beat.SubscribedTopicRegex = new("")
			}
			b := groups.Begin(beat, m, m.Told, initials{})
			b.Requests()
			assign(b, "b", 6, 2) // and what a says is lost
			_, m = b.Answer()

			beat.SubscribedTopicNames, beat.SubscribedTopicRegex = nil, nil
			asked := groups.Begin(beat, m, m.Told, initials{}).Requests()
			if diff := cmp.Diff(tc.want, asked["a"].SubscribedTopicRegex); diff != "" {
				t.Errorf("a is told the regular expression (-want +got):\n%s", diff)
			}
			if got := asked["b"].SubscribedTopicRegex; got != nil {
				t.Errorf("b is told the regular expression %q, want none", *got)
			}
		})
	}
}
