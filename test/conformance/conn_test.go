package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience is how long anything may take to be answered. Only a failure takes so long.
const patience = 30 * time.Second

// conn is a connection of a client that sends exactly what it is told to.
type conn struct {
	*net.TCPConn

	last int32 // correlation id used
}

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &conn{TCPConn: c.(*net.TCPConn)}, c.SetDeadline(time.Now().Add(patience))
}

// frame is a request, in the version that is set in it, with the next correlation id.
func (c *conn) frame(req kmsg.Request) []byte {
	c.last++
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("conformance")).AppendRequest(nil, req, c.last)
}

// readFrame is the next frame: its correlation id and what follows that.
func (c *conn) readFrame() (int32, []byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, nil, err
	}
	size := int32(binary.BigEndian.Uint32(head[:]))
	if size < 4 || size > 16<<20 {
		return 0, nil, fmt.Errorf("an answer of %d bytes", size)
	}
	body := make([]byte, size-4)
	_, err := io.ReadFull(c, body)
	return int32(binary.BigEndian.Uint32(head[4:])), body, err
}

// decode reads an answer to a request of req's key, in a version. Nothing may follow it.
//
//nolint:ireturn // its type depends on the request's
func decode(req kmsg.Request, version int16, body []byte) (kmsg.Response, error) {
	resp := req.ResponseKind()
	resp.SetVersion(version)
	if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
		if len(body) == 0 || body[0] != 0 {
			return nil, errors.New("the header does not end in an empty list of tags")
		}
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		return nil, err
	}
	if again := resp.AppendTo(nil); len(again) != len(body) {
		return nil, fmt.Errorf("%T v%d of %d bytes, kmsg writes it in %d", resp, version, len(body), len(again))
	}
	return resp, nil
}

// ask asks a broker one thing, on a connection of its own.
func ask[R kmsg.Response](addr string, version int16, req kmsg.Request) (R, error) {
	var zero R
	c, err := dial(addr)
	if err != nil {
		return zero, err
	}
	defer func() { _ = c.Close() }() // its work is done
	req.SetVersion(version)
	if _, err := c.Write(c.frame(req)); err != nil {
		return zero, err
	}
	_, body, err := c.readFrame()
	if err != nil {
		return zero, fmt.Errorf("answer to %T v%d: %w", req, version, err)
	}
	resp, err := decode(req, version, body)
	if err != nil {
		return zero, err
	}
	return resp.(R), nil
}
