package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// findCoordinatorAPI is listed and refused.
//
// librdkafka takes its presence for the sign that the broker knows LZ4. Groups and transactions are not served, and
// the answer is one that no client retries: GROUP_AUTHORIZATION_FAILED or TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
// The versions after 4 are for transactions and share groups.
func findCoordinatorAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeFindCoordinator, Min: 0, Max: 4}, Decided: 6,
		Short: "listed, refused", Query: true, Serve: (*Broker).refuseCoordinator,
	}
}

func (b *Broker) refuseCoordinator(c *Call) error {
	request, err := decode[*kmsg.FindCoordinatorRequest](b, c)
	if err != nil {
		return err
	}
	code, kind, message := wire.GroupAuthorizationFailed, wire.Consumers, "consumer groups are not served by this proxy"
	if request.CoordinatorType == 1 {
		code, kind, message = wire.TransactionalIDAuthorizationFailed, wire.Transactions, noTransactions
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
	respond(c, size, Answer{Refusal: Refusal{Code: code, Kind: kind}}, func(dst []byte) []byte {
		return wire.AppendResponse(dst, c.Header, response)
	})
	return nil
}
