package survey

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

var errOver = errors.New("the survey is over")

// connection is a link to one broker, for calls one after another.
type connection struct {
	link *link.Link
	tls  *tls.ConnectionState // nil: it is not encrypted

	ready, ended chan struct{}
	err          error // why it ended
}

var _ link.Owner = (*connection)(nil)

// connect dials a broker and logs in.
func connect(ctx context.Context, s link.Settings, d link.Dialer, addr string) (*connection, error) {
	c := &connection{ready: make(chan struct{}), ended: make(chan struct{})}
	c.link = link.Start(ctx, s, recorder{d, c}, addr, c)
	over := make(chan struct{})
	defer context.AfterFunc(ctx, func() { // the dialler says better what it waits for
		time.AfterFunc(grace, func() { close(over) })
	})()
	select {
	case <-c.ready:
		return c, nil
	case <-c.ended:
		return nil, c.err
	case <-over:
		c.link.Close(context.Cause(ctx))
		return nil, context.Cause(ctx)
	}
}

// grace is how long a dialler has to notice that its time is over.
const grace = time.Second

// Ready implements link.Owner. It comes again when the link has room.
func (c *connection) Ready(*link.Link) {
	select {
	case <-c.ready:
	default:
		close(c.ready)
	}
}

// Answering implements link.Owner.
func (c *connection) Answering() {}

// Answered implements link.Owner.
func (c *connection) Answered() {}

// Ended implements link.Owner.
func (c *connection) Ended(err error) {
	c.err = err
	close(c.ended)
}

// close ends the connection.
func (c *connection) close() {
	c.link.Close(errOver)
	<-c.ended
}

// call asks the broker something.
//
//nolint:ireturn // as kmsg has it
func (c *connection) call(ctx context.Context, request kmsg.Request, most int16) (kmsg.Response, error) {
	type answer struct {
		response kmsg.Response
		err      error
	}
	answered := make(chan answer, 1)
	err := c.link.Send(&link.Request{Body: request, Most: most, Done: func(r kmsg.Response, err error) { answered <- answer{r, err} }})
	if err != nil {
		return nil, err
	}
	select {
	case a := <-answered:
		return a.response, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// recorder dials, and keeps what TLS has agreed on.
type recorder struct {
	link.Dialer

	of *connection
}

// Dial implements link.Dialer.
func (r recorder) Dial(ctx context.Context, addr string) (link.Conn, error) {
	conn, err := r.Dialer.Dial(ctx, addr)
	if encrypted, ok := conn.Conn.(*tls.Conn); ok && err == nil {
		state := encrypted.ConnectionState()
		r.of.tls = &state
	}
	return conn, err
}
