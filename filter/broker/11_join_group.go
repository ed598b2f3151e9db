package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// joinGroupAPI has members join their group at its home.
//
// A group's members are all of one cluster, its home, whatever topics they read: its coordinator gets the request as it came, and its
// answer goes back so. The members assign the partitions of all clusters among themselves, with any assignor. It is sent on a connection of
// the client's own, for it is answered when the others have joined. Where the coordinator cannot be reached, or says nothing, clients are
// told COORDINATOR_NOT_AVAILABLE, and look for it again.
//
// KIP-62, KIP-345 (static members), KIP-394 (MEMBER_ID_REQUIRED), KIP-800 (reasons). All versions that exist are served.
func joinGroupAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeJoinGroup, Min: 0, Max: 9}, Decided: 9,
		Short: "to the group's home", Query: true, Serve: (*Broker).joinGroup,
	}
}

// protocolCost is what is held for each protocol of a member.
const protocolCost = 64

func (b *Broker) joinGroup(c *Call) error {
	request, err := decode[*kmsg.JoinGroupRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, len(c.Body)+protocolCost*len(request.Protocols)); err != nil {
		return err
	}
	const oldest = 2 // that Kafka 4 knows
	if c.Header.Version == 0 {
		request.RebalanceTimeoutMillis = request.SessionTimeoutMillis
	}
	h := &homeRequest{inTurn: true, failed: func(code wire.ErrorCode) kmsg.Response {
		failed := kmsg.NewPtrJoinGroupResponse()
		failed.ErrorCode, failed.Generation, failed.MemberID = int16(code), -1, request.MemberID
		return failed
	}}
	h.group, h.request, h.most = request.Group, request, max(c.Header.Version, oldest)
	h.code = func(r kmsg.Response) wire.ErrorCode { return wire.ErrorCode(r.(*kmsg.JoinGroupResponse).ErrorCode) } //nolint:forcetypeassert // as the request is
	within := time.Duration(max(request.RebalanceTimeoutMillis, request.SessionTimeoutMillis, 0)) * time.Millisecond
	h.within = within + rebalanceSlack
	b.passOn(c, h)
	return nil
}
