package broker_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// serveElsewhere has another proxy serve a member that has joined, and c1 assign it a partition more there, in the same epoch, as when somebody
// else has given it up. Then the client is back, and the first proxy does not know of that.
func serveElsewhere(t *testing.T) *consumer {
	t.Helper()
	c := newConsumer(t)
	c.join()
	first, f1, f2 := c.broker, c.f1, c.f2
	c.restart()
	c.reconnect()
	c.want(c.beat(), wire.NotCoordinator, 0, "")
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0}), 0, 14, "apples[0] bananas[0]")
	c.c1.members[memberID].assigned = []int32{0, 1}
	c.want(c.full([]string{"apples", "bananas"}, []int32{0}, []int32{0}), 0, 14, "apples[0 1] bananas[0]")
	c.broker, c.f1, c.f2 = first, f1, f2
	c.reconnect()
	return c
}

// What one cluster assigns next is told together with what the others have assigned by now, and not with what this proxy remembers: else the
// client would give up a partition that nobody reads then.
func TestMemberThatWasServedElsewhere(t *testing.T) {
	t.Parallel()
	t.Run("and says what has changed", func(t *testing.T) {
		t.Parallel()
		c := serveElsewhere(t)
		c.want(c.beat(), wire.NotCoordinator, 0, "") // it is to say all it is
		c.want(c.full([]string{"apples", "bananas"}, []int32{0, 1}, []int32{0}), 0, 14, "apples[0 1] bananas[0]")
		c.c2.members[memberID].next = []int32{}
		c.want(c.beat(), 0, 15, "apples[0 1]")
	})
	t.Run("and never says all", func(t *testing.T) {
		t.Parallel()
		c := serveElsewhere(t)
		c.want(c.beat(), wire.NotCoordinator, 0, "")
		c.want(c.beat(), 0, 14, "apples[0 1] bananas[0]")
		c.c2.members[memberID].next = []int32{}
		c.want(c.beat(), 0, 15, "apples[0 1]")
	})
	t.Run("and subscribes to something else", func(t *testing.T) {
		t.Parallel()
		c := serveElsewhere(t)
		r := c.changed()
		r.SubscribedTopicNames = []string{"apples", "bananas", "apples-too"}
		c.want(c.send(r), wire.NotCoordinator, 0, "")
	})
	t.Run("and says all while a cluster is away", func(t *testing.T) {
		t.Parallel()
		c := serveElsewhere(t)
		c.c1.away = errors.New("away")
		c.full([]string{"apples", "bananas"}, []int32{0, 1}, []int32{0})
		c.c1.away = nil
		c.want(c.beat(), 0, 14, "apples[0 1] bananas[0]")
	})
	t.Run("and is told all by each cluster", func(t *testing.T) {
		t.Parallel()
		c := serveElsewhere(t)
		c.full([]string{"apples", "bananas"}, []int32{0, 1}, []int32{0})
		for _, on := range []*coordinator{c.c1, c.c2} {
			last := on.seen[len(on.seen)-1]
			if diff := cmp.Diff([]string{on.name}, last.SubscribedTopicNames); diff != "" || last.Topics == nil || last.RebalanceTimeoutMillis != 60_000 {
				t.Errorf("%s is asked with %+v, which does not say all", on.name, last)
			}
		}
	})
}
