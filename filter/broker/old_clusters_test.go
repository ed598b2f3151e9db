package broker_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// What a cluster is too old for is refused, and not asked without what makes it what it is.
func TestOldClustersAreAskedNothingElse(t *testing.T) {
	t.Parallel()
	static := func(r kmsg.Request) kmsg.Request {
		switch r := r.(type) {
		case *kmsg.JoinGroupRequest:
			r.Group, r.InstanceID = "g", new("i")
		case *kmsg.SyncGroupRequest:
			r.Group, r.InstanceID = "g", new("i")
		case *kmsg.HeartbeatRequest:
			r.Group, r.InstanceID = "g", new("i")
		case *kmsg.LeaveGroupRequest:
			r.Group, r.Members = "g", []kmsg.LeaveGroupRequestMember{{InstanceID: new("i")}}
		}
		return r
	}
	several := kmsg.NewPtrLeaveGroupRequest()
	several.Group, several.Members = "g", []kmsg.LeaveGroupRequestMember{{MemberID: "m"}, {MemberID: "n"}}
	for _, tc := range []struct {
		name    string
		key     wire.APIKey
		version int16
		request kmsg.Request
		newest  int16 // that the home takes
	}{
		{"joins with an instance id", wire.KeyJoinGroup, 9, static(kmsg.NewPtrJoinGroupRequest()), 4},
		{"syncs with an instance id", wire.KeySyncGroup, 5, static(kmsg.NewPtrSyncGroupRequest()), 2},
		{"lives with an instance id", wire.KeyHeartbeat, 4, static(kmsg.NewPtrHeartbeatRequest()), 2},
		{"leaves with an instance id", wire.KeyLeaveGroup, 5, static(kmsg.NewPtrLeaveGroupRequest()), 2},
		{"several leave", wire.KeyLeaveGroup, 5, several, 2},
	} {
		b, c1, _ := facade()
		c1.newest = map[wire.APIKey]int16{tc.key: tc.newest}
		answered := false
		c1.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) {
			answered = true
			return filled(r.ResponseKind()), nil
		}
		r := parse[kmsg.Response](t, tc.key, tc.version, ask(t, b, tc.key, tc.version, tc.request))
		if code := codeOf(r); code != wire.UnsupportedVersion || answered {
			t.Errorf("%s: %s, asked the home: %t; want UNSUPPORTED_VERSION, and nothing asked", tc.name, code, answered)
		}
		c1.newest[tc.key] = tc.newest + 1
		if ask(t, b, tc.key, tc.version, tc.request); !answered {
			t.Errorf("%s: a home that knows it is not asked", tc.name)
		}
	}
}

// A member that leaves alone leaves a home of any version, and is told what its own version would say.
func TestLeaveAnOldHome(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name         string
		said         wire.ErrorCode
		group, alone wire.ErrorCode
	}{
		{"it has left", wire.None, wire.None, wire.None},
		{"it is none", wire.UnknownMemberID, wire.None, wire.UnknownMemberID},
		{"nobody knows", wire.CoordinatorLoadInProgress, wire.CoordinatorLoadInProgress, wire.None},
	} {
		for newest := range int16(6) {
			for version := range int16(6) {
				b, c1, _ := facade()
				c1.newest = map[wire.APIKey]int16{wire.KeyLeaveGroup: newest}
				said := ""
				c1.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) {
					asked, response := r.(*kmsg.LeaveGroupRequest), kmsg.NewPtrLeaveGroupResponse()
					response.SetVersion(asked.Version)
					if asked.Version < 3 {
						said, response.ErrorCode = asked.MemberID, int16(tc.said)
						return response, nil
					}
					said, response.ErrorCode = asked.Members[0].MemberID, int16(tc.group)
					response.Members = []kmsg.LeaveGroupResponseMember{{MemberID: said, ErrorCode: int16(tc.alone)}}
					return response, nil
				}
				request := kmsg.NewPtrLeaveGroupRequest()
				request.Group, request.MemberID = "g", "m"
				request.Members = []kmsg.LeaveGroupRequestMember{{MemberID: "m"}}
				told := parse[*kmsg.LeaveGroupResponse](t, wire.KeyLeaveGroup, version, ask(t, b, wire.KeyLeaveGroup, version, request))
				group, alone := tc.group, tc.alone
				if version < 3 {
					group, alone = tc.said, wire.None
				} else if len(told.Members) == 1 {
					alone = wire.ErrorCode(told.Members[0].ErrorCode)
				}
				members := version < 3 || tc.group != wire.None || len(told.Members) == 1 && alone == tc.alone && told.Members[0].MemberID == "m"
				if said != "m" || wire.ErrorCode(told.ErrorCode) != group || !members {
					t.Errorf("%s, v%d of a client, v%d of the home: the home was told of %q, the client %+v", tc.name, version, newest, said, told)
				}
			}
		}
	}
}

// A cluster that knows no stable offsets is asked for others, as Java's consumers ask it, which always want them stable if they can be.
func TestStableOffsetsOfAnOldCluster(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	offsetsOfTwo(c1, c2, 9)
	c2.newest = map[wire.APIKey]int16{wire.KeyOffsetFetch: 6}
	(&groupModel{newest: 6, offsets: map[wire.TopicPartition]int64{at("bananas", 0): 6}}).play(c2)
	request := fetchOffsets(9, []string{"bananas"}, "g")
	request.RequireStable = true
	got := offsetsTold(t, 9, ask(t, b, wire.KeyOffsetFetch, 9, request))["g"]
	want := &offsetsSaid{Offsets: map[wire.TopicPartition]int64{at("bananas", 0): 6, at("bananas", 1): -1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Members with a regular expression are told which cluster matches none; those that name topics are served by it.
func TestRegularExpressionOfAnOldCluster(t *testing.T) {
	t.Parallel()
	c := newConsumer(t)
	c.f2.newest = map[wire.APIKey]int16{wire.KeyConsumerGroupHeartbeat: 0}
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.RebalanceTimeoutMillis, r.SubscribedTopicRegex = "group", memberID, 1000, new(".*")
	r.SubscribedTopicNames = nil
	said := c.send(r)
	if wire.ErrorCode(said.ErrorCode) != wire.UnsupportedVersion || !strings.Contains(*said.ErrorMessage, "cluster c2 matches no regular expressions") {
		t.Errorf("answered %+v, want UNSUPPORTED_VERSION and why", said)
	}
	if len(c.c2.seen) > 0 {
		t.Errorf("c2 is sent %+v, without the expression", c.c2.seen[0])
	}
	c.want(c.full([]string{"apples", "bananas"}, nil, nil), 0, 12, "")
	r.SubscribedTopicNames, r.SubscribedTopicRegex, r.MemberEpoch = []string{"apples", "bananas"}, new(""), 0
	r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	c.want(c.send(r), 0, 12, "")
}
