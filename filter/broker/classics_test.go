package broker_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// A group that has members of the classic protocol, at its home, takes none of the new one that would read topics of other clusters. Of its
// own topics the home says so itself.
func TestMemberOfAClassicGroup(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		topics  []string
		classic bool
		away    error
		want    wire.ErrorCode
	}{
		{"both clusters' topics", []string{"apples", "bananas"}, true, nil, wire.GroupIDNotFound},
		{"the other's topics", []string{"bananas"}, true, nil, wire.GroupIDNotFound},
		{"the home's topics", []string{"apples"}, true, nil, wire.None},
		{"none are classic", []string{"apples", "bananas"}, false, nil, wire.None},
		{"nobody knows", []string{"apples", "bananas"}, true, errors.New("away"), wire.None},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newConsumer(t)
			c.c1.classic, c.c1.away = tc.classic, tc.away
			said := c.full(tc.topics, nil, nil)
			if wire.ErrorCode(said.ErrorCode) != tc.want {
				t.Errorf("%s: answered %s, want %s", tc.name, wire.ErrorCode(said.ErrorCode), tc.want)
			}
			if tc.want == wire.None {
				return
			}
			if len(c.c1.seen)+len(c.c2.seen) > 0 || !strings.Contains(*said.ErrorMessage, `group "group" has members with group.protocol=classic on cluster c1`) {
				t.Errorf("%s: answered %s, want it to name group and cluster, and no cluster to be joined", tc.name, *said.ErrorMessage)
			}
			c.c1.classic = false // they have left
			bubble.Advance(time.Second)
			c.epoch = 0
			c.want(c.full([]string{"apples", "bananas"}, nil, nil), 0, 12, "")
		})
	}
}

// However often clients join, the home is asked once a second at most whether a group has members of the classic protocol.
func TestJoiningAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newConsumer(t)
		asked := func() (n int) {
			for _, a := range c.f1.asked {
				if _, ok := a.request.(*kmsg.DescribeGroupsRequest); ok {
					n++
				}
			}
			return n
		}
		for seconds := range 3 {
			for range 100 {
				c.epoch = 0
				c.full([]string{"apples", "bananas"}, nil, nil)
			}
			if got, want := asked(), seconds+1; got != want {
				t.Errorf("the home is asked %d times in %d seconds, want %d", got, seconds+1, want)
			}
			bubble.Advance(time.Second)
		}
	})
}

// A home that says nothing holds up no joining for long.
func TestJoinWithoutTheHome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newConsumer(t)
		b := facadeOver(silent{c.f1}, c.f2)
		r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		r.Group, r.MemberID, r.RebalanceTimeoutMillis = "group", memberID, 60_000
		r.SubscribedTopicNames, r.Topics = []string{"bananas"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		h, body, err := b.ParseHeader(wiretest.Frame(wire.KeyConsumerGroupHeartbeat, 1, 77, "test", r)[4:])
		if err != nil {
			t.Fatal(err)
		}
		p := &pending{}
		if err := b.Serve(call(h, body, p)); err != nil {
			t.Fatal(err)
		}
		bubble.Advance(4 * time.Second)
		synctest.Wait()
		if len(p.answers) != 1 {
			t.Fatalf("%d answers after 4 s, want one", len(p.answers))
		}
		c.want(parse[*kmsg.ConsumerGroupHeartbeatResponse](t, wire.KeyConsumerGroupHeartbeat, 1, p.answers[0]), 0, 11, "")
	})
}
