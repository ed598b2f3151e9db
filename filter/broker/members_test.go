package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// consumer is a client with group.protocol=consumer behind a facade over two clusters.
type consumer struct {
	t      *testing.T
	broker *broker.Broker
	f1, f2 *fake
	c1, c2 *coordinator
	client *broker.Client // on its connection
	epoch  int32
}

// newConsumer is one that has not joined yet. c1 has the topic apples, and c2 bananas.
func newConsumer(t *testing.T) *consumer {
	t.Helper()
	c := &consumer{t: t, client: &broker.Client{}}
	c.restart()
	c.c1 = &coordinator{topic: [16]byte{1}, name: "apples", members: map[string]*onCluster{}}
	c.c2 = &coordinator{topic: [16]byte{2}, name: "bananas", members: map[string]*onCluster{}, epoch: 10}
	c.f1.respond, c.f2.respond = c.c1.respond, c.c2.respond
	return c
}

// restart has a proxy that knows nothing take over.
func (c *consumer) restart() {
	old1, old2 := c.f1, c.f2
	if c.broker, c.f1, c.f2 = facade(); old1 != nil {
		c.f1.respond, c.f2.respond = old1.respond, old2.respond
	}
}

// reconnect has the client come on another connection.
func (c *consumer) reconnect() { c.client = &broker.Client{} }

const memberID = "a-member-of-22-letters"

// beat sends a heartbeat with what a client says each time.
func (c *consumer) beat() *kmsg.ConsumerGroupHeartbeatResponse {
	c.t.Helper()
	return c.send(c.changed())
}

// changed is a heartbeat that says that nothing has changed.
func (c *consumer) changed() *kmsg.ConsumerGroupHeartbeatRequest {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch, r.RebalanceTimeoutMillis = "group", memberID, c.epoch, -1
	r.SubscribedTopicNames, r.Topics = nil, nil
	return r
}

// full sends a heartbeat that says all: what the client reads, and what it owns of apples and bananas.
func (c *consumer) full(names []string, apples, bananas []int32) *kmsg.ConsumerGroupHeartbeatResponse {
	c.t.Helper()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch, r.RebalanceTimeoutMillis = "group", memberID, c.epoch, 60_000
	r.SubscribedTopicNames, r.Topics = names, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	for id, partitions := range [][]int32{1: apples, 2: bananas} {
		if len(partitions) > 0 {
			r.Topics = append(r.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: [16]byte{byte(id)}, Partitions: partitions})
		}
	}
	return c.send(r)
}

func (c *consumer) send(r *kmsg.ConsumerGroupHeartbeatRequest) *kmsg.ConsumerGroupHeartbeatResponse {
	c.t.Helper()
	a := askOn(c.t, c.broker, c.client, wire.KeyConsumerGroupHeartbeat, 1, r)
	response := parse[*kmsg.ConsumerGroupHeartbeatResponse](c.t, wire.KeyConsumerGroupHeartbeat, 1, a)
	if response.ErrorCode == 0 {
		c.epoch = response.MemberEpoch
	}
	return response
}

// join joins with both topics, and gets a partition of each.
func (c *consumer) join() {
	c.t.Helper()
	c.want(c.full([]string{"apples", "bananas"}, nil, nil), 0, 12, "") // 1 and 11
	c.c1.members[memberID].next, c.c2.members[memberID].next = []int32{0}, []int32{0}
	c.want(c.beat(), 0, 14, "apples[0] bananas[0]") // 2 and 12
}

// want compares an answer. assigned is empty for nothing and "null" if nothing is said.
func (c *consumer) want(r *kmsg.ConsumerGroupHeartbeatResponse, code wire.ErrorCode, epoch int32, assigned string) {
	c.t.Helper()
	got := "null"
	if r.Assignment != nil {
		var topics []string
		for _, t := range r.Assignment.Topics {
			topics = append(topics, fmt.Sprint([]string{1: "apples", 2: "bananas"}[t.TopicID[0]], t.Partitions))
		}
		got = strings.Join(topics, " ")
	}
	if wire.ErrorCode(r.ErrorCode) != code || code == wire.None && (r.MemberEpoch != epoch || got != assigned) {
		c.t.Errorf("answered %s, epoch %d, assigned %s; want %s, %d, %s", wire.ErrorCode(r.ErrorCode), r.MemberEpoch, got, code, epoch, assigned)
	}
}

// epochs are what the clusters were sent last.
func (c *consumer) epochs() [2]int32 {
	last := [2]int32{-9, -9}
	for i, s := range [][]*kmsg.ConsumerGroupHeartbeatRequest{c.c1.seen, c.c2.seen} {
		if len(s) > 0 {
			last[i] = s[len(s)-1].MemberEpoch
		}
	}
	return last
}

// A member is one on each cluster: its epochs are added, what is assigned is put together, also if only one cluster says something new.
func TestMemberOfTwoClusters(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	if got := [][]string{c.c1.seen[0].SubscribedTopicNames, c.c2.seen[0].SubscribedTopicNames}; !slices.Equal(got[0], []string{"apples"}) ||
		!slices.Equal(got[1], []string{"bananas"}) {
		t.Errorf("subscribed to %q, want each cluster's own", got)
	}
	c.want(c.beat(), 0, 14, "null")
	c.c2.members[memberID].next = []int32{}
	c.want(c.beat(), 0, 15, "apples[0]")
	if got, want := c.epochs(), [2]int32{2, 12}; got != want {
		t.Errorf("sent the epochs %v, want %v", got, want)
	}
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, nil), 0, 15, "apples[0]")
	if last := c.c2.seen[len(c.c2.seen)-1]; last.Topics == nil || len(last.Topics) != 0 {
		t.Errorf("c2 is told that %v is owned, want nothing", last.Topics)
	}
	c.epoch = -1
	c.want(c.beat(), 0, -1, "null")
	if len(c.c1.members)+len(c.c2.members) > 0 {
		t.Error("it has left, and is a member still")
	}
}

// An answer that a client did not get is none: it comes with the epoch it had, and what a cluster says of that is what it is told.
func TestMemberThatMissedAnAnswer(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	c.c1.members[memberID].next = []int32{0, 1}
	missed := c.epoch
	c.want(c.beat(), 0, 15, "apples[0 1] bananas[0]")
	c.epoch = missed
	c.want(c.full([]string{"apples", "bananas"}, []int32{0, 2}, []int32{0}), wire.FencedMemberEpoch, 0, "") // it owns what it may not
	if got, want := c.epochs(), [2]int32{2, 12}; got != want {
		t.Errorf("sent the epochs %v, want %v: the clusters say what becomes of it", got, want)
	}
	c.epoch = missed
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0}), 0, 15, "apples[0 1] bananas[0]")
	c.epoch = 0
	c.want(c.full([]string{"apples", "bananas"}, nil, nil), 0, 15, "apples[0 1] bananas[0]")
}

// A proxy that knows nothing of a member has it say all it is, and asks the clusters for the rest; nothing is lost.
func TestMemberOfAProxyThatForgot(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	c.restart()
	c.want(c.beat(), wire.NotCoordinator, 0, "")
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0}), 0, 14, "apples[0] bananas[0]")
	c.want(c.beat(), 0, 14, "null")

	c.restart() // a client that does not say more is served by what the clusters say
	c.want(c.beat(), wire.NotCoordinator, 0, "")
	c.want(c.beat(), 0, 14, "apples[0] bananas[0]")
	c.want(c.beat(), 0, 14, "null")

	c.restart()
	c.c1.members[memberID].epoch++ // by an answer that was lost with the proxy
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0}), wire.FencedMemberEpoch, 0, "")

	c.restart()
	clear(c.c1.members)
	clear(c.c2.members)
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0}), wire.UnknownMemberID, 0, "")
}

// A cluster that does not answer costs its partitions, and those only: what it assigned stays the member's.
func TestMemberWhileAClusterIsAway(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.c2.away = errors.New("away")
	c.want(c.full([]string{"apples", "bananas"}, nil, nil), 0, 1, "")
	c.want(c.beat(), 0, 1, "null")
	c.c2.away = nil
	c.want(c.beat(), 0, 12, "") // it joins there now
	if last := c.c2.seen[0]; last.MemberEpoch != 0 || last.RebalanceTimeoutMillis != 60_000 || last.Topics == nil {
		t.Errorf("joins c2 with %+v", last)
	}
	c.c1.members[memberID].next, c.c2.members[memberID].next = []int32{0}, []int32{0}
	c.want(c.beat(), 0, 14, "apples[0] bananas[0]")

	c.c2.away = errors.New("away")
	c.c1.members[memberID].next = []int32{0, 1}
	c.want(c.beat(), 0, 15, "apples[0 1] bananas[0]")
	c.restart() // also of a proxy that knows nothing, if the client says what it owns
	c.want(c.full([]string{"apples", "bananas"}, []int32{0, 1}, []int32{0}), 0, 15, "apples[0 1] bananas[0]")
	c.c1.away = errors.New("away")
	c.want(c.beat(), wire.CoordinatorNotAvailable, 0, "")
	c.restart()
	c.want(c.full([]string{"apples", "bananas"}, []int32{0, 1}, []int32{0}), wire.CoordinatorNotAvailable, 0, "")
	c.c1.away, c.c2.away = nil, nil
	c.want(c.beat(), wire.NotCoordinator, 0, "")
	c.want(c.full([]string{"apples", "bananas"}, []int32{0, 1}, []int32{0}), 0, 15, "apples[0 1] bananas[0]")
	clear(c.c2.members) // its session was over
	c.want(c.beat(), wire.UnknownMemberID, 0, "")
}

// A cluster that says nothing is waited for a few seconds, by a proxy that knows nothing twice.
func TestMemberWhileAClusterIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newConsumer(t)
		c.c1.members[memberID] = &onCluster{epoch: 3, names: []string{"apples"}, assigned: []int32{0}}
		b := facadeOver(c.f1, silent{c.f2})
		r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		r.Group, r.MemberID, r.MemberEpoch, r.RebalanceTimeoutMillis = "group", memberID, 15, 60_000
		r.SubscribedTopicNames = []string{"apples", "bananas"}
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{
			{TopicID: [16]byte{1}, Partitions: []int32{0}}, {TopicID: [16]byte{2}, Partitions: []int32{0}},
		}
		h, body, err := b.ParseHeader(wiretest.Frame(wire.KeyConsumerGroupHeartbeat, 1, 77, "test", r)[4:])
		if err != nil {
			t.Fatal(err)
		}
		p := &pending{}
		if err := b.Serve(call(h, body, p)); err != nil {
			t.Fatal(err)
		}
		<-time.After(7 * time.Second)
		synctest.Wait()
		if len(p.answers) != 1 {
			t.Fatalf("%d answers after 7 s, want one", len(p.answers))
		}
		c.want(parse[*kmsg.ConsumerGroupHeartbeatResponse](t, wire.KeyConsumerGroupHeartbeat, 1, p.answers[0]), 0, 15, "apples[0] bananas[0]")
	})
}

// What one cluster refuses is refused, and what the others have done meanwhile is told later.
func TestMemberThatOneClusterRefuses(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	c.c2.code = wire.GroupAuthorizationFailed
	c.c1.members[memberID].next = []int32{1}
	c.want(c.beat(), wire.GroupAuthorizationFailed, 0, "")
	c.c2.code = wire.None
	c.want(c.beat(), 0, 15, "apples[1] bananas[0]")
	c.c2.code = wire.NotCoordinator
	c.want(c.beat(), 0, 15, "null")
	if len(c.f2.doubted) != 1 {
		t.Errorf("doubted %v, want the coordinator", c.f2.doubted)
	}
	c.c2.away = fmt.Errorf("asking: %w", wire.ErrVersion)
	r := c.beat()
	if wire.ErrorCode(r.ErrorCode) != wire.UnsupportedVersion || !strings.Contains(*r.ErrorMessage, "cluster c2") {
		t.Errorf("a cluster that does not know the API: %+v, want UNSUPPORTED_VERSION", r)
	}
}

// A group that reads one cluster's topics is that cluster's: nothing is changed on the way, and no other cluster is asked.
func TestMemberOfOneCluster(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.want(c.full([]string{"bananas"}, nil, nil), 0, 11, "")
	c.c2.members[memberID].next = []int32{0, 1} // 1 is beyond the cap
	c.want(c.beat(), 0, 12, "bananas[0]")
	if len(c.c1.seen) > 0 {
		t.Errorf("c1 is sent %v, want nothing", c.c1.seen)
	}
	c.want(c.full([]string{"bananas", "apples"}, nil, []int32{0}), 0, 13, "bananas[0]") // it subscribes to more
	if len(c.c1.members) != 1 {
		t.Error("it is no member of c1, whose topic it reads now")
	}
	c.epoch = 0
	c.want(c.full([]string{"apples", "zebras"}, nil, nil), wire.TopicAuthorizationFailed, 0, "")
	c.want(c.full([]string{}, nil, nil), 0, 1, "") // at home
}

// A client of version 0 leaves its id to the broker.
func TestMemberWithoutAnID(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.SubscribedTopicNames, r.RebalanceTimeoutMillis = "group", []string{"apples", "bananas"}, 1000
	a := ask(t, c.broker, wire.KeyConsumerGroupHeartbeat, 0, r)
	got := parse[*kmsg.ConsumerGroupHeartbeatResponse](t, wire.KeyConsumerGroupHeartbeat, 0, a)
	if got.MemberID == nil || len(*got.MemberID) != 22 || c.c1.members[*got.MemberID] == nil || c.c2.members[*got.MemberID] == nil {
		t.Errorf("answered %+v, want one id on both clusters", got)
	}
}

// Who may not describe all topics subscribes to none by a regular expression: a cluster would assign to it what nobody reads then.
func TestRegularExpressionOfWhoMayNotDescribeAll(t *testing.T) {
	t.Parallel()
	everything := authorizer.Rule{Allow: true, Principals: []string{"*"}, Operations: authorizer.All, Topics: []string{"*"}, Groups: []string{"*"}}
	hidden := authorizer.Rule{Principals: []string{"*"}, Operations: authorizer.All, Topics: []string{"hidden"}}
	some := everything
	some.Topics = []string{"apples", "bananas*"}
	for name, tt := range map[string]struct {
		rules []authorizer.Rule
		want  wire.ErrorCode
	}{
		"all":          {[]authorizer.Rule{everything}, wire.None},
		"some":         {[]authorizer.Rule{some}, wire.TopicAuthorizationFailed},
		"all but some": {[]authorizer.Rule{hidden, everything}, wire.TopicAuthorizationFailed},
	} {
		c := newConsumer(t)
		c.broker.Authorize(authorizer.New(tt.rules))
		r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		r.Group, r.MemberID, r.RebalanceTimeoutMillis, r.SubscribedTopicRegex = "group", memberID, 1000, new(".*")
		r.SubscribedTopicNames = nil
		a := ask(t, c.broker, wire.KeyConsumerGroupHeartbeat, 1, r)
		got := wire.ErrorCode(parse[*kmsg.ConsumerGroupHeartbeatResponse](t, wire.KeyConsumerGroupHeartbeat, 1, a).ErrorCode)
		if got != tt.want || tt.want != wire.None && len(c.c1.members)+len(c.c2.members) != 0 {
			t.Errorf("%s: %s, %d and %d members, want %s", name, got, len(c.c1.members), len(c.c2.members), tt.want)
		}
	}
}

// Whoever describes a group sees one of all clusters.
func TestDescribeConsumerGroups(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	describe := func() []kmsg.ConsumerGroupDescribeResponseGroup {
		r := kmsg.NewPtrConsumerGroupDescribeRequest()
		r.Groups = []string{"group", "group"}
		a := ask(t, c.broker, wire.KeyConsumerGroupDescribe, 1, r)
		return parse[*kmsg.ConsumerGroupDescribeResponse](t, wire.KeyConsumerGroupDescribe, 1, a).Groups
	}
	if g := describe(); len(g) != 1 || wire.ErrorCode(g[0].ErrorCode) != wire.GroupIDNotFound {
		t.Errorf("a group that is none: %+v, want GROUP_ID_NOT_FOUND, once", g)
	}
	c.join()
	g := describe()[0]
	if g.Epoch != 14 || g.State != "Stable" || g.AssignorName != "uniform" || len(g.Members) != 1 {
		t.Fatalf("described %+v, want a stable group of epoch 14 with one member", g)
	}
	m := g.Members[0]
	var topics []string
	for _, x := range m.Assignment.TopicPartitions {
		topics = append(topics, fmt.Sprint(x.Topic, x.Partitions))
	}
	if diff := cmp.Diff([]string{"apples[0]", "bananas[0]"}, topics); diff != "" || m.MemberEpoch != 14 || len(m.SubscribedTopics) != 2 {
		t.Errorf("described %+v (-want +got):\n%s", m, diff)
	}
	c.c2.away = errors.New("away")
	if g := describe()[0]; g.ErrorCode != 0 || g.Epoch != 2 {
		t.Errorf("with a cluster away: %+v, want what the other says", g)
	}
	c.c1.away = errors.New("away")
	if g := describe()[0]; wire.ErrorCode(g.ErrorCode) != wire.CoordinatorNotAvailable {
		t.Errorf("with both away: %+v, want COORDINATOR_NOT_AVAILABLE", g)
	}
}
