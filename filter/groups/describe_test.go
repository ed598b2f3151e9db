package groups_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
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
