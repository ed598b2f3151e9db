package broker_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// commit commits an offset of both topics, and says what becomes of each.
func (c *consumer) commit(epoch int32, offset int64) (codes [2]wire.ErrorCode) {
	c.t.Helper()
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation = "group", memberID, epoch
	for _, topic := range []string{"apples", "bananas"} {
		r.Topics = append(r.Topics, kmsg.OffsetCommitRequestTopic{
			Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 0, Offset: offset}},
		})
	}
	a := ask(c.t, c.broker, wire.KeyOffsetCommit, 9, r)
	for i, t := range parse[*kmsg.OffsetCommitResponse](c.t, wire.KeyOffsetCommit, 9, a).Topics {
		codes[i] = wire.ErrorCode(t.Partitions[0].ErrorCode)
	}
	return codes
}

// fetch asks for the offsets of both topics.
func (c *consumer) fetch(epoch int32) (offsets [2]int64, code wire.ErrorCode) {
	c.t.Helper()
	r := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.MemberID, g.MemberEpoch = "group", new(memberID), epoch
	for _, topic := range []string{"apples", "bananas"} {
		g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: topic, Partitions: []int32{0}})
	}
	r.Groups = append(r.Groups, g)
	a := ask(c.t, c.broker, wire.KeyOffsetFetch, 9, r)
	told := parse[*kmsg.OffsetFetchResponse](c.t, wire.KeyOffsetFetch, 9, a).Groups[0]
	for i, t := range told.Topics {
		offsets[i] = t.Partitions[0].Offset
	}
	return offsets, wire.ErrorCode(told.ErrorCode)
}

// Offsets are kept where the topics are, each cluster fences by its own epoch, and a proxy that knows nothing asks for these.
func TestMembersOffsets(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.join()
	both := func(code wire.ErrorCode) [2]wire.ErrorCode { return [2]wire.ErrorCode{code, code} }
	if got := c.commit(14, 5); got != both(wire.None) || c.c1.commits["apples"] != 5 || c.c2.commits["bananas"] != 5 {
		t.Errorf("committed with %v, stored %v and %v; want both", got, c.c1.commits, c.c2.commits)
	}
	if offsets, code := c.fetch(14); offsets != [2]int64{5, 5} || code != wire.None {
		t.Errorf("fetched %v, %s", offsets, code)
	}
	c.c2.members[memberID].next = []int32{}
	c.want(c.beat(), 0, 15, "apples[0]")
	if got, want := c.commit(14, 6), ([2]wire.ErrorCode{wire.None, wire.StaleMemberEpoch}); got != want {
		t.Errorf("committed with %v by the epoch before, want %v: c1 has the same still", got, want)
	}
	c.restart()
	if got := c.commit(14, 7); got != both(wire.StaleMemberEpoch) {
		t.Errorf("committed with %v by an epoch that is over, want STALE_MEMBER_EPOCH", got)
	}
	if got := c.commit(15, 8); got != both(wire.None) || c.c1.commits["apples"] != 8 || c.c2.commits["bananas"] != 8 {
		t.Errorf("committed with %v, stored %v and %v; want both", got, c.c1.commits, c.c2.commits)
	}
	c.want(c.beat(), wire.NotCoordinator, 0, "") // what it reads is not known yet
	c.restart()
	if offsets, code := c.fetch(15); offsets != [2]int64{8, 8} || code != wire.None {
		t.Errorf("fetched %v, %s of a proxy that knows nothing", offsets, code)
	}
	if _, code := c.fetch(14); code != wire.StaleMemberEpoch {
		t.Errorf("fetched with %s by an epoch that is over, want STALE_MEMBER_EPOCH", code)
	}
	clear(c.c1.members)
	clear(c.c2.members)
	if got := c.commit(15, 9); got != both(wire.UnknownMemberID) {
		t.Errorf("committed with %v by a member that is none any more, want UNKNOWN_MEMBER_ID", got)
	}
	c.restart()
	c.c1.away, c.c2.away = errors.New("away"), errors.New("away")
	if got := c.commit(15, 9); got != both(wire.CoordinatorNotAvailable) {
		t.Errorf("committed with %v while no cluster answers, want COORDINATOR_NOT_AVAILABLE", got)
	}
}

// A member of the classic protocol that has joined while its group was of the new one has an id like members of that. When the group is of the
// classic protocol again it is told its offsets as any other; who is none of a group of the new protocol is told so.
func TestOffsetsOfAGroupThatIsClassicAgain(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.c1.classic = true
	c.c1.commits, c.c2.commits = map[string]int64{"apples": 5}, map[string]int64{"bananas": 6}
	if offsets, code := c.fetch(9); offsets != [2]int64{5, 6} || code != wire.None {
		t.Errorf("fetched %v, %s in a group of the classic protocol, want 5, 6 and NONE", offsets, code)
	}
	c.c1.classic = false
	c.join()
	c.c1.members[another], c.c2.members[another] = c.c1.members[memberID], c.c2.members[memberID]
	delete(c.c1.members, memberID)
	delete(c.c2.members, memberID)
	c.restart()
	if _, code := c.fetch(14); code != wire.UnknownMemberID {
		t.Errorf("fetched with %s by who is no member, want UNKNOWN_MEMBER_ID", code)
	}
}
