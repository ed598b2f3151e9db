package broker_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// fetchOffsets asks for the offsets of a group's topics; nil: of all.
func fetchOffsets(version int16, topics []string, groups ...string) *kmsg.OffsetFetchRequest {
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group = groups[0]
	r.RequireStable = version >= 7
	var asked []kmsg.OffsetFetchRequestGroupTopic
	for _, name := range topics {
		asked = append(asked, kmsg.OffsetFetchRequestGroupTopic{Topic: name, Partitions: []int32{0, 1}})
		r.Topics = append(r.Topics, kmsg.OffsetFetchRequestTopic{Topic: name, Partitions: []int32{0, 1}})
	}
	for _, name := range groups {
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group, g.Topics = name, asked
		g.MemberEpoch = -1
		r.Groups = append(r.Groups, g)
	}
	return r
}

// offsetsSaid is what was told of a group.
type offsetsSaid struct {
	Code    wire.ErrorCode
	Offsets map[wire.TopicPartition]int64
	Codes   map[wire.TopicPartition]wire.ErrorCode
}

func offsetsTold(t *testing.T, version int16, a broker.Answer) map[string]*offsetsSaid {
	t.Helper()
	r := parse[*kmsg.OffsetFetchResponse](t, wire.KeyOffsetFetch, version, a)
	all := map[string]*offsetsSaid{}
	for _, g := range r.Groups {
		one := &offsetsSaid{Code: wire.ErrorCode(g.ErrorCode)}
		for _, topic := range g.Topics {
			for _, p := range topic.Partitions {
				one.add(topic.Topic, p.Partition, p.Offset, p.ErrorCode)
			}
		}
		all[g.Group] = one
	}
	if version < 8 {
		one := &offsetsSaid{Code: wire.ErrorCode(r.ErrorCode)}
		for _, topic := range r.Topics {
			for _, p := range topic.Partitions {
				one.add(topic.Topic, p.Partition, p.Offset, p.ErrorCode)
			}
		}
		all["g"] = one
	}
	return all
}

func (d *offsetsSaid) add(topic string, partition int32, offset int64, code int16) {
	tp := wire.TopicPartition{Topic: topic, Partition: partition}
	if code != 0 {
		if d.Codes == nil {
			d.Codes = map[wire.TopicPartition]wire.ErrorCode{}
		}
		d.Codes[tp] = wire.ErrorCode(code)
		return
	}
	if d.Offsets == nil {
		d.Offsets = map[wire.TopicPartition]int64{}
	}
	d.Offsets[tp] = offset
}

func at(topic string, partition int32) wire.TopicPartition {
	return wire.TopicPartition{Topic: topic, Partition: partition}
}

// offsetsOfTwo are two clusters with offsets: of their own topics, and of one that is read elsewhere now.
func offsetsOfTwo(c1, c2 *fake, newest int16) (home, other *groupModel) {
	home = (&groupModel{newest: newest, offsets: map[wire.TopicPartition]int64{at("apples", 0): 5, at("bananas", 0): 999}}).play(c1)
	other = (&groupModel{newest: newest, offsets: map[wire.TopicPartition]int64{at("bananas", 0): 6, at("plums", 0): 999}}).play(c2)
	return home, other
}

// Each topic's offsets come from the cluster it is read from, and from no other, in every version of client and cluster.
func TestOffsetFetch(t *testing.T) {
	t.Parallel()
	for version := int16(1); version <= 9; version++ {
		for _, newest := range []int16{5, 7, 8, 9} {
			b, c1, c2 := facade()
			offsetsOfTwo(c1, c2, newest)
			got := offsetsTold(t, version, ask(t, b, wire.KeyOffsetFetch, version, fetchOffsets(version, []string{"bananas", "plums", "apples"}, "g")))
			want := map[string]*offsetsSaid{"g": {
				Offsets: map[wire.TopicPartition]int64{at("apples", 0): 5, at("apples", 1): -1, at("bananas", 0): 6, at("bananas", 1): -1},
				Codes:   map[wire.TopicPartition]wire.ErrorCode{at("plums", 0): wire.TopicAuthorizationFailed, at("plums", 1): wire.TopicAuthorizationFailed},
			}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("v%d, clusters know v%d (-want +got):\n%s", version, newest, diff)
			}
			request := c1.asked[0].request.(*kmsg.OffsetFetchRequest)
			elsewhere := c2.asked[0].request.(*kmsg.OffsetFetchRequest).Groups[0]
			if request.RequireStable != (version >= 7) || request.Groups[0].MemberID != nil || elsewhere.MemberID != nil || elsewhere.MemberEpoch != -1 {
				t.Errorf("v%d: asked %+v at home and %+v elsewhere", version, request, elsewhere)
			}
			if version < 2 {
				continue
			}
			got = offsetsTold(t, version, ask(t, b, wire.KeyOffsetFetch, version, fetchOffsets(version, nil, "g")))
			all := map[string]*offsetsSaid{"g": {Offsets: map[wire.TopicPartition]int64{at("apples", 0): 5, at("bananas", 0): 6}}}
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("v%d, all topics (-want +got):\n%s", version, diff)
			}
		}
	}
}

// A cluster that says that it has no such group, as Kafka does not, has no offsets of it. At home that is the answer.
func TestOffsetFetchWithoutTheGroup(t *testing.T) {
	t.Parallel()
	noGroup := func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
		r := kmsg.NewPtrOffsetFetchResponse()
		r.SetVersion(request.GetVersion())
		r.ErrorCode = int16(wire.GroupIDNotFound)
		r.Groups = []kmsg.OffsetFetchResponseGroup{{Group: "g", ErrorCode: int16(wire.GroupIDNotFound)}}
		return r, nil
	}
	for version := int16(2); version <= 9; version++ {
		b, c1, c2 := facade()
		offsetsOfTwo(c1, c2, 9)
		c2.respond = noGroup
		want := &offsetsSaid{Offsets: map[wire.TopicPartition]int64{at("apples", 0): 5, at("apples", 1): -1, at("bananas", 0): -1, at("bananas", 1): -1}}
		got := offsetsTold(t, version, ask(t, b, wire.KeyOffsetFetch, version, fetchOffsets(version, []string{"apples", "bananas"}, "g")))["g"]
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("v%d (-want +got):\n%s", version, diff)
		}
		want = &offsetsSaid{Offsets: map[wire.TopicPartition]int64{at("apples", 0): 5}}
		got = offsetsTold(t, version, ask(t, b, wire.KeyOffsetFetch, version, fetchOffsets(version, nil, "g")))["g"]
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("v%d, all topics (-want +got):\n%s", version, diff)
		}
		c1.respond = noGroup
		got = offsetsTold(t, version, ask(t, b, wire.KeyOffsetFetch, version, fetchOffsets(version, []string{"apples"}, "g")))["g"]
		if got.Code != wire.GroupIDNotFound {
			t.Errorf("v%d: at home %v, want GROUP_ID_NOT_FOUND", version, got)
		}
	}
}

// A cluster that does not answer gives the group an error, and never an offset of -1.
func TestOffsetFetchFromAClusterThatIsDown(t *testing.T) {
	t.Parallel()
	for version := int16(1); version <= 9; version++ {
		for _, topics := range [][]string{{"apples", "bananas"}, nil} {
			if version < 2 && topics == nil {
				continue
			}
			b, c1, c2 := facade()
			_, other := offsetsOfTwo(c1, c2, 9)
			other.down = true
			got := offsetsTold(t, version, ask(t, b, wire.KeyOffsetFetch, version, fetchOffsets(version, topics, "g")))["g"]
			if version == 1 {
				if len(got.Offsets) > 0 || got.Codes[at("apples", 0)] != wire.CoordinatorNotAvailable || len(got.Codes) != 4 {
					t.Errorf("v1: %+v, want COORDINATOR_NOT_AVAILABLE for each partition", got)
				}
				continue
			}
			if got.Code != wire.CoordinatorNotAvailable || len(got.Offsets) > 0 {
				t.Errorf("v%d: %+v, want COORDINATOR_NOT_AVAILABLE", version, got)
			}
			if len(c2.asked) != 2 {
				t.Errorf("v%d: asked %d times, want once more", version, len(c2.asked))
			}
		}
	}
}

// Of several groups each has its own answer, and a cluster that is down is not asked for each of them.
func TestOffsetFetchOfManyGroups(t *testing.T) {
	t.Parallel()
	groups := make([]string, 500)
	for i := range groups {
		groups[i] = "g" + string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	b, c1, c2 := facade()
	_, other := offsetsOfTwo(c1, c2, 9)
	other.down = true
	got := offsetsTold(t, 8, ask(t, b, wire.KeyOffsetFetch, 8, fetchOffsets(8, []string{"apples", "bananas"}, groups...)))
	if len(got) != len(groups) || got["gaa"].Code != wire.CoordinatorNotAvailable || len(c1.asked) != len(groups) || len(c2.asked) != 2 {
		t.Errorf("%d groups, %+v; asked %d and %d times", len(got), got["gaa"], len(c1.asked), len(c2.asked))
	}
	got = offsetsTold(t, 8, ask(t, b, wire.KeyOffsetFetch, 8, fetchOffsets(8, []string{"apples"}, groups...)))
	if one := got["gaa"]; one.Code != wire.None || one.Offsets[at("apples", 0)] != 5 {
		t.Errorf("%+v, want the offsets of topics of the cluster that is not down", one)
	}
	c1.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) {
		return &kmsg.OffsetFetchResponse{Version: 8, Groups: []kmsg.OffsetFetchResponseGroup{{ErrorCode: int16(wire.GroupAuthorizationFailed)}}}, nil
	}
	if one := offsetsTold(t, 8, ask(t, b, wire.KeyOffsetFetch, 8, fetchOffsets(8, []string{"apples"}, "g")))["g"]; one.Code != wire.GroupAuthorizationFailed {
		t.Errorf("%+v, want the cluster's error", one)
	}
}

// A cluster that says nothing is waited for a few seconds.
func TestOffsetFetchDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c1, c2 := &fake{}, &fake{}
		offsetsOfTwo(c1, c2, 9)
		b := facadeOver(c1, silent{c2})
		h, body, err := b.ParseHeader(wiretest.Frame(wire.KeyOffsetFetch, 8, 77, "test", fetchOffsets(8, []string{"apples", "bananas"}, "g", "h"))[4:])
		if err != nil {
			t.Fatal(err)
		}
		r := &pending{}
		if err := b.Serve(call(h, body, r)); err != nil {
			t.Fatal(err)
		}
		<-time.After(11 * time.Second)
		synctest.Wait()
		if len(r.answers) != 1 {
			t.Fatalf("%d answers, want 1", len(r.answers))
		}
		if got := offsetsTold(t, 8, r.answers[0]); got["g"].Code != wire.CoordinatorNotAvailable || got["h"].Code != wire.CoordinatorNotAvailable {
			t.Errorf("got %+v and %+v, want COORDINATOR_NOT_AVAILABLE", got["g"], got["h"])
		}
	})
}

// What a cluster has said of all topics has to have room.
func TestNoRoomForOffsets(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	home, _ := offsetsOfTwo(c1, c2, 9)
	for i := range int32(1000) {
		home.offsets[at("apples", i)] = 1
	}
	h, body, err := b.ParseHeader(wiretest.Frame(wire.KeyOffsetFetch, 8, 77, "test", fetchOffsets(8, nil, "g"))[4:])
	if err != nil {
		t.Fatal(err)
	}
	r := &pending{full: true}
	if err := b.Serve(call(h, body, r)); err != nil {
		t.Fatal(err)
	}
	if v, ok := errors.AsType[*wire.Violation](r.answers[0].Violation); !ok || v.Reason != wire.ReasonMemoryLimit {
		t.Errorf("%+v, want memory_limit", r.answers[0])
	}
}

// holding is a cluster that keeps what is asked on clients' own connections.
type holding struct {
	*fake

	held *[]func()
}

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (h holding) Own(string) broker.Own { return holdingOwn{fakeOwn{h.fake}, h.held} }

// holdingOwn is a client's own connections to it.
type holdingOwn struct {
	fakeOwn

	held *[]func()
}

// Call implements broker.Own.
func (h holdingOwn) Call(to target.Broker, request kmsg.Request, most int16, within time.Duration, done func(kmsg.Response, error)) {
	*h.held = append(*h.held, func() { h.fakeOwn.Call(to, request, most, within, done) })
}

// What a client asks of a group behind a commit of its own comes after it, though that may take its time: a broker answers in order. It
// holds for all but Heartbeat, and what only looks.
func TestGroupsAreAskedInOrder(t *testing.T) {
	t.Parallel()
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.SessionTimeoutMillis = "g", 10_000
	sync, leave, remove := kmsg.NewPtrSyncGroupRequest(), kmsg.NewPtrLeaveGroupRequest(), kmsg.NewPtrDeleteGroupsRequest()
	sync.Group, leave.Group, remove.Groups = "g", "g", []string{"g"}
	offsets := kmsg.NewPtrOffsetDeleteRequest()
	offsets.Group = "g"
	offsets.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "apples", Partitions: make([]kmsg.OffsetDeleteRequestTopicPartition, 1)}}
	for _, tt := range []struct {
		key     wire.APIKey
		version int16
		request kmsg.Request
	}{
		{wire.KeyOffsetFetch, 8, fetchOffsets(8, []string{"apples"}, "g")},
		{wire.KeyOffsetCommit, 8, commitRequest(who{7, classicMember}, "apples")},
		{wire.KeyJoinGroup, 5, join},
		{wire.KeySyncGroup, 3, sync},
		{wire.KeyLeaveGroup, 2, leave},
		{wire.KeyDeleteGroups, 1, remove},
		{wire.KeyOffsetDelete, 0, offsets},
	} {
		t.Run(tt.key.String(), func(t *testing.T) {
			t.Parallel()
			wantBehindCommit(t, tt.key, tt.version, tt.request)
		})
	}
}

// wantBehindCommit wants a request not to be asked before a commit that came before it has its answer.
func wantBehindCommit(t *testing.T, key wire.APIKey, version int16, request kmsg.Request) {
	t.Helper()
	c1, c2 := &fake{}, &fake{}
	home, _ := offsetsOfTwo(c1, c2, 9)
	home.members = map[string]int32{classicMember: 7}
	var held []func()
	b := facadeOver(holding{c1, &held}, c2)
	client := &broker.Client{}
	commit := serveOn(t, b, client, wire.KeyOffsetCommit, 8, commitRequest(who{7, classicMember}, "apples"))
	behind := serveOn(t, b, client, key, version, request)
	if len(commit.answers)+len(behind.answers)+len(c1.asked)+len(c2.asked) != 0 || len(held) != 1 {
		t.Fatalf("%d and %d answers, %d and %d requests, and %d held; want a commit that waits, and nothing else",
			len(commit.answers), len(behind.answers), len(c1.asked), len(c2.asked), len(held))
	}
	for len(held) > 0 {
		next := held[0]
		held = held[1:]
		next()
	}
	if len(commit.answers) != 1 || len(behind.answers) != 1 {
		t.Errorf("%d and %d answers, want one each", len(commit.answers), len(behind.answers))
	}
}
