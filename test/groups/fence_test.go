package groups

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// member is one that joins and commits request by request.
type member struct {
	t          *testing.T
	client     *kgo.Client
	group      string
	id         string
	generation int32
}

func newMember(t *testing.T, client *kgo.Client, group string) *member {
	t.Helper()
	m := &member{t: t, client: client, group: group}
	m.join()
	return m
}

// join joins the group alone, and has its leader assign nothing.
func (m *member) join() {
	m.t.Helper()
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType, join.MemberID = m.group, "consumer", m.id
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 60_000, 60_000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}}}
	for {
		said := ask(m.t, m.client, join)
		switch said.ErrorCode {
		case kerr.MemberIDRequired.Code:
			join.MemberID = said.MemberID
			continue
		case kerr.UnknownMemberID.Code: // the coordinator has moved meanwhile
			join.MemberID = ""
			continue
		}
		stack.Check(m.t, kerr.ErrorForCode(said.ErrorCode))
		m.id, m.generation = said.MemberID, said.Generation
		break
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.MemberID, sync.Generation = m.group, m.id, m.generation
	sync.ProtocolType, sync.Protocol = new("consumer"), new("range")
	sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: m.id, MemberAssignment: []byte{}}}
	stack.Check(m.t, kerr.ErrorForCode(ask(m.t, m.client, sync).ErrorCode))
}

// requester is a request that gives its own response.
type requester[R any] interface {
	RequestWith(ctx context.Context, r kmsg.Requestor) (R, error)
}

func ask[R any](t *testing.T, client *kgo.Client, request requester[R]) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said, err := request.RequestWith(ctx, client)
	stack.Check(t, err)
	return said
}

// commit commits an offset of the first partition of each topic, and returns the codes by topic.
func (m *member) commit(offset int64, topics ...string) map[string]string {
	m.t.Helper()
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation = m.group, m.id, m.generation
	for _, topic := range topics {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Offset = offset
		r.Topics = append(r.Topics, kmsg.OffsetCommitRequestTopic{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}})
	}
	codes := map[string]string{}
	for _, t := range ask(m.t, m.client, r).Topics {
		codes[t.Topic] = "NONE"
		if err := kerr.TypedErrorForCode(t.Partitions[0].ErrorCode); err != nil {
			codes[t.Topic] = err.Message
		}
	}
	return codes
}

// Who is no member any more, or of an old generation, or never was one while there are others, commits nothing on any cluster, and is told what a
// broker says.
func TestFence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	apples, bananas := w.topics(t, "fence", 1)
	client := stack.Client(t, w.mesh.Addr)
	m := newMember(t, client, "group-fence")
	want := func(what string, got map[string]string, code string, topics ...string) {
		t.Helper()
		all := map[string]string{}
		for _, topic := range topics {
			all[topic] = code
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	offsets := func(what string, offset int64) {
		t.Helper()
		if a, b := committed(t, w.home, m.group, apples, 0), committed(t, w.another, m.group, bananas, 0); a != offset || b != offset {
			t.Errorf("%s: the clusters have %d and %d, want %d", what, a, b, offset)
		}
		if a, b := offsetIn(t, client, m.group, apples, 0), offsetIn(t, client, m.group, bananas, 0); a != offset || b != offset {
			t.Errorf("%s: the mesh tells of %d and %d, want %d", what, a, b, offset)
		}
	}
	want("a member", m.commit(5, apples, bananas), "NONE", apples, bananas)
	offsets("a member", 5)
	stale := *m
	m.join() // another generation
	want("an old generation", stale.commit(1, apples, bananas), "ILLEGAL_GENERATION", apples, bananas)
	want("an old generation, the other cluster's", stale.commit(1, bananas), "ILLEGAL_GENERATION", bananas)
	got := stale.commit(1, "apples-not-there", bananas)
	if diff := cmp.Diff(map[string]string{"apples-not-there": "UNKNOWN_TOPIC_OR_PARTITION", bananas: "ILLEGAL_GENERATION"}, got); diff != "" {
		t.Errorf("an old generation, and a topic that is not there (-want +got):\n%s", diff)
	}
	offsets("an old generation", 5)
	none := &member{t: t, client: client, group: m.group, generation: -1}
	want("nobody, while there is a member", none.commit(1, apples, bananas), "UNKNOWN_MEMBER_ID", apples, bananas)
	want("nobody, while there is a member, the other cluster's", none.commit(1, bananas), "UNKNOWN_MEMBER_ID", bananas)
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.Members = m.group, []kmsg.LeaveGroupRequestMember{{MemberID: m.id}}
	leave.MemberID = m.id
	stack.Check(t, kerr.ErrorForCode(ask(t, client, leave).ErrorCode))
	want("who has left", m.commit(1, apples, bananas), "UNKNOWN_MEMBER_ID", apples, bananas)
	want("who has left, the other cluster's", m.commit(1, bananas), "UNKNOWN_MEMBER_ID", bananas)
	offsets("who has left", 5)
	want("nobody, when there is no member", none.commit(9, apples, bananas), "NONE", apples, bananas)
	offsets("nobody, when there is no member", 9)
}

// A member of the group that came to the other cluster past the mesh keeps those of the mesh from committing there, and the log says who.
func TestForeignMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	apples, bananas := w.topics(t, "foreign", 1)
	m := newMember(t, stack.Client(t, w.mesh.Addr), "group-foreign")
	direct, err := w.another.Client(byName())
	stack.Check(t, err)
	defer direct.Close()
	stranger := newMember(t, direct, m.group)
	got := m.commit(5, apples, bananas)
	if diff := cmp.Diff(map[string]string{apples: "NONE", bananas: "GROUP_AUTHORIZATION_FAILED"}, got); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	stack.Check(t, w.process.WaitLog(t.Context(), `group \"group-foreign\" has members of its own on cluster kafka_c2`))
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.Members = m.group, []kmsg.LeaveGroupRequestMember{{MemberID: stranger.id}}
	stack.Check(t, kerr.ErrorForCode(ask(t, direct, leave).ErrorCode))
	if got := m.commit(6, bananas); got[bananas] != "NONE" {
		t.Errorf("when it has left: %v, want NONE", got)
	}
}

// Offsets that a live group commits away from its home outlive the retention that the cluster has for groups without members, unlike those that
// are committed there as nobody's.
func TestOffsetsLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, bananas := w.topics(t, "lasting", 1)
	m := newMember(t, stack.Client(t, w.mesh.Addr), "group-lasting")
	if got := m.commit(5, bananas); got[bananas] != "NONE" {
		t.Fatalf("commit: %v", got)
	}
	direct, err := w.another.Client(byName())
	stack.Check(t, err)
	defer direct.Close()
	control := &member{t: t, client: direct, group: "group-forgotten", generation: -1}
	if got := control.commit(5, bananas); got[bananas] != "NONE" {
		t.Fatalf("commit: %v", got)
	}
	end := time.Now().Add(4 * time.Minute)
	for committed(t, w.another, control.group, bananas, 0) != -1 {
		if time.Now().After(end) {
			t.Fatal("the cluster forgets nothing")
		}
		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group, beat.MemberID, beat.Generation = m.group, m.id, m.generation
		ask(t, m.client, beat)
		<-time.After(time.Second)
	}
	if got := committed(t, w.another, m.group, bananas, 0); got != 5 {
		t.Errorf("the live group's offset is %d, want 5", got)
	}
}
