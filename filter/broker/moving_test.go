package broker_test

import (
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// moving is a facade before a scripted cluster of two brokers, whose leaders move.
type moving struct {
	*upstreamtest.Cluster

	t      *testing.T
	facade *broker.Broker

	mu      sync.Mutex
	leaders []int32 // of the partitions of apples
}

// way is the way into a scripted cluster, without connections of clients' own.
type way struct{ *upstream.Cluster }

//nolint:ireturn // as the facade has it
func (way) Own(string) broker.Own { panic("nobody needs one here") }

func withMoving(t *testing.T, f func(m *moving)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &moving{Cluster: upstreamtest.New(2), t: t, leaders: []int32{1, 2}}
		m.CreateTopic("apples", m.leaders...)
		m.Handle(wire.KeyListOffsets, link.Range{Min: 1, Max: 10}, m.listOffsets)
		m.Handle(wire.KeyListGroups, link.Range{Min: 0, Max: 5}, func(id int32, _ kmsg.Request) kmsg.Response {
			r := kmsg.NewPtrListGroupsResponse()
			r.Groups = []kmsg.ListGroupsResponseGroup{{Group: map[int32]string{1: "one", 2: "two"}[id]}}
			return r
		})
		s := upstream.Settings{
			Name: "c1", BootstrapServers: []string{"bootstrap:1"}, ClientID: "test", RequestTimeout: 30 * time.Second,
			MetadataRefreshInterval: 5 * time.Minute, MetadataMaxAge: 15 * time.Minute,
		}
		up := upstream.New(s, m.Cluster, upstream.Thread{Cork: new(cork.Cork)}, statstest.New("c1").Cluster("c1"), slog.New(slog.DiscardHandler))
		table := route.New([]route.Rule{{Cluster: "c1"}})
		routes := route.Tables{Written: table, Read: table, DefaultHome: "c1"}
		m.facade = broker.New(broker.APIs(), routes, map[string]broker.Upstream{"c1": {Cluster: up, Brokers: way{up}}}, wire.TopicAuthorizationFailed, broker.Counts{})
		f(m)
		up.Close(t.Context())
		m.Cut(1)
		m.Cut(2)
	})
}

// listOffsets answers as a broker: for what it leads.
//
//nolint:ireturn // kmsg has one type per API
func (m *moving) listOffsets(id int32, r kmsg.Request) kmsg.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	codes := map[wire.TopicPartition]wire.ErrorCode{}
	for i, leader := range m.leaders {
		if leader != id {
			codes[wire.TopicPartition{Topic: "apples", Partition: int32(i)}] = wire.NotLeaderOrFollower
		}
	}
	response, _ := offsetLister(codes)(target.Node(id), r)
	return response
}

// lead has a broker lead a partition.
func (m *moving) lead(partition, id int32) {
	m.Move("apples", partition, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaders[partition] = id
}

// serve serves a request, whose answer may take its time.
func (m *moving) serve(key wire.APIKey, version int16, request kmsg.Request) broker.Answer {
	m.t.Helper()
	h, body, err := m.facade.ParseHeader(wiretest.Frame(key, version, 77, "test", request)[4:])
	if err != nil {
		m.t.Fatal(err)
	}
	r := &pending{}
	if err := m.facade.Serve(call(h, body, r)); err != nil {
		m.t.Fatal(err)
	}
	for range 60 {
		if synctest.Wait(); len(r.answers) > 0 {
			return r.answers[0]
		}
		bubble.Advance(time.Second)
	}
	m.t.Fatal("no answer in a minute")
	return broker.Answer{}
}

// want asks for the offsets of both partitions.
func (m *moving) want(what string, want ...string) {
	m.t.Helper()
	a := m.serve(wire.KeyListOffsets, 7, listOffsets(offsetsAsked{"apples", 0, -1}, offsetsAsked{"apples", 1, -1}))
	if diff := cmp.Diff(want, listed(parse[*kmsg.ListOffsetsResponse](m.t, wire.KeyListOffsets, 7, a))); diff != "" {
		m.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// A leader that has moved is found by who asks next; one that is down costs only its partitions.
func TestListOffsetsFollowLeaders(t *testing.T) {
	t.Parallel()
	withMoving(t, func(m *moving) {
		m.want("at first", "apples/0 100", "apples/1 201")
		m.lead(0, 2)
		m.want("a leader has moved", "apples/0 NOT_LEADER_OR_FOLLOWER", "apples/1 201")
		m.want("it is found", "apples/0 200", "apples/1 201")
		m.lead(0, 1)
		m.want("it moves back", "apples/0 NOT_LEADER_OR_FOLLOWER", "apples/1 201")
		m.Down(2, true)
		m.want("the other is down", "apples/0 100", "apples/1 NOT_LEADER_OR_FOLLOWER")
		m.lead(1, 1)
		m.want("its partition has moved", "apples/0 100", "apples/1 NOT_LEADER_OR_FOLLOWER")
		m.want("that is found", "apples/0 100", "apples/1 101")
		m.Down(1, true)
		m.want("all are down", "apples/0 NOT_LEADER_OR_FOLLOWER", "apples/1 NOT_LEADER_OR_FOLLOWER")
		m.Down(1, false)
		bubble.Advance(time.Minute)
		m.want("it is back", "apples/0 100", "apples/1 101")
	})
}

// The groups of all brokers that answer are listed; of a cluster that has none of them, there is an error.
func TestListGroupsOfBrokers(t *testing.T) {
	t.Parallel()
	withMoving(t, func(m *moving) {
		want := func(what string, code wire.ErrorCode, want ...string) {
			t.Helper()
			a := m.serve(wire.KeyListGroups, 5, kmsg.NewPtrListGroupsRequest())
			r := parse[*kmsg.ListGroupsResponse](t, wire.KeyListGroups, 5, a)
			var got []string
			for _, g := range r.Groups {
				got = append(got, g.Group)
			}
			if diff := cmp.Diff(want, got); diff != "" || wire.ErrorCode(r.ErrorCode) != code {
				t.Errorf("%s: %s, want %s (-want +got):\n%s", what, wire.ErrorCode(r.ErrorCode), code, diff)
			}
		}
		want("both", wire.None, "one", "two")
		m.Down(2, true)
		want("one is down", wire.None, "one")
		m.Down(1, true)
		want("both are down", wire.CoordinatorNotAvailable)
		m.Down(1, false)
		m.Down(2, false)
		bubble.Advance(time.Minute)
		want("both are back", wire.None, "one", "two")
	})
}
