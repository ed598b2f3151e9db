package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// leaveGroupAPI has members leave their group at its home.
//
// Request and answer go through as they are. It comes behind what the client has asked of its groups before, and goes on if the client
// does not wait for the answer: many close their connection at once.
//
// A home that knows no more than one member in a request (before Kafka 2.4) is asked so for the only one, if that has no instance id; for
// others the answer is UNSUPPORTED_VERSION.
//
// KIP-345 (several members), KIP-800 (reasons). All versions that exist are served.
func leaveGroupAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeLeaveGroup, Min: 0, Max: 5}, Decided: 5,
		Short: "to the group's home", Query: true, Serve: (*Broker).leaveGroup,
	}
}

// membersIn is the version from which on a request has several members.
const membersIn = 3

// leavingCost is what is held for each member that leaves.
const leavingCost = 96

func (b *Broker) leaveGroup(c *Call) error {
	request, err := decode[*kmsg.LeaveGroupRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, len(c.Body)+leavingCost*len(request.Members)); err != nil {
		return err
	}
	h := &homeRequest{inTurn: true, failed: func(code wire.ErrorCode) kmsg.Response {
		failed := kmsg.NewPtrLeaveGroupResponse()
		failed.ErrorCode = int16(code)
		return failed
	}}
	h.group, h.request, h.most = request.Group, request, c.Header.Version
	if m := request.Members; c.Header.Version >= membersIn && len(m) == 1 && m[0].InstanceID == nil {
		request.MemberID = m[0].MemberID                                                           // which only versions before that have
		h.renew = func(r kmsg.Response) { leftAlone(r.(*kmsg.LeaveGroupResponse), m[0].MemberID) } //nolint:forcetypeassert // as the request is
	}
	h.code = func(r kmsg.Response) wire.ErrorCode { return wire.ErrorCode(r.(*kmsg.LeaveGroupResponse).ErrorCode) } //nolint:forcetypeassert // as the request is
	b.passOn(c, h)
	return nil
}

// leftAlone has an answer from before there were several members say what it does of the only one.
func leftAlone(r *kmsg.LeaveGroupResponse, member string) {
	if r.Version >= membersIn {
		return
	}
	told := kmsg.NewLeaveGroupResponseMember()
	told.MemberID = member
	switch wire.ErrorCode(r.ErrorCode) {
	case wire.None:
	case wire.UnknownMemberID: // which newer versions say of members only
		told.ErrorCode, r.ErrorCode = r.ErrorCode, 0
	default: // the group's
		return
	}
	r.Members = []kmsg.LeaveGroupResponseMember{told}
}
