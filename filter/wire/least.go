package wire

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Least is the oldest version in which a request says all that it means. In older ones kmsg leaves out, in silence, what its client relies
// on: what Kafka's own clients refuse to send to a broker that is too old for it. Stable offsets (KIP-447) are none of that: Java's and
// franz-go's consumers always ask for them, and do without where a broker knows none.
func Least(r kmsg.Request) int16 {
	switch r := r.(type) {
	case *kmsg.ListOffsetsRequest:
		return needs(r.IsolationLevel != 0, 2)
	case *kmsg.OffsetCommitRequest:
		return needs(r.InstanceID != nil, 7) // KIP-345
	case *kmsg.OffsetFetchRequest:
		isMember := func(g kmsg.OffsetFetchRequestGroup) bool { return g.MemberID != nil }
		return max(
			needs(r.Topics == nil && len(r.Groups) <= 1, 2), // all topics
			needs(len(r.Groups) > 1, 8),                     // KIP-709
			needs(slices.ContainsFunc(r.Groups, isMember), 9),
		)
	case *kmsg.JoinGroupRequest:
		return needs(r.InstanceID != nil, 5) // KIP-345
	case *kmsg.SyncGroupRequest:
		return needs(r.InstanceID != nil, 3) // KIP-345
	case *kmsg.HeartbeatRequest:
		return needs(r.InstanceID != nil, 3) // KIP-345
	case *kmsg.LeaveGroupRequest:
		only := len(r.Members) == 1 && r.Members[0].InstanceID == nil && r.Members[0].MemberID == r.MemberID
		return needs(len(r.Members) > 0 && !only, 3) // KIP-345
	case *kmsg.ConsumerGroupHeartbeatRequest:
		return needs(r.SubscribedTopicRegex != nil && *r.SubscribedTopicRegex != "", 1) // KIP-1043
	default:
		return 0
	}
}

// needs is version, if something needs it.
func needs(it bool, version int16) int16 {
	if it {
		return version
	}
	return 0
}
