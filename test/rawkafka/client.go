package rawkafka

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Client is a test's connection. Whatever fails, fails the test.
type Client struct {
	*Conn

	tb testing.TB
}

// Connect connects to addr until the test ends. The client id is that of the requests.
func Connect(tb testing.TB, addr, clientID string) *Client {
	tb.Helper()
	c, err := Dial(addr, clientID)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() }) // the test may have
	return &Client{c, tb}
}

// Send writes a request, in the version that is set in it, and returns its correlation id.
func (c *Client) Send(req kmsg.Request) int32 {
	c.tb.Helper()
	c.SendBytes(c.Frame(req))
	return c.Last
}

// SendBytes writes bytes, in one go.
func (c *Client) SendBytes(pieces ...[]byte) {
	c.tb.Helper()
	if _, err := c.Write(slices.Concat(pieces...)); err != nil {
		c.tb.Fatal(err)
	}
}

// Receive reads the next answer, which must be the one to req with that correlation id.
//
//nolint:ireturn // its type depends on the request's
func (c *Client) Receive(req kmsg.Request, id int32) kmsg.Response {
	c.tb.Helper()
	got, resp, err := ReadAnswer(c, req)
	if err != nil {
		c.tb.Fatalf("answer to %T v%d: %v", req, req.GetVersion(), err)
	}
	if got != id {
		c.tb.Fatalf("answer has correlation id %d, want %d", got, id)
	}
	return resp
}

// Ask sends a request and reads its answer.
//
//nolint:ireturn // its type depends on the request's
func (c *Client) Ask(req kmsg.Request) kmsg.Response {
	c.tb.Helper()
	return c.Receive(req, c.Send(req))
}

// ReceiveFrame reads the next answer, whatever it is to, without its length.
func (c *Client) ReceiveFrame() []byte {
	c.tb.Helper()
	frame, err := ReadFrame(c, nil)
	if err != nil {
		c.tb.Fatalf("no answer: %v", err)
	}
	return frame
}

// WantAnswer reads the next answer, which must be to the request with this correlation id.
func (c *Client) WantAnswer(id int32) {
	c.tb.Helper()
	if got := int32(binary.BigEndian.Uint32(c.ReceiveFrame())); got != id {
		c.tb.Fatalf("answer %d where %d was due", got, id)
	}
}

// WantServed checks that the connection is of use.
func (c *Client) WantServed() {
	c.tb.Helper()
	c.Ask(APIVersions(c.clientID, "1.0"))
}

// WantClosed waits until the other end closes the connection, without another answer.
func (c *Client) WantClosed() {
	c.tb.Helper()
	rest, err := io.ReadAll(c)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() || len(rest) > 0 {
		c.tb.Errorf("the connection lives, after %d bytes: %v", len(rest), err)
	}
}

// WantFIN waits until the other end closes the connection in order, without another answer, and closes it too.
func (c *Client) WantFIN() {
	c.tb.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		c.tb.Errorf("read: %d bytes, %v, want FIN", n, err)
	}
	_ = c.Close() // the other end has
}

// WantSilence checks that nothing comes for a moment.
func (c *Client) WantSilence(moment time.Duration) {
	c.tb.Helper()
	_ = c.SetReadDeadline(time.Now().Add(moment)) // a connection that cannot have one fails below
	if n, _ := c.Read(make([]byte, 1)); n > 0 {
		c.tb.Error("an answer came before its turn")
	}
	_ = c.SetReadDeadline(time.Now().Add(Patience))
}
