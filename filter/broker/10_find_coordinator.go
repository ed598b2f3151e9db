package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// FindCoordinator, versions 0 to 4: listed and refused.
//
// librdkafka takes its presence for the sign that the broker knows LZ4. Groups and transactions are not served, and
// the answer is one that no client retries: GROUP_AUTHORIZATION_FAILED or TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
func refuseCoordinator(c *Call) error {
	decoded, err := wire.DecodeRequest(c.Header, c.Body)
	if err != nil {
		return err
	}
	request := decoded.(*kmsg.FindCoordinatorRequest) //nolint:forcetypeassert // DecodeRequest gives the type of the key
	code, message := wire.GroupAuthorizationFailed, "consumer groups are not served by this proxy"
	if request.CoordinatorType == 1 {
		code, message = wire.TransactionalIDAuthorizationFailed, noTransactions
	}
	response := kmsg.NewPtrFindCoordinatorResponse()
	response.SetVersion(c.Header.Version)
	response.ErrorCode, response.ErrorMessage = int16(code), &message
	response.NodeID, response.Port = -1, -1
	const head, coordinator = 128, 128
	size := head + len(c.Body) + coordinator*len(request.CoordinatorKeys)
	if err := hold(c, size); err != nil {
		return err
	}
	response.Coordinators = make([]kmsg.FindCoordinatorResponseCoordinator, 0, len(request.CoordinatorKeys))
	for _, key := range request.CoordinatorKeys { // version 4 asks for several
		none := kmsg.NewFindCoordinatorResponseCoordinator()
		none.Key, none.NodeID, none.Port = key, -1, -1
		none.ErrorCode, none.ErrorMessage = int16(code), &message
		response.Coordinators = append(response.Coordinators, none)
	}
	respond(c, size, Refusal{code, message}, func(dst []byte) []byte { return wire.AppendResponse(dst, c.Header, response) })
	return nil
}
