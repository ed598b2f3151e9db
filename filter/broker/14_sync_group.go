package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// syncGroupAPI has members get their assignments from their group's home.
//
// Request and answer go through as they are, on a connection of the client's own: members get their answers when the leader has sent its.
//
// KIP-345, KIP-559 (protocol type and name). All versions that exist are served.
func syncGroupAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeSyncGroup, Min: 0, Max: 5}, Decided: 5,
		Short: "to the group's home", Query: true, Serve: (*Broker).syncGroup,
	}
}

// assignmentCost is what is held for each member that a leader assigns partitions to.
const assignmentCost = 64

func (b *Broker) syncGroup(c *Call) error {
	request, err := decode[*kmsg.SyncGroupRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, len(c.Body)+assignmentCost*len(request.GroupAssignment)); err != nil {
		return err
	}
	h := &homeRequest{inTurn: true, failed: func(code wire.ErrorCode) kmsg.Response {
		failed := kmsg.NewPtrSyncGroupResponse()
		failed.ErrorCode, failed.MemberAssignment = int16(code), []byte{}
		return failed
	}}
	h.group, h.request, h.most = request.Group, request, c.Header.Version
	h.code = func(r kmsg.Response) wire.ErrorCode { return wire.ErrorCode(r.(*kmsg.SyncGroupResponse).ErrorCode) } //nolint:forcetypeassert // as the request is
	h.within = maxRebalance
	b.passOn(c, h)
	return nil
}
