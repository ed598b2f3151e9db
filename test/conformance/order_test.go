package conformance

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestOrder has several requests on their way at the same time.
func TestOrder(t *testing.T) {
	t.Parallel()
	play(t, "order", []scenario{
		{name: "answers come in order", do: func(c *client) {
			topic, p := c.topic("plain"), c.partition()
			reqs := []kmsg.Request{
				produce(9, topic, p, plainBatch(1)),
				at(0, apiVersions("", "")),
				at(12, metadata(c.topic("three"))),
				produce(9, topic, p, plainBatch(2)),
				at(4, initProducerID(nil)),
				produce(3, topic, p, plainBatch(1)),
				produce(9, topic, 99_999, plainBatch(1)),
				at(3, apiVersions("", "")),
				produce(9, topic, p, plainBatch(1)),
			}
			c.exchange(reqs...)
		}},
		{name: "the same with acks=0 between them", do: func(c *client) {
			topic, p := c.topic("plain"), c.partition()
			silent := func() kmsg.Request {
				r := produce(9, topic, p, plainBatch(1))
				r.Acks = 0
				return r
			}
			c.exchange(silent(), at(0, apiVersions("", "")), silent(), silent(), produce(9, topic, p, plainBatch(1)), silent(),
				at(9, metadata(c.topic("three"))))
			c.stored(p, 5)
		}},
		{name: "acks=0 that fails", do: func(c *client) {
			r := produce(9, c.topic("plain"), 99_999, plainBatch(1))
			r.Acks = 0
			c.exchange(at(0, apiVersions("", "")), r)
		}},
		{name: "a hundred requests", do: func(c *client) {
			var reqs []kmsg.Request
			for range 50 {
				reqs = append(reqs, at(0, apiVersions("", "")), produce(9, c.topic("three"), 0, []byte("no batch")))
			}
			c.send(reqs...)
			for i, r := range reqs {
				if c.answer(r, r.GetVersion(), c.Last-int32(len(reqs)-1-i)) == nil {
					return
				}
			}
			c.say("all answered in order")
		}},
		{name: "a frame in pieces", do: func(c *client) {
			req := at(9, metadata(c.topic("three")))
			for _, b := range c.Frame(req) {
				c.raw([]byte{b})
			}
			c.receive(req, c.Last)
		}},
		{name: "a request behind one that closes", do: func(c *client) {
			first := at(0, apiVersions("", ""))
			c.send(first)
			c.raw(head(1234, 0))
			c.send(first)
			c.receive(first, c.Last-1)
			c.receive(first, c.Last)
		}},
		{name: "the client closes its half", do: func(c *client) {
			req := produce(9, c.topic("plain"), c.partition(), plainBatch(1))
			c.send(req)
			c.must(c.CloseWrite())
			c.receive(req, c.Last)
			if _, _, err := c.ReadBody(); err != nil {
				c.lost(err)
			}
		}},
	})
}

// exchange sends requests all at once and notes their answers, which come in order. Those with acks=0 have none.
func (c *client) exchange(reqs ...kmsg.Request) {
	first := c.Last + 1
	c.send(reqs...)
	for i, r := range reqs {
		if p, ok := r.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
			continue
		}
		c.receive(r, first+int32(i))
	}
}
