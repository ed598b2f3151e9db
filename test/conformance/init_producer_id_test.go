package conformance

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestInitProducerID(t *testing.T) {
	t.Parallel()
	play(t, "init_producer_id", []scenario{
		{name: "every version", do: func(c *client) {
			c.asks(0, 5, func(int16) kmsg.Request { return initProducerID(nil) })
		}},
		{name: "a new id each time", do: func(c *client) {
			seen := map[int64]bool{}
			for range 5 {
				seen[newID(c, initProducerID(nil))] = true
			}
			c.say("%d ids", len(seen))
		}},
		{name: "with the current id and epoch", do: func(c *client) {
			for v := int16(3); v <= 5; v++ {
				first := newID(c, initProducerID(nil))
				req := initProducerID(nil)
				req.ProducerID, req.ProducerEpoch = first, 3
				req.SetVersion(v)
				c.ask(req)
				c.say("v%d: the same id: %t", v, newID(c, req) == first)
			}
		}},
		{name: "with an id and no epoch", do: func(c *client) {
			req := initProducerID(nil)
			req.ProducerID = 7
			req.SetVersion(3)
			c.ask(req)
			req.ProducerID, req.ProducerEpoch = -1, 7
			c.ask(req)
		}},
		{name: "negative transaction timeout", do: func(c *client) {
			req := initProducerID(nil)
			req.TransactionTimeoutMillis = -5
			req.SetVersion(4)
			c.ask(req)
		}},
		{name: "transactional", differs: noTransactions, do: func(c *client) {
			c.asks(0, 5, func(int16) kmsg.Request { return initProducerID(new("t-" + c.target.name)) })
		}},
		{name: "empty transactional id", do: func(c *client) {
			c.asks(0, 5, func(int16) kmsg.Request { return initProducerID(new("")) })
		}},
	})
}

func initProducerID(transactional *string) *kmsg.InitProducerIDRequest {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = transactional, 60_000
	return req
}

// newID asks for an id and notes only a failure.
func newID(c *client, req *kmsg.InitProducerIDRequest) int64 {
	if req.GetVersion() < 3 {
		req.SetVersion(4)
	}
	c.send(req)
	resp, ok := c.answer(req, req.GetVersion(), c.Last).(*kmsg.InitProducerIDResponse)
	if !ok || resp.ErrorCode != 0 {
		c.say("no id: %+v", resp)
		return -1
	}
	return resp.ProducerID
}
