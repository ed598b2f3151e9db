package rawkafka

import (
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Patience is how long a connection may be used before all on it fails, unless it gets another deadline. Only a test that fails
// waits for it.
const Patience = time.Minute

// Conn is a connection to a broker, or to what takes itself for one. It is used by one goroutine at a time, but one may read while
// another writes.
type Conn struct {
	*net.TCPConn

	// Last is the last correlation id used. The next request has the one after it.
	Last int32

	clientID string
}

// Dial connects to addr. The client id is that of the requests.
func Dial(addr, clientID string) (*Conn, error) {
	c, err := net.DialTimeout("tcp", addr, Patience)
	if err != nil {
		return nil, err
	}
	return &Conn{TCPConn: c.(*net.TCPConn), clientID: clientID}, c.SetDeadline(time.Now().Add(Patience))
}

// Frame is a request, in the version that is set in it, with the next correlation id.
func (c *Conn) Frame(req kmsg.Request) []byte {
	c.Last++
	return Frame(c.clientID, c.Last, req)
}

// ReadBody reads the next answer: its correlation id and what follows that.
func (c *Conn) ReadBody() (int32, []byte, error) { return readBody(c) }

// Ask asks the broker at addr one thing, on a connection of its own.
func Ask[R kmsg.Response](addr, clientID string, version int16, req kmsg.Request) (R, error) {
	var zero R
	c, err := Dial(addr, clientID)
	if err != nil {
		return zero, err
	}
	defer func() { _ = c.Close() }() // its work is done
	req.SetVersion(version)
	if _, err := c.Write(c.Frame(req)); err != nil {
		return zero, err
	}
	_, resp, err := ReadAnswer(c, req)
	if err != nil {
		return zero, fmt.Errorf("answer to %T v%d: %w", req, version, err)
	}
	return resp.(R), nil
}
