package conformance

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

func TestIdempotence(t *testing.T) {
	t.Parallel()
	play(t, "idempotence", []scenario{
		{name: "in sequence, in every version", do: func(c *client) {
			p, id := c.partition(), newID(c, initProducerID(nil))
			for v := int16(3); v <= 11; v++ {
				c.ask(produce(v, c.topic("plain"), p, sequenced(id, 0, int32(v-3)*2)))
			}
		}},
		{name: "duplicates", do: func(c *client) {
			p, id := c.partition(), newID(c, initProducerID(nil))
			for _, sequence := range []int32{0, 0, 2, 0, 2, 4, 6, 8, 2, 4} {
				c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, sequence)))
			}
		}},
		{name: "a duplicate too old to be remembered", do: func(c *client) {
			p, id := c.partition(), newID(c, initProducerID(nil))
			for _, sequence := range []int32{0, 2, 4, 6, 8, 10, 0} {
				c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, sequence)))
			}
		}},
		{name: "a gap", do: func(c *client) {
			p, id := c.partition(), newID(c, initProducerID(nil))
			for _, sequence := range []int32{0, 4, 1, 2} {
				c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, sequence)))
			}
			c.ask(produce(3, c.topic("plain"), p, sequenced(id, 0, 100)))
		}},
		{name: "an old epoch", do: func(c *client) {
			p, id := c.partition(), newID(c, initProducerID(nil))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 3, 0)))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 2, 2)))
			c.ask(produce(3, c.topic("plain"), p, sequenced(id, 2, 0)))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 4, 2)))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 4, 0)))
		}},
		{name: "an unknown producer starts late", do: func(c *client) {
			p := c.partition()
			c.ask(produce(9, c.topic("plain"), p, sequenced(randomID(), 0, 1000)))
			c.ask(produce(3, c.topic("plain"), p, sequenced(randomID(), 7, 5)))
		}},
		{name: "the last sequence number and round to the first", do: func(c *client) {
			p, id := c.partition(), randomID()
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, 2147483646)))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, 0)))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, 2)))
		}},
		{name: "a batch across the last sequence number", do: func(c *client) {
			p, id := c.partition(), randomID()
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, 2147483647)))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, 1)))
		}},
		{name: "a producer without epoch or sequence", do: func(c *client) {
			p := c.partition()
			for _, producer := range []wiretest.Producer{
				{ID: randomID(), Epoch: -1, Sequence: 0},
				{ID: randomID(), Epoch: 0, Sequence: -1},
				{ID: -1, Epoch: 0, Sequence: 0},
				{ID: -2, Epoch: 0, Sequence: 0},
				{ID: 0, Epoch: 0, Sequence: 0},
				{ID: randomID(), Epoch: -7, Sequence: -9},
			} {
				b := wiretest.Batch{Records: wiretest.Records(2, 10), Producer: &producer}.Bytes()
				c.say("epoch %d, sequence %d", producer.Epoch, producer.Sequence)
				c.ask(produce(9, c.topic("plain"), p, b))
				c.ask(produce(3, c.topic("plain"), p, b))
			}
		}},
		{name: "the same data on another connection", do: func(c *client) {
			p, id := c.partition(), newID(c, initProducerID(nil))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, 0)))
			c.again()
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, 0)))
			c.ask(produce(9, c.topic("plain"), p, sequenced(id, 0, 2)))
		}},
		{name: "many in flight, the first repeated", do: func(c *client) {
			p, id := c.partition(), newID(c, initProducerID(nil))
			topic := c.topic("plain")
			c.exchange(produce(9, topic, p, sequenced(id, 0, 0)), produce(9, topic, p, sequenced(id, 0, 2)),
				produce(9, topic, p, sequenced(id, 0, 4)), produce(9, topic, p, sequenced(id, 0, 0)),
				produce(9, topic, p, sequenced(id, 0, 6)))
		}},
		{name: "acks 1 and acks 0", do: func(c *client) {
			p, id := c.partition(), newID(c, initProducerID(nil))
			c.ask(withAcks(1, produce(9, c.topic("plain"), p, sequenced(id, 0, 0))))
			c.send(withAcks(0, produce(9, c.topic("plain"), p, sequenced(id, 0, 2))))
			c.end()
			c.stored(p, 4)
		}},
	})
}

// sequenced is a batch of two records of an idempotent producer.
func sequenced(id int64, epoch int16, sequence int32) []byte {
	return wiretest.Batch{
		Records:  wiretest.Records(2, 10),
		Producer: &wiretest.Producer{ID: id, Epoch: epoch, Sequence: sequence},
	}.Bytes()
}
