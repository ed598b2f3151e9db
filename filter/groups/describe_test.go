package groups_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Epochs of a member are added, but for that of a static member that has left one cluster until it comes again.
func TestDescribedEpochs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		first, second int32
		want          int32
	}{
		{"on both", 3, 4, 7},
		{"left both", -2, -2, -2},
		{"left the first", -2, 4, 4},
		{"left the second", 3, -2, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			said := func(epoch int32) *kmsg.ConsumerGroupDescribeResponseGroup {
				m := kmsg.NewConsumerGroupDescribeResponseGroupMember()
				m.MemberID, m.InstanceID, m.MemberEpoch = "m", new("i"), epoch
				return &kmsg.ConsumerGroupDescribeResponseGroup{Members: []kmsg.ConsumerGroupDescribeResponseGroupMember{m}}
			}
			k := groups.Known{Said: map[string]*kmsg.ConsumerGroupDescribeResponseGroup{"c1": said(c.first), "c2": said(c.second)}}
			if got := k.Describe("g", nil).Members; len(got) != 1 || got[0].MemberEpoch != c.want {
				t.Errorf("members %+v, want one of epoch %d", got, c.want)
			}
		})
	}
}

// A cluster that lets the mesh's user have nothing to do with a group has nobody of it; one that does not answer may.
func TestDeniedIsNotMissing(t *testing.T) {
	t.Parallel()
	type answers = map[string]*kmsg.ConsumerGroupDescribeResponseGroup
	refused := func(code wire.ErrorCode) *kmsg.ConsumerGroupDescribeResponseGroup {
		return &kmsg.ConsumerGroupDescribeResponseGroup{ErrorCode: int16(code)}
	}
	m := kmsg.NewConsumerGroupDescribeResponseGroupMember()
	m.MemberID, m.MemberEpoch = "m", 3
	has := &kmsg.ConsumerGroupDescribeResponseGroup{Members: []kmsg.ConsumerGroupDescribeResponseGroupMember{m}}
	for _, c := range []struct {
		name    string
		said    answers
		refused answers
		missing []string
		epoch   int32
		want    wire.ErrorCode
	}{
		{"by all", nil, answers{"c1": refused(wire.GroupAuthorizationFailed)}, []string{"c1"}, 3, wire.GroupAuthorizationFailed},
		{"by one, and the member's epoch", answers{"c1": has}, answers{"c2": refused(wire.GroupAuthorizationFailed)}, []string{"c2"}, 3, wire.None},
		{"by one, and another epoch", answers{"c1": has}, answers{"c2": refused(wire.GroupAuthorizationFailed)}, []string{"c2"}, 2, wire.FencedMemberEpoch},
		{"by one, and one is away", nil, answers{"c1": refused(wire.GroupAuthorizationFailed)}, []string{"c1", "c2"}, 3, wire.CoordinatorNotAvailable},
		{"one does not tell", nil, answers{"c1": refused(wire.TopicAuthorizationFailed)}, []string{"c1"}, 3, wire.CoordinatorNotAvailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := groups.Known{Said: c.said, Refused: c.refused, Missing: c.missing}
			if _, code := k.Member(groups.Key{Group: "g", Member: "m"}, c.epoch, nil, nil); code != c.want {
				t.Errorf("it is %s, want %s", code, c.want)
			}
		})
	}
}
