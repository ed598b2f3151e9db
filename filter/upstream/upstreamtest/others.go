package upstreamtest

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// handler answers the requests of one API that come to a broker on a connection. Nil: the connection is cut.
type handler func(conn net.Conn, id int32, request kmsg.Request) kmsg.Response

// Handle has the requests of an API, of these versions, answered by handle, which the goroutine of each connection calls. Connections
// made from now on can carry them.
func (c *Cluster) Handle(key wire.APIKey, versions link.Range, handle func(id int32, request kmsg.Request) kmsg.Response) {
	c.handle(key, versions, func(_ net.Conn, id int32, request kmsg.Request) kmsg.Response { return handle(id, request) })
}

// handle is Handle for who wants to know the connection.
func (c *Cluster) handle(key wire.APIKey, versions link.Range, handle handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handlers == nil {
		c.handlers, c.handled = map[wire.APIKey]handler{}, link.Versions{}
	}
	c.handlers[key], c.handled[key] = handle, versions
}

func (c *Cluster) handler(key wire.APIKey) handler {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handlers[key]
}

// other does what a request other than Produce asks for; what somebody has said how to answer takes its time.
func (c *Cluster) other(id int32, conn net.Conn, h wire.Header, body []byte) (answer, error) {
	var after time.Duration
	if c.handler(h.Key) != nil {
		c.mu.Lock()
		before := c.nodes[id].before
		after = c.nodes[id].after
		c.mu.Unlock()
		_ = pause(context.Background(), before)
	}
	told, err := c.tellOf(id, conn, h, body)
	return answer{told, time.Now().Add(after)}, err
}

// tellOf makes the answer to a request other than Produce.
func (c *Cluster) tellOf(id int32, conn net.Conn, h wire.Header, body []byte) ([]byte, error) {
	if h.Key == wire.KeyMetadata {
		return c.tell(h, body)
	}
	if h.Key == wire.KeyFindCoordinator {
		return c.tellCoordinator(h, body)
	}
	handle := c.handler(h.Key)
	if handle == nil {
		return nil, errors.New("nobody has said how this is answered")
	}
	request := kmsg.RequestForKey(int16(h.Key))
	request.SetVersion(h.Version)
	if err := request.ReadFrom(body); err != nil {
		return nil, err
	}
	response := handle(conn, id, request)
	if response == nil {
		return nil, errCut
	}
	response.SetVersion(h.Version)
	return wire.AppendResponse(nil, h, response), nil
}

// Coordinate makes a broker the coordinator of a group; -1: nobody is. Else it is the first broker.
func (c *Cluster) Coordinate(group string, id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.coordinators == nil {
		c.coordinators = map[string]int32{}
	}
	c.coordinators[group] = id
}

// tellCoordinator makes the answer to a FindCoordinator request.
func (c *Cluster) tellCoordinator(h wire.Header, body []byte) ([]byte, error) {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.SetVersion(h.Version)
	if err := request.ReadFrom(body); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	response := kmsg.NewPtrFindCoordinatorResponse()
	response.SetVersion(h.Version)
	one := c.coordinator(request.CoordinatorKey)
	response.NodeID, response.Host, response.Port, response.ErrorCode = one.NodeID, one.Host, one.Port, one.ErrorCode
	for _, group := range request.CoordinatorKeys {
		response.Coordinators = append(response.Coordinators, c.coordinator(group))
	}
	return wire.AppendResponse(nil, h, response), nil
}

// coordinator says who coordinates a group. c.mu is held.
func (c *Cluster) coordinator(group string) kmsg.FindCoordinatorResponseCoordinator {
	one := kmsg.NewFindCoordinatorResponseCoordinator()
	one.Key, one.NodeID = group, 1
	if id, said := c.coordinators[group]; said {
		one.NodeID = id
	}
	if n := c.nodes[one.NodeID]; n != nil {
		one.Host, one.Port = n.addr, brokerPort
	} else {
		one.ErrorCode, one.Port = int16(wire.CoordinatorNotAvailable), -1
	}
	return one
}
