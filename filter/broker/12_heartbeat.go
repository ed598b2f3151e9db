package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// heartbeatAPI has members live at their group's home.
//
// Request and answer go through as they are. One that has no answer, because a connection was lost or the coordinator has moved, is sent
// once more: a second heartbeat does no harm. The generation lives at the home, so a proxy that begins anew does not disturb a group.
//
// KIP-345. All versions that exist are served.
func heartbeatAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeHeartbeat, Min: 0, Max: 4}, Decided: 4,
		Short: "to the group's home", Query: true, Serve: (*Broker).heartbeat,
	}
}

func (b *Broker) heartbeat(c *Call) error {
	request, err := decode[*kmsg.HeartbeatRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, len(c.Body)); err != nil {
		return err
	}
	h := &homeRequest{failed: func(code wire.ErrorCode) kmsg.Response {
		failed := kmsg.NewPtrHeartbeatResponse()
		failed.ErrorCode = int16(code)
		return failed
	}}
	h.group, h.request, h.most, h.harmless = request.Group, request, c.Header.Version, true
	h.code = heartbeatCode
	b.passOn(c, h)
	return nil
}

func heartbeatCode(r kmsg.Response) wire.ErrorCode {
	return wire.ErrorCode(r.(*kmsg.HeartbeatResponse).ErrorCode) //nolint:forcetypeassert // as the request is
}
