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
// KIP-345 (several members), KIP-800 (reasons). All versions that exist are served.
func leaveGroupAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeLeaveGroup, Min: 0, Max: 5}, Decided: 5,
		Short: "to the group's home", Query: true, Serve: (*Broker).leaveGroup,
	}
}

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
	h.code = func(r kmsg.Response) wire.ErrorCode { return wire.ErrorCode(r.(*kmsg.LeaveGroupResponse).ErrorCode) } //nolint:forcetypeassert // as the request is
	b.passOn(c, h)
	return nil
}
