package broker_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// member are the requests of one, with all that they can say, and what is asked where they go.
type memberRequest struct {
	key     wire.APIKey
	last    int16
	request func(version int16) kmsg.Request
	own     bool // on a connection of the client's own
	again   bool // it is sent again if there was no answer
}

func memberRequests() map[string]memberRequest {
	return map[string]memberRequest{
		"JoinGroup": {key: wire.KeyJoinGroup, last: 9, own: true, request: func(int16) kmsg.Request {
			return &kmsg.JoinGroupRequest{
				Group: "g", SessionTimeoutMillis: 45_000, RebalanceTimeoutMillis: 300_000, MemberID: "m", InstanceID: new("i"), ProtocolType: "consumer",
				Protocols: []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 1, 2}}}, Reason: new("why"),
			}
		}},
		"SyncGroup": {key: wire.KeySyncGroup, last: 5, own: true, request: func(int16) kmsg.Request {
			return &kmsg.SyncGroupRequest{
				Group: "g", Generation: 3, MemberID: "m", InstanceID: new("i"), ProtocolType: new("consumer"), Protocol: new("range"),
				GroupAssignment: []kmsg.SyncGroupRequestGroupAssignment{{MemberID: "m", MemberAssignment: []byte{9, 8}}},
			}
		}},
		"Heartbeat": {key: wire.KeyHeartbeat, last: 4, again: true, request: func(int16) kmsg.Request {
			return &kmsg.HeartbeatRequest{Group: "g", Generation: 3, MemberID: "m", InstanceID: new("i")}
		}},
		"LeaveGroup": {key: wire.KeyLeaveGroup, last: 5, request: func(version int16) kmsg.Request {
			if version < 3 {
				return &kmsg.LeaveGroupRequest{Group: "g", MemberID: "m"}
			}
			return &kmsg.LeaveGroupRequest{Group: "g", Members: []kmsg.LeaveGroupRequestMember{{MemberID: "m", InstanceID: new("i"), Reason: new("why")}}}
		}},
	}
}

// atVersion is a message as it is after it was written in a version.
func atVersion(t *testing.T, version int16, written interface {
	SetVersion(version int16)
	AppendTo(dst []byte) []byte
}, empty interface {
	SetVersion(version int16)
	ReadFrom(src []byte) error
},
) {
	t.Helper()
	written.SetVersion(version)
	empty.SetVersion(version)
	if err := empty.ReadFrom(written.AppendTo(nil)); err != nil {
		t.Fatal(err)
	}
}

// What a member asks goes to the coordinator at the home as it came, in the client's version, and what comes back goes back.
func TestMembersAreAtHome(t *testing.T) {
	t.Parallel()
	for name, m := range memberRequests() {
		for version := range m.last + 1 {
			b, c1, c2 := facade()
			var told kmsg.Response
			c1.respond = func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
				told = filled(request.ResponseKind())
				told.SetVersion(request.GetVersion())
				return told, nil
			}
			a := ask(t, b, m.key, version, m.request(version))
			if len(c1.asked) != 1 || len(c2.asked) != 0 {
				t.Fatalf("%s v%d: %d and %d requests, want one to the home", name, version, len(c1.asked), len(c2.asked))
			}
			got := c1.asked[0]
			if got.to != target.Coordinator("g") || got.own != m.own {
				t.Errorf("%s v%d: asked of %s, own %t", name, version, got.to, got.own)
			}
			upstream := max(version, 2)
			if name != "JoinGroup" {
				upstream = version
			}
			if got.request.GetVersion() != upstream {
				t.Errorf("%s v%d: asked in version %d, want %d", name, version, got.request.GetVersion(), upstream)
			}
			want := kmsg.RequestForKey(int16(m.key))
			atVersion(t, version, m.request(version), want)
			if join, ok := want.(*kmsg.JoinGroupRequest); ok && version == 0 {
				join.RebalanceTimeoutMillis = join.SessionTimeoutMillis
			}
			want.SetVersion(got.request.GetVersion())
			if diff := cmp.Diff(want, got.request, plain()); diff != "" {
				t.Errorf("%s v%d: request (-want +got):\n%s", name, version, diff)
			}
			wantResponse := kmsg.ResponseForKey(int16(m.key))
			atVersion(t, version, told, wantResponse)
			if diff := cmp.Diff(wantResponse, parse[kmsg.Response](t, m.key, version, a), plain()); diff != "" {
				t.Errorf("%s v%d: response (-want +got):\n%s", name, version, diff)
			}
		}
	}
}

// filled is a response with something in it.
//
//nolint:ireturn // kmsg has one type per API
func filled(r kmsg.Response) kmsg.Response {
	switch r := r.(type) {
	case *kmsg.JoinGroupResponse:
		r.ErrorCode, r.Generation, r.ProtocolType, r.Protocol, r.LeaderID, r.MemberID = 0, 7, new("consumer"), new("range"), "l", "m"
		r.Members = []kmsg.JoinGroupResponseMember{{MemberID: "m", InstanceID: new("i"), ProtocolMetadata: []byte{4, 5}}}
	case *kmsg.SyncGroupResponse:
		r.ProtocolType, r.Protocol, r.MemberAssignment = new("consumer"), new("range"), []byte{6}
	case *kmsg.HeartbeatResponse:
		r.ErrorCode = int16(wire.RebalanceInProgress)
	case *kmsg.LeaveGroupResponse:
		r.Members = []kmsg.LeaveGroupResponseMember{{MemberID: "m", InstanceID: new("i"), ErrorCode: int16(wire.UnknownMemberID)}}
	}
	return r
}

// A coordinator that has moved is doubted, and asked for once more at once. Without an answer only what does no harm is sent again.
func TestCoordinatorsMoveAndAreLost(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	for name, m := range memberRequests() {
		again := 1
		if m.again {
			again = 2
		}
		for _, tc := range []struct {
			name           string
			answers        []any // codes and errors
			want           wire.ErrorCode
			asked, doubted int
		}{
			{"moved", []any{wire.NotCoordinator, wire.None}, wire.None, 2, 1},
			{"moved twice", []any{wire.NotCoordinator, wire.NotCoordinator}, wire.NotCoordinator, 2, 2},
			{"not available", []any{wire.CoordinatorNotAvailable}, wire.CoordinatorNotAvailable, 1, 1},
			{"fenced", []any{wire.IllegalGeneration}, wire.IllegalGeneration, 1, 0},
			{"lost", []any{lost, lost}, wire.CoordinatorNotAvailable, again, 0},
			{"nobody coordinates", []any{codedError(wire.GroupAuthorizationFailed)}, wire.GroupAuthorizationFailed, 1, 0},
			{"too old", []any{wire.ErrVersion}, wire.UnsupportedVersion, 1, 0},
		} {
			b, c1, _ := facade()
			c1.respond = func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
				answer := tc.answers[min(len(c1.asked), len(tc.answers))-1]
				if err, failed := answer.(error); failed {
					return nil, err
				}
				r := request.ResponseKind()
				setCode(r, answer.(wire.ErrorCode))
				return r, nil
			}
			r := parse[kmsg.Response](t, m.key, m.last, ask(t, b, m.key, m.last, m.request(m.last)))
			if got := codeOf(r); got != tc.want || len(c1.asked) != tc.asked || len(c1.doubted) != tc.doubted {
				t.Errorf("%s, %s: %s after %d requests, doubted %d times; want %s, %d, %d",
					name, tc.name, got, len(c1.asked), len(c1.doubted), tc.want, tc.asked, tc.doubted)
			}
		}
	}
}

// codedError is an error that says what clients are told.
type codedError wire.ErrorCode

func (codedError) Error() string               { return "as told" }
func (e codedError) ErrorCode() wire.ErrorCode { return wire.ErrorCode(e) }

func setCode(r kmsg.Response, code wire.ErrorCode) {
	switch r := r.(type) {
	case *kmsg.JoinGroupResponse:
		r.ErrorCode = int16(code)
	case *kmsg.SyncGroupResponse:
		r.ErrorCode = int16(code)
	case *kmsg.HeartbeatResponse:
		r.ErrorCode = int16(code)
	case *kmsg.LeaveGroupResponse:
		r.ErrorCode = int16(code)
	}
}

func codeOf(r kmsg.Response) wire.ErrorCode {
	switch r := r.(type) {
	case *kmsg.JoinGroupResponse:
		return wire.ErrorCode(r.ErrorCode)
	case *kmsg.SyncGroupResponse:
		return wire.ErrorCode(r.ErrorCode)
	case *kmsg.HeartbeatResponse:
		return wire.ErrorCode(r.ErrorCode)
	case *kmsg.LeaveGroupResponse:
		return wire.ErrorCode(r.ErrorCode)
	}
	return wire.UnknownServerError
}
