package broker_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// What a home answers a client says whether it is a member of the group, and how often that rebalances.
func TestMemberships(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	code := wire.None
	c1.respond = func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
		response := request.ResponseKind()
		setCode(response, code)
		return response, nil
	}
	client := new(broker.Client)
	requests := memberRequests()
	for _, step := range []struct {
		ask        string
		code       wire.ErrorCode
		protocol   broker.Protocol
		rebalances int
	}{
		{"JoinGroup", wire.MemberIDRequired, "absent", 0},
		{"JoinGroup", wire.None, broker.ClassicProtocol, 0},
		{"SyncGroup", wire.None, broker.ClassicProtocol, 1},
		{"Heartbeat", wire.None, broker.ClassicProtocol, 1},
		{"Heartbeat", wire.RebalanceInProgress, broker.ClassicProtocol, 1},
		{"Heartbeat", wire.CoordinatorNotAvailable, broker.ClassicProtocol, 1},
		{"SyncGroup", wire.RebalanceInProgress, broker.ClassicProtocol, 1},
		{"SyncGroup", wire.None, broker.ClassicProtocol, 2},
		{"Heartbeat", wire.UnknownMemberID, broker.NoProtocol, 2},
		{"Heartbeat", wire.None, broker.ClassicProtocol, 2},
		{"LeaveGroup", wire.None, broker.NoProtocol, 2},
	} {
		code = step.code
		of := requests[step.ask]
		askOn(t, b, client, of.key, of.last, of.request(of.last))
		want := []broker.Membership{{Group: "g", Protocol: step.protocol, Home: "c1", Rebalances: step.rebalances}}
		if step.protocol == "absent" {
			want = nil
		}
		got := client.Memberships()
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(broker.Membership{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("after %s is answered %s (-want +got):\n%s", step.ask, step.code, diff)
		}
	}
}

// A refused commit is told of with the cluster that has refused it: the home also where it has kept topics of others from being committed.
func TestWhoRefusesCommits(t *testing.T) {
	t.Parallel()
	live := map[string]int32{classicMember: 7}
	m := who{7, classicMember}
	for name, tc := range map[string]struct {
		who         who
		topics      []string
		home, other groupModel
		cluster     string
		code        wire.ErrorCode
	}{
		"old generation":                {who{6, classicMember}, []string{"apples", "bananas"}, groupModel{members: live}, groupModel{}, "c1", wire.IllegalGeneration},
		"old generation, other first":   {who{6, classicMember}, []string{"bananas", "apples"}, groupModel{members: live}, groupModel{}, "c1", wire.IllegalGeneration},
		"old generation, other's alone": {who{6, classicMember}, []string{"bananas"}, groupModel{members: live}, groupModel{}, "c1", wire.IllegalGeneration},
		"the home is down":              {m, []string{"bananas"}, groupModel{down: true}, groupModel{}, "c1", wire.CoordinatorNotAvailable},
		"the other is down":             {m, []string{"apples", "bananas"}, groupModel{members: live}, groupModel{down: true}, "c2", wire.CoordinatorNotAvailable},
		"members at the other":          {m, []string{"bananas"}, groupModel{members: live}, groupModel{members: map[string]int32{"stranger": 1}}, "c2", wire.GroupAuthorizationFailed},
		"a topic without a rule":        {m, []string{"plums"}, groupModel{members: live}, groupModel{}, "", wire.TopicAuthorizationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c1, c2 := facade()
			tc.home.play(c1)
			tc.other.play(c2)
			var got []broker.RefusedCommit
			b.OnRefusedCommit(func(r broker.RefusedCommit) { got = append(got, r) })
			ask(t, b, wire.KeyOffsetCommit, 9, commitRequest(tc.who, tc.topics...))
			if len(got) != 1 || got[0].Cluster != tc.cluster || got[0].Code != tc.code {
				t.Errorf("%+v, want one that cluster %q has refused with %s", got, tc.cluster, tc.code)
			}
		})
	}
}

// What becomes of a commit whose client is gone meanwhile, or is about to go, is nobody's refusal.
func TestNobodyRefusesWhoLeaves(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*broker.Client){"is gone": (*broker.Client).Release, "is about to go": (*broker.Client).End} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c1, c2 := &fake{}, &fake{}
			(&groupModel{down: true}).play(c1)
			(&groupModel{}).play(c2)
			var held []func()
			b := facadeOver(holding{c1, &held}, c2)
			b.OnRefusedCommit(func(r broker.RefusedCommit) { t.Errorf("told of %+v", r) })
			client := &broker.Client{}
			r := serveOn(t, b, client, wire.KeyOffsetCommit, 8, commitRequest(who{7, classicMember}, "apples"))
			leave(client)
			for len(held) > 0 {
				answer := held[0]
				held = held[1:]
				answer()
			}
			if len(r.answers) != 1 {
				t.Errorf("%d answers, want 1", len(r.answers))
			}
		})
	}
}

// What is remembered of a client's groups is bounded, however many it names and however long their names are.
func TestMembershipsAreBounded(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	(&groupModel{}).play(c1)
	(&groupModel{}).play(c2)
	client := new(broker.Client)
	for _, group := range []string{"1", "2", "3", "4", "5", "2", strings.Repeat("x", 10_000)} {
		request := commitRequest(nobody, "apples")
		request.Group = group
		askOn(t, b, client, wire.KeyOffsetCommit, 8, request)
	}
	var names []string
	for _, m := range client.Memberships() {
		names = append(names, m.Group[:min(2, len(m.Group))])
		if len(m.Group) > 256 {
			t.Errorf("%d bytes are kept of a name", len(m.Group))
		}
	}
	if diff := cmp.Diff([]string{"xx", "2", "5", "4"}, names); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}
