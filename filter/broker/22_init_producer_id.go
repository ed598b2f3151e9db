package broker

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// initProducerIDAPI gives idempotent producers their ids.
//
// An id is minted here, not fetched: bit 61 set and 61 random bits, epoch 0. A real broker's ids are unique in its own
// cluster only; Kafka takes any id from an idempotent producer and counts sequences by it, so a random one is good for
// all clusters at once, and nothing has to be remembered. A producer that asks for a new epoch of the id it has
// (version 3 and up) gets a new id: to it, that is the same fresh start. As a real broker, an id without an epoch, or an
// epoch without an id, gets INVALID_REQUEST, and so does an empty transactional id. Any other gets
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED. KIP-98, KIP-360.
// Version 6 is for two-phase commit (KIP-939).
func initProducerIDAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeInitProducerID, Min: 0, Max: 5}, Decided: 6,
		Short: "an id of our own", Query: true, Serve: (*Broker).initProducerID,
	}
}

func (b *Broker) initProducerID(c *Call) error {
	request, err := decode[*kmsg.InitProducerIDRequest](b, c)
	if err != nil {
		return err
	}
	response := kmsg.NewPtrInitProducerIDResponse()
	response.SetVersion(c.Header.Version)
	response.ProducerID, response.ProducerEpoch = -1, -1
	var refusal Refusal
	switch {
	case request.TransactionalID != nil && *request.TransactionalID == "",
		(request.ProducerID == -1) != (request.ProducerEpoch == -1):
		refusal = Refusal{Code: wire.InvalidRequest, Reason: "an empty transactional id, or an id without an epoch, or an epoch without an id"}
	case request.TransactionalID != nil:
		refusal = Refusal{Code: wire.TransactionalIDAuthorizationFailed, Kind: wire.Transactions}
	case !b.mayWrite(c, &refusal):
		refusal.Code = wire.ClusterAuthorizationFailed // as of a broker
	default:
		response.ProducerID, response.ProducerEpoch = mintProducerID(), 0
	}
	response.ErrorCode = int16(refusal.Code)
	c.Answer(Answer{Frame: wire.AppendResponse(nil, c.Header, response), Refusal: refusal})
	return nil
}

// noTransactions is why transactions get errors.
const noTransactions = "transactions are not served by this proxy"

// mintProducerID returns an id that no broker allocates and that is random enough never to come twice.
func mintProducerID() int64 {
	const bit = 1 << 61
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return bit | int64(binary.BigEndian.Uint64(b[:])&(bit-1))
}
