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

// coordinating answers FindCoordinator with codes by group, in this version at most.
func coordinating(f *fake, most int16, codes map[string]wire.ErrorCode) {
	f.respond = func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
		asked := request.(*kmsg.FindCoordinatorRequest)
		r := kmsg.NewPtrFindCoordinatorResponse()
		r.Version = min(most, asked.Version)
		r.NodeID, r.Host, r.Port, r.ErrorCode = 5, "broker-5", 9092, int16(codes[asked.CoordinatorKey])
		for _, group := range asked.CoordinatorKeys {
			one := kmsg.NewFindCoordinatorResponseCoordinator()
			one.Key, one.NodeID, one.Host, one.Port, one.ErrorCode = group, 5, "broker-5", 9092, int16(codes[group])
			r.Coordinators = append(r.Coordinators, one)
		}
		return r, nil
	}
}

func findRequest(groups ...string) *kmsg.FindCoordinatorRequest {
	r := kmsg.NewPtrFindCoordinatorRequest()
	r.CoordinatorKey, r.CoordinatorKeys = groups[0], groups
	return r
}

// The facade coordinates every group that the home has a coordinator for; the other cluster's errors are not told of.
func TestFindCoordinator(t *testing.T) {
	t.Parallel()
	for version := range int16(5) {
		for _, most := range []int16{3, 4} {
			b, c1, c2 := facade()
			coordinating(c1, most, nil)
			coordinating(c2, most, map[string]wire.ErrorCode{"g": wire.CoordinatorNotAvailable})
			r := parse[*kmsg.FindCoordinatorResponse](t, wire.KeyFindCoordinator, version, ask(t, b, wire.KeyFindCoordinator, version, findRequest("g")))
			got := kmsg.FindCoordinatorResponseCoordinator{NodeID: r.NodeID, Host: r.Host, Port: r.Port, ErrorCode: r.ErrorCode}
			if version == 4 {
				got = r.Coordinators[0]
				got.ErrorMessage, got.Key = nil, ""
			}
			want := kmsg.FindCoordinatorResponseCoordinator{NodeID: 0, Host: "mesh.example", Port: 9092}
			if diff := cmp.Diff(want, got, plain()); diff != "" || len(c1.asked) != 1 || len(c2.asked) != 1 {
				t.Errorf("v%d: asked %d and %d times, coordinator (-want +got):\n%s", version, len(c1.asked), len(c2.asked), diff)
			}
		}
	}
}

// Several groups are asked for at once, and each has its own answer.
func TestFindSeveralCoordinators(t *testing.T) {
	t.Parallel()
	b, c1, c2 := facade()
	coordinating(c1, 4, map[string]wire.ErrorCode{"forbidden": wire.GroupAuthorizationFailed})
	coordinating(c2, 4, nil)
	for range 2 {
		r := parse[*kmsg.FindCoordinatorResponse](t, wire.KeyFindCoordinator, 4,
			ask(t, b, wire.KeyFindCoordinator, 4, findRequest("one", "forbidden", "two")))
		got := map[string]wire.ErrorCode{}
		for _, c := range r.Coordinators {
			got[c.Key] = wire.ErrorCode(c.ErrorCode)
			if (c.ErrorCode == 0) != (c.NodeID == 0) || (c.ErrorCode == 0) != (c.Port == 9092) {
				t.Errorf("%+v, want node 0 or an error", c)
			}
		}
		if diff := cmp.Diff(map[string]wire.ErrorCode{"one": 0, "forbidden": 30, "two": 0}, got); diff != "" {
			t.Errorf("codes (-want +got):\n%s", diff)
		}
	}
	if len(c1.asked) != 2 || len(c2.asked) != 1 {
		t.Errorf("the home was asked %d times, the other, which is known to have its topic of offsets, %d; want 2, 1", len(c1.asked), len(c2.asked))
	}
}

func TestFindNoCoordinator(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		kind   int8
		answer error
		want   wire.ErrorCode
	}{
		{"the home is down", 0, errors.New("down"), wire.CoordinatorNotAvailable},
		{"it says why", 0, codedError(wire.ClusterAuthorizationFailed), wire.ClusterAuthorizationFailed},
		{"transactions", 1, nil, wire.TransactionalIDAuthorizationFailed},
		{"share groups", 2, nil, wire.InvalidRequest},
	} {
		for version := int16(1); version <= 4; version++ {
			b, c1, _ := facade()
			c1.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) { return nil, tc.answer }
			request := findRequest("g")
			request.CoordinatorType = tc.kind
			r := parse[*kmsg.FindCoordinatorResponse](t, wire.KeyFindCoordinator, version, ask(t, b, wire.KeyFindCoordinator, version, request))
			got := r.ErrorCode
			if version == 4 {
				got = r.Coordinators[0].ErrorCode
			}
			if wire.ErrorCode(got) != tc.want {
				t.Errorf("%s, v%d: %s, want %s", tc.name, version, wire.ErrorCode(got), tc.want)
			}
		}
	}
}

// silent is a cluster that does not answer.
type silent struct{ *fake }

func (silent) Call(target.Broker, kmsg.Request, int16, func(kmsg.Response, error)) {}

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (silent) Own(string) broker.Own { return silentOwn{} }

// silentOwn is connections of a client's own to one.
type silentOwn struct{ broker.Own }

// Call implements broker.Own.
func (silentOwn) Call(target.Broker, kmsg.Request, int16, time.Duration, func(kmsg.Response, error)) {
}

// A home that does not answer holds up no other for long, and the cluster of other groups holds up nobody.
func TestFindCoordinatorDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c1, c2 := &fake{}, &fake{}
		b := facadeOver(c1, silent{c2})
		coordinating(c1, 4, nil)
		parse[*kmsg.FindCoordinatorResponse](t, wire.KeyFindCoordinator, 4, ask(t, b, wire.KeyFindCoordinator, 4, findRequest("g")))
		h, body, err := b.ParseHeader(wiretest.Frame(wire.KeyFindCoordinator, 4, 77, "test", findRequest("g", "bananas"))[4:])
		if err != nil {
			t.Fatal(err)
		}
		r := &pending{}
		if err := b.Serve(call(h, body, r)); err != nil {
			t.Fatal(err)
		}
		<-time.After(6 * time.Second)
		synctest.Wait()
		if len(r.answers) != 1 {
			t.Fatalf("%d answers, want 1", len(r.answers))
		}
		found := parse[*kmsg.FindCoordinatorResponse](t, wire.KeyFindCoordinator, 4, r.answers[0]).Coordinators
		if found[0].ErrorCode != 0 || wire.ErrorCode(found[1].ErrorCode) != wire.CoordinatorNotAvailable {
			t.Errorf("got %+v, want one coordinator", found)
		}
	})
}

var _ broker.Brokers = silent{}
