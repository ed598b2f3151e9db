package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// FindCoordinator, versions 0 to 4: listed and refused.
//
// librdkafka takes its presence for the sign that the broker knows LZ4. Groups and transactions are not served, and
// the answer is one that no client retries: GROUP_AUTHORIZATION_FAILED or TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
func refuseCoordinator(h wire.Header, body []byte, r Request) error {
	decoded, err := wire.DecodeRequest(h, body)
	if err != nil {
		return err
	}
	request := decoded.(*kmsg.FindCoordinatorRequest) //nolint:forcetypeassert // DecodeRequest gives the type of the key
	code, message := wire.GroupAuthorizationFailed, "consumer groups are not served by this proxy"
	if request.CoordinatorType == 1 {
		code, message = wire.TransactionalIDAuthorizationFailed, noTransactions
	}
	response := kmsg.NewPtrFindCoordinatorResponse()
	response.SetVersion(h.Version)
	response.ErrorCode, response.ErrorMessage = int16(code), &message
	response.NodeID, response.Port = -1, -1
	const head, coordinator = 128, 128
	size := head + len(body) + coordinator*len(request.CoordinatorKeys)
	if err := hold(r, size); err != nil {
		return err
	}
	response.Coordinators = make([]kmsg.FindCoordinatorResponseCoordinator, 0, len(request.CoordinatorKeys))
	for _, key := range request.CoordinatorKeys { // version 4 asks for several
		c := kmsg.NewFindCoordinatorResponseCoordinator()
		c.Key, c.NodeID, c.Port = key, -1, -1
		c.ErrorCode, c.ErrorMessage = int16(code), &message
		response.Coordinators = append(response.Coordinators, c)
	}
	respond(r, size, Refusal{code, message}, func(dst []byte) []byte { return wire.AppendResponse(dst, h, response) })
	return nil
}
