package broker_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// toolbox is a facade with groups: apples' cluster is the home of all.
func toolbox() (*broker.Broker, *fake, *fake, map[string]*heldGroup, map[string]*heldGroup) {
	b, c1, c2 := facade()
	home := map[string]*heldGroup{
		"live":   {coordinator: 4, protocol: "consumer", state: "Stable", kind: "classic", members: map[string][]string{"m": {"apples", "bananas"}}},
		"idle":   {coordinator: 5, protocol: "consumer", state: "Empty", kind: "classic"},
		"simple": {coordinator: 5, state: "Empty", kind: "classic"},
	}
	other := map[string]*heldGroup{
		"live":   {coordinator: 5, state: "Empty", kind: "classic", offsets: []wire.TopicPartition{{Topic: "bananas"}}},
		"gone":   {coordinator: 4, state: "Empty", kind: "classic", offsets: []wire.TopicPartition{{Topic: "bananas"}, {Topic: "bananas", Partition: 1}}},
		"simple": {coordinator: 4, protocol: "consumer", state: "Stable", kind: "consumer", members: map[string][]string{"m": {"bananas"}}},
	}
	holds(c1, home)
	holds(c2, other)
	return b, c1, c2, home, other
}

func listGroups(t *testing.T, b *broker.Broker, version int16, states, types []string) (code wire.ErrorCode, lines []string) {
	t.Helper()
	request := kmsg.NewPtrListGroupsRequest()
	request.StatesFilter, request.TypesFilter = states, types
	r := parse[*kmsg.ListGroupsResponse](t, wire.KeyListGroups, version, ask(t, b, wire.KeyListGroups, version, request))
	for _, g := range r.Groups {
		lines = append(lines, strings.TrimRight(g.Group+" "+g.ProtocolType+" "+g.GroupState+" "+g.GroupType, " "))
	}
	return wire.ErrorCode(r.ErrorCode), lines
}

// Nobody deletes groups or their offsets unless that is allowed.
func TestNobodyDeletesGroupsByDefault(t *testing.T) {
	t.Parallel()
	b, c1, c2, _, _ := toolbox()
	b.LetGroups(broker.AccessRead)
	const denied = wire.GroupAuthorizationFailed
	a := ask(t, b, wire.KeyDeleteGroups, 2, &kmsg.DeleteGroupsRequest{Groups: []string{"idle", "gone"}})
	for _, g := range parse[*kmsg.DeleteGroupsResponse](t, wire.KeyDeleteGroups, 2, a).Groups {
		if wire.ErrorCode(g.ErrorCode) != denied {
			t.Errorf("group %s: %s, want %s", g.Group, wire.ErrorCode(g.ErrorCode), denied)
		}
	}
	request := kmsg.NewPtrOffsetDeleteRequest()
	request.Group = "gone"
	request.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "bananas", Partitions: make([]kmsg.OffsetDeleteRequestTopicPartition, 1)}}
	o := ask(t, b, wire.KeyOffsetDelete, 0, request)
	if code := wire.ErrorCode(parse[*kmsg.OffsetDeleteResponse](t, wire.KeyOffsetDelete, 0, o).ErrorCode); code != denied {
		t.Errorf("offsets: %s, want %s", code, denied)
	}
	if len(c1.asked)+len(c2.asked) > 0 {
		t.Errorf("clusters are asked %d and %d times, want not at all", len(c1.asked), len(c2.asked))
	}
	for _, r := range []broker.Refusal{a.Refusal, o.Refusal} {
		if r.Kind != wire.Administrators || !strings.Contains(r.Why(), "administration.groups") {
			t.Errorf("refused as %s: %q, want an administrator, and what to configure", r.Kind, r.Why())
		}
	}
}

// Each group is listed once, as who has its members says it is, and filtered as it is listed.
func TestListGroups(t *testing.T) {
	t.Parallel()
	gone, idle, live, simple := "gone  Empty classic", "idle consumer Empty classic", "live consumer Stable classic", "simple consumer Stable consumer"
	for _, tt := range []struct {
		name          string
		version       int16
		states, types []string
		want          []string
	}{
		{"all", 5, nil, nil, []string{gone, idle, live, simple}},
		{"stable", 5, []string{"Stable"}, nil, []string{live, simple}},
		{"empty, in another case", 5, []string{"eMPTY"}, nil, []string{gone, idle}},
		{"of two states", 5, []string{"Empty", "Stable"}, nil, []string{gone, idle, live, simple}},
		{"classic", 5, nil, []string{"Classic"}, []string{gone, idle, live}},
		{"of a state and a type", 5, []string{"Stable"}, []string{"consumer"}, []string{simple}},
		{"of a state that there is not", 5, []string{"Lost"}, nil, nil},
		{"without types", 4, []string{"Stable"}, nil, []string{"live consumer Stable", "simple consumer Stable"}},
		{"without states", 3, nil, nil, []string{"gone", "idle consumer", "live consumer", "simple consumer"}},
		{"of old", 0, nil, nil, []string{"gone", "idle consumer", "live consumer", "simple consumer"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, _, _, _, _ := toolbox()
			code, got := listGroups(t, b, tt.version, tt.states, tt.types)
			if diff := cmp.Diff(tt.want, got); diff != "" || code != wire.None {
				t.Errorf("%s, (-want +got):\n%s", code, diff)
			}
		})
	}
}

// A cluster that is down, or too old for what is asked, does not hide the groups of the others.
func TestListGroupsOfSomeClusters(t *testing.T) {
	t.Parallel()
	b, c1, c2, _, _ := toolbox()
	down(c1)
	if code, got := listGroups(t, b, 5, nil, nil); code != wire.None || len(got) != 1 || got[0] != "simple consumer Stable consumer" {
		t.Errorf("the home is down: %s, %q; want the one that is more than offsets at the other cluster", code, got)
	}
	down(c2)
	if code, got := listGroups(t, b, 5, nil, nil); code != wire.CoordinatorNotAvailable || len(got) > 0 {
		t.Errorf("all are down: %s, %q; want COORDINATOR_NOT_AVAILABLE", code, got)
	}
	c1.nodes, c2.nodes = nil, nil
	if code, _ := listGroups(t, b, 5, nil, nil); code != wire.CoordinatorNotAvailable {
		t.Errorf("nobody knows a broker: %s, want COORDINATOR_NOT_AVAILABLE", code)
	}
	b, c1, _, _, _ = toolbox()
	answer := c1.respond
	c1.respond = func(to target.Broker, r kmsg.Request) (kmsg.Response, error) {
		r.SetVersion(min(3, r.GetVersion()))
		return answer(to, r)
	}
	if code, _ := listGroups(t, b, 4, []string{"Stable"}, nil); code != wire.UnsupportedVersion {
		t.Errorf("states of an old cluster: %s, want UNSUPPORTED_VERSION", code)
	}
	if code, got := listGroups(t, b, 4, nil, nil); code != wire.None || len(got) != 4 {
		t.Errorf("no filter, of an old cluster: %s, %q", code, got)
	}
	c1.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) {
		r := kmsg.NewPtrListGroupsResponse()
		r.ErrorCode = int16(wire.CoordinatorLoadInProgress)
		return r, nil
	}
	if code, _ := listGroups(t, b, 5, nil, nil); code != wire.CoordinatorLoadInProgress {
		t.Errorf("a coordinator loads: %s, want COORDINATOR_LOAD_IN_PROGRESS", code)
	}
}

func describeGroups(t *testing.T, b *broker.Broker, version int16, ids ...string) (lines []string) {
	t.Helper()
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = ids
	r := parse[*kmsg.DescribeGroupsResponse](t, wire.KeyDescribeGroups, version, ask(t, b, wire.KeyDescribeGroups, version, request))
	for _, g := range r.Groups {
		lines = append(lines, g.Group+" "+wire.ErrorCode(g.ErrorCode).String()+" "+g.State+" "+strconv.Itoa(len(g.Members)))
	}
	return lines
}

// A group is what its home says; if that has none, what another cluster says; and not there if nobody has it.
func TestDescribeGroups(t *testing.T) {
	t.Parallel()
	for version := range int16(7) {
		nothing := "none NONE Dead 0"
		if version >= 6 {
			nothing = "none GROUP_ID_NOT_FOUND  0"
		}
		b, c1, c2, home, _ := toolbox()
		want := []string{"live NONE Stable 1", "gone NONE Empty 0", nothing, "simple NONE Empty 0"}
		if diff := cmp.Diff(want, describeGroups(t, b, version, "live", "gone", "none", "live", "simple")); diff != "" {
			t.Errorf("v%d (-want +got):\n%s", version, diff)
		}
		if len(c1.asked) != 2 || len(c2.asked) != 2 {
			t.Errorf("v%d: %d and %d requests, want one for each broker", version, len(c1.asked), len(c2.asked))
		}
		home["live"].code = wire.CoordinatorLoadInProgress
		down(c2)
		want = []string{"live COORDINATOR_LOAD_IN_PROGRESS  0", "gone COORDINATOR_NOT_AVAILABLE  0", "idle NONE Empty 0"}
		if diff := cmp.Diff(want, describeGroups(t, b, version, "live", "gone", "idle")); diff != "" {
			t.Errorf("v%d, a cluster is down (-want +got):\n%s", version, diff)
		}
		down(c1)
		if got := describeGroups(t, b, version, "live"); got[0] != "live COORDINATOR_NOT_AVAILABLE  0" {
			t.Errorf("v%d, the home is down: %q", version, got)
		}
	}
}

func deleteGroups(t *testing.T, b *broker.Broker, version int16, ids ...string) (lines []string) {
	t.Helper()
	request := kmsg.NewPtrDeleteGroupsRequest()
	request.Groups = ids
	r := parse[*kmsg.DeleteGroupsResponse](t, wire.KeyDeleteGroups, version, ask(t, b, wire.KeyDeleteGroups, version, request))
	for _, g := range r.Groups {
		lines = append(lines, g.Group+" "+wire.ErrorCode(g.ErrorCode).String())
	}
	return lines
}

// A group is deleted wherever it is, unless it has members anywhere: then nothing is.
func TestDeleteGroups(t *testing.T) {
	t.Parallel()
	for version := range int16(3) {
		b, _, c2, home, other := toolbox()
		want := []string{"live NON_EMPTY_GROUP", "gone NONE", "idle NONE", "none GROUP_ID_NOT_FOUND", "simple NON_EMPTY_GROUP"}
		if diff := cmp.Diff(want, deleteGroups(t, b, version, "live", "gone", "idle", "none", "simple", "gone")); diff != "" {
			t.Errorf("v%d (-want +got):\n%s", version, diff)
		}
		if len(home) != 2 || home["live"] == nil || home["simple"] == nil || len(other) != 2 || other["live"] == nil || other["simple"] == nil {
			t.Errorf("v%d: left are %v and %v, want live and simple", version, home, other)
		}
		delete(home["live"].members, "m")
		down(c2)
		if got := deleteGroups(t, b, version, "live"); got[0] != "live COORDINATOR_NOT_AVAILABLE" || home["live"] == nil {
			t.Errorf("v%d, a cluster is down: %q, and the home has %v; want it to have kept live", version, got, home)
		}
		holds(c2, other)
		if got := deleteGroups(t, b, version, "live"); got[0] != "live NONE" || home["live"] != nil || other["live"] != nil {
			t.Errorf("v%d, the cluster is back: %q, left are %v and %v", version, got, home, other)
		}
	}
}

func deleteOffsetsOf(t *testing.T, b *broker.Broker, group string, partitions ...wire.TopicPartition) (lines []string) {
	t.Helper()
	request := kmsg.NewPtrOffsetDeleteRequest()
	request.Group = group
	for _, p := range partitions {
		request.Topics = append(request.Topics, kmsg.OffsetDeleteRequestTopic{
			Topic: p.Topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: p.Partition}},
		})
	}
	r := parse[*kmsg.OffsetDeleteResponse](t, wire.KeyOffsetDelete, 0, ask(t, b, wire.KeyOffsetDelete, 0, request))
	lines = append(lines, wire.ErrorCode(r.ErrorCode).String())
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			lines = append(lines, topic.Topic+"/"+strconv.Itoa(int(p.Partition))+" "+wire.ErrorCode(p.ErrorCode).String())
		}
	}
	return lines
}

// Offsets are deleted where their topics are read, but not those of topics that the members at the home subscribe to.
func TestOffsetDelete(t *testing.T) {
	t.Parallel()
	b, c1, c2, home, other := toolbox()
	apples, bananas, far := wire.TopicPartition{Topic: "apples"}, wire.TopicPartition{Topic: "bananas"}, wire.TopicPartition{Topic: "bananas", Partition: 9}
	for _, tt := range []struct {
		name, group string
		prepare     func()
		partitions  []wire.TopicPartition
		want        []string
		left        int // offsets of the group on the other cluster
	}{
		{"subscribed to", "live", nil, []wire.TopicPartition{bananas}, []string{"NONE", "bananas/0 GROUP_SUBSCRIBED_TO_TOPIC"}, 1},
		{"while it rebalances", "live", func() {
			home["live"].state, home["live"].members["m"] = "PreparingRebalance", nil
		}, []wire.TopicPartition{bananas}, []string{"NONE", "bananas/0 GROUP_SUBSCRIBED_TO_TOPIC"}, 1},
		{"at the home alone", "live", nil, []wire.TopicPartition{apples}, []string{"NONE", "apples/0 NONE"}, 1},
		{"subscribed to something else", "live", func() {
			home["live"].state, home["live"].members["m"] = "Stable", []string{"apples"}
		}, []wire.TopicPartition{bananas}, []string{"NONE", "bananas/0 NONE"}, 0},
		{"without a home", "gone", nil, []wire.TopicPartition{apples, bananas, far}, []string{"NONE", "apples/0 NONE", "bananas/0 NONE", "bananas/9 UNKNOWN_TOPIC_OR_PARTITION"}, 1},
		{"without a rule", "gone", nil, []wire.TopicPartition{{Topic: "cherries"}, bananas}, []string{"NONE", "cherries/0 TOPIC_AUTHORIZATION_FAILED", "bananas/0 NONE"}, 1},
		{"not there", "none", nil, []wire.TopicPartition{apples, bananas}, []string{"GROUP_ID_NOT_FOUND"}, 0},
		{"of nothing", "live", nil, nil, []string{"NONE"}, 0},
		{"of nothing, and not there", "none", nil, nil, []string{"GROUP_ID_NOT_FOUND"}, 0},
		{"a coordinator loads", "gone", func() { other["gone"].code = wire.CoordinatorLoadInProgress }, []wire.TopicPartition{apples, bananas}, []string{"COORDINATOR_LOAD_IN_PROGRESS"}, 1},
		{"a cluster is down", "live", func() { down(c2) }, []wire.TopicPartition{bananas}, []string{"COORDINATOR_NOT_AVAILABLE"}, 0},
		{"the home is down", "gone", func() { holds(c2, other); down(c1) }, []wire.TopicPartition{bananas}, []string{"COORDINATOR_NOT_AVAILABLE"}, 1},
	} {
		if tt.prepare != nil {
			tt.prepare()
		}
		if diff := cmp.Diff(tt.want, deleteOffsetsOf(t, b, tt.group, tt.partitions...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if g := other[tt.group]; g != nil && len(g.offsets) != tt.left {
			t.Errorf("%s: %v is left, want %d", tt.name, g.offsets, tt.left)
		}
	}
}

func hostileGroups(key wire.APIKey, n int) map[string]kmsg.Request {
	many, long := kmsg.RequestForKey(int16(key)), kmsg.RequestForKey(int16(key))
	names := make([]string, min(n/5, wire.MaxControlElements-1))
	for i := range names {
		names[i] = strconv.FormatInt(int64(i), 36)
	}
	name := strings.Repeat("\x00", min(n, 32767))
	for r, ids := range map[kmsg.Request][]string{many: names, long: {name}} {
		switch r := r.(type) {
		case *kmsg.DescribeGroupsRequest:
			r.Groups = ids
		case *kmsg.DeleteGroupsRequest:
			r.Groups = ids
		case *kmsg.ListGroupsRequest:
			r.StatesFilter = ids
		case *kmsg.OffsetDeleteRequest:
			r.Group = ids[0]
			for _, id := range ids[:min(len(ids), wire.MaxControlElements/2)] {
				r.Topics = append(r.Topics, kmsg.OffsetDeleteRequestTopic{
					Topic: "bananas" + id, Partitions: make([]kmsg.OffsetDeleteRequestTopicPartition, 1),
				})
			}
		}
	}
	return map[string]kmsg.Request{"many": many, "long name": long}
}

// A cluster that does not let us see a group has it not deleted, and the client told why: it would ask again otherwise.
func TestDeletionOfAGroupThatIsHidden(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	c1.respond = func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
		response := request.ResponseKind()
		if described, ok := response.(*kmsg.ConsumerGroupDescribeResponse); ok {
			described.Groups = []kmsg.ConsumerGroupDescribeResponseGroup{{Group: "g", ErrorCode: int16(wire.GroupAuthorizationFailed)}}
		}
		return response, nil
	}
	c2.respond = c1.respond
	request := &kmsg.DeleteGroupsRequest{Groups: []string{"g"}}
	r := parse[*kmsg.DeleteGroupsResponse](t, wire.KeyDeleteGroups, 2, ask(t, b, wire.KeyDeleteGroups, 2, request))
	if code := wire.ErrorCode(r.Groups[0].ErrorCode); code != wire.GroupAuthorizationFailed {
		t.Errorf("told %v, want GROUP_AUTHORIZATION_FAILED", code)
	}
}
