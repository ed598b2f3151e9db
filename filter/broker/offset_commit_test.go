package broker_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// classicMember is a member id as brokers make them for the classic protocol.
const classicMember = "client-89abcdef-0123-4567-89ab-cdef01234567"

// who commits.
type who struct {
	generation int32
	member     string
}

var nobody = who{-1, ""}

func commitRequest(w who, topics ...string) *kmsg.OffsetCommitRequest {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.Generation, r.MemberID = "g", w.generation, w.member
	for i, name := range topics {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Offset, p.LeaderEpoch, p.Metadata = int64(10+i), 4, new("mine")
		r.Topics = append(r.Topics, kmsg.OffsetCommitRequestTopic{Topic: name, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}})
	}
	return r
}

// commitCodes are the codes of an answer, by topic.
func commitCodes(t *testing.T, version int16, a broker.Answer) map[string]wire.ErrorCode {
	t.Helper()
	r := parse[*kmsg.OffsetCommitResponse](t, wire.KeyOffsetCommit, version, a)
	codes := map[string]wire.ErrorCode{}
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			codes[topic.Topic] = wire.ErrorCode(p.ErrorCode)
		}
	}
	return codes
}

// What is committed is kept where the topics are, if the group's home says that the member may.
func TestOffsetCommit(t *testing.T) {
	t.Parallel()
	live := map[string]int32{classicMember: 7}
	m := who{7, classicMember}
	const both, apples, bananas = "both", "apples", "bananas"
	for _, tc := range []struct {
		name          string
		who           who
		topics        []string
		home, other   groupModel
		want          []wire.ErrorCode
		checks        int  // at the home
		kept, keptToo bool // at the home, and at the other
	}{
		{"both", m, []string{apples, bananas}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{0, 0}, 0, true, true},
		{"the home's alone", m, []string{apples}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{0}, 0, true, false},
		{"the other's alone", m, []string{bananas}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{0}, 1, false, true},
		{"the other's, while the group begins to rebalance", m, []string{bananas}, groupModel{members: live, rebalancing: true}, groupModel{}, []wire.ErrorCode{0}, 1, false, true},
		{"both, of which the home does not know its", m, []string{"apples-gone", bananas}, groupModel{members: live, unknown: []string{"apples-gone"}}, groupModel{}, []wire.ErrorCode{wire.UnknownTopicOrPartition, 0}, 1, false, true},
		{"old generation, both", who{6, classicMember}, []string{apples, bananas}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{wire.IllegalGeneration, wire.IllegalGeneration}, 0, false, false},
		{"old generation, the other's", who{6, classicMember}, []string{bananas}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{wire.IllegalGeneration}, 1, false, false},
		{"old generation, and a topic that the home does not know", who{6, classicMember}, []string{"apples-gone", bananas}, groupModel{members: live, unknown: []string{"apples-gone"}}, groupModel{}, []wire.ErrorCode{wire.UnknownTopicOrPartition, wire.IllegalGeneration}, 1, false, false},
		{"kicked out, both", who{7, "x" + classicMember}, []string{apples, bananas}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{wire.UnknownMemberID, wire.UnknownMemberID}, 0, false, false},
		{"kicked out, the other's", who{7, "x" + classicMember}, []string{bananas}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{wire.UnknownMemberID}, 1, false, false},
		{"nobody, and no members", nobody, []string{apples, bananas}, groupModel{}, groupModel{}, []wire.ErrorCode{0, 0}, 0, true, true},
		{"nobody, no members, the other's", nobody, []string{bananas}, groupModel{}, groupModel{}, []wire.ErrorCode{0}, 1, false, true},
		{"nobody while members live", nobody, []string{apples, bananas}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{wire.UnknownMemberID, wire.UnknownMemberID}, 0, false, false},
		{"nobody while members live, the other's", nobody, []string{bananas}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{wire.UnknownMemberID}, 1, false, false},
		{"members at the other", m, []string{apples, bananas}, groupModel{members: live}, groupModel{members: map[string]int32{"stranger": 1}}, []wire.ErrorCode{0, wire.GroupAuthorizationFailed}, 0, true, false},
		{"the home is down", m, []string{apples, bananas}, groupModel{down: true}, groupModel{}, []wire.ErrorCode{wire.CoordinatorNotAvailable, wire.CoordinatorNotAvailable}, 0, false, false},
		{"the home is down, the other's", m, []string{bananas}, groupModel{down: true}, groupModel{}, []wire.ErrorCode{wire.CoordinatorNotAvailable}, 0, false, false},
		{"the other is down", m, []string{apples, bananas}, groupModel{members: live}, groupModel{down: true}, []wire.ErrorCode{0, wire.CoordinatorNotAvailable}, 0, true, false},
		{"a topic without a rule", m, []string{apples, "plums"}, groupModel{members: live}, groupModel{}, []wire.ErrorCode{0, wire.TopicAuthorizationFailed}, 0, true, false},
		{"nothing", m, nil, groupModel{}, groupModel{}, nil, 0, false, false},
	} {
		for version := int16(2); version <= 9; version++ {
			b, c1, c2 := facade()
			homeCopy, otherCopy := tc.home, tc.other
			home, other := homeCopy.play(c1), otherCopy.play(c2)
			got := commitCodes(t, version, ask(t, b, wire.KeyOffsetCommit, version, commitRequest(tc.who, tc.topics...)))
			want := map[string]wire.ErrorCode{}
			for i, code := range tc.want {
				want[tc.topics[i]] = code
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s v%d: codes (-want +got):\n%s", tc.name, version, diff)
			}
			if len(home.checks) != tc.checks || len(home.offsets) > 0 != tc.kept || len(other.offsets) > 0 != tc.keptToo {
				t.Errorf("%s v%d: %d checks, kept %v and %v; want %d, %t, %t", tc.name, version,
					len(home.checks), home.offsets, other.offsets, tc.checks, tc.kept, tc.keptToo)
			}
			for _, a := range append(c1.asked, c2.asked...) {
				if !a.own {
					t.Errorf("%s: %T on a connection that clients share", tc.name, a.request)
				}
			}
		}
	}
}

// The home gets what the client said; the other cluster an offset of nobody's, in the version that says how long to keep it.
func TestHowOffsetsAreCommitted(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * 3600 * 1000
	for _, tc := range []struct {
		version, oldest int16
		retention       int64
		want            string
	}{
		{9, 0, -1, fmt.Sprintf("v9 7 "+classicMember+" i -1, v4 -1   %d", year)},
		{2, 0, 5000, "v2 7 " + classicMember + "  5000, v4 -1   5000"},
		{7, 5, -1, fmt.Sprintf("v7 7 "+classicMember+" i -1, v9 -1   %d", year)},
	} {
		b, c1, c2 := facade()
		home := (&groupModel{members: map[string]int32{classicMember: 7}}).play(c1)
		other := (&groupModel{oldest: tc.oldest}).play(c2)
		request := commitRequest(who{7, classicMember}, "bananas", "apples")
		request.InstanceID, request.RetentionTimeMillis = new("i"), tc.retention
		if tc.version < 7 {
			request.InstanceID = nil
		}
		got := commitCodes(t, tc.version, ask(t, b, wire.KeyOffsetCommit, tc.version, request))
		if got["apples"] != 0 || got["bananas"] != 0 {
			t.Errorf("v%d: %v", tc.version, got)
		}
		text := func(r *kmsg.OffsetCommitRequest) string {
			instance := ""
			if r.InstanceID != nil {
				instance = *r.InstanceID
			}
			return fmt.Sprintf("v%d %d %s %s %d", r.Version, r.Generation, r.MemberID, instance, r.RetentionTimeMillis)
		}
		said := text(home.commits[0]) + ", " + text(other.commits[0])
		if said != tc.want {
			t.Errorf("v%d: committed %q, want %q", tc.version, said, tc.want)
		}
		if p := other.commits[0].Topics[0].Partitions[0]; *p.Metadata != "mine" || p.Offset != 10 {
			t.Errorf("v%d: %+v, want the client's offset and metadata", tc.version, p)
		}
	}
}

// Members of a group on a cluster that is not its home are told of, by name and cluster.
func TestForeignMembersAreToldOf(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	(&groupModel{members: map[string]int32{classicMember: 7}}).play(c1)
	(&groupModel{members: map[string]int32{"stranger": 1}}).play(c2)
	a := ask(t, b, wire.KeyOffsetCommit, 8, commitRequest(who{7, classicMember}, "bananas"))
	if want := `group "g" has members of its own on cluster c2, which is not its home`; a.Refusal.Why() != want || a.Refusal.Code != wire.GroupAuthorizationFailed {
		t.Errorf("refusal %+v: %s; want GROUP_AUTHORIZATION_FAILED: %s", a.Refusal, a.Refusal.Why(), want)
	}
}
