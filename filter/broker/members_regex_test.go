package broker_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// readAll is a consumer that is a member, by a regular expression that all topics match.
func readAll(t *testing.T) *consumer {
	t.Helper()
	c := newConsumer(t)
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.RebalanceTimeoutMillis, r.SubscribedTopicRegex = "group", memberID, 1000, new(".*")
	r.SubscribedTopicNames = nil
	c.want(c.send(r), 0, 12, "")
	return c
}

// A regular expression is matched by every cluster. What the rules read from elsewhere is left out.
func TestMemberWithARegularExpression(t *testing.T) {
	t.Parallel()
	c := readAll(t)
	stray := c.f1.topics["bananas-too"]
	stray.ID = [16]byte{1}
	c.f1.topics["bananas-too"] = stray
	delete(c.f1.topics, "apples")
	c.c1.members[memberID].next, c.c2.members[memberID].next = []int32{0}, []int32{0}
	c.want(c.beat(), 0, 14, "bananas[0]")
	c.want(c.beat(), 0, 14, "null")
}

// A topic that matches a regular expression, and is assigned before anybody knows what it is, is told to the client, which may have it read.
// What is assigned is told again until all of it is known: without the topic, if the rules read it from elsewhere.
func TestMemberWithATopicThatIsNotKnown(t *testing.T) {
	t.Parallel()
	c := readAll(t)
	made := c.f1.topics["apples"]
	delete(c.f1.topics, "apples")
	c.c1.members[memberID].next, c.c2.members[memberID].next = []int32{0}, []int32{0}
	c.want(c.beat(), 0, 14, "apples[0] bananas[0]")
	c.want(c.beat(), 0, 14, "apples[0] bananas[0]")
	made.Name = "bananas-too"
	c.f1.topics["bananas-too"] = made
	c.want(c.beat(), 0, 14, "bananas[0]")
	c.want(c.beat(), 0, 14, "null")
}
