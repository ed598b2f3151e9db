package conformance

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// Where things are in a batch of magic 2.
const (
	offLength    = 8
	offMagic     = 16
	offCRC       = 17
	offAttribute = 22
	offLastDelta = 23
	offCount     = 57
	headerSize   = 61
)

// TestBadBatches sends records that are not one sound batch, in an old and a new version, and looks whether the partition
// and the connection still work.
func TestBadBatches(t *testing.T) {
	t.Parallel()
	play(t, "bad_batches", []scenario{
		{name: "null records", differs: brokerStumbles, do: func(c *client) {
			for _, v := range []int16{3, 9} {
				c.hurry = true
				c.say("v%d", v)
				c.ask(produce(v, c.topic("three"), 0, nil))
				c.again()
			}
		}},
		bad("no records", ownWords, func() []byte { return []byte{} }),
		bad("a message of magic 0", ownWords, func() []byte { return messageSet(0, 1) }),
		bad("a message of magic 1", ownWords, func() []byte { return messageSet(1, 1) }),
		bad("two messages of magic 1", ownWords, func() []byte { return messageSet(1, 2) }),
		bad("two batches", ownWords, func() []byte { return append(plainBatch(1), plainBatch(2)...) }),
		bad("a batch and a message", ownWords, func() []byte { return append(plainBatch(1), messageSet(1, 1)...) }),
		bad("a batch and half of another", none, func() []byte { return append(plainBatch(1), plainBatch(2)[:70]...) }),
		bad("the first 10 bytes", ownWords, func() []byte { return plainBatch(1)[:10] }),
		bad("the first 16 bytes", ownWords, func() []byte { return plainBatch(1)[:16] }),
		bad("the first 17 bytes", ownWords, func() []byte { return plainBatch(1)[:17] }),
		bad("the header", ownWords, func() []byte { return plainBatch(1)[:headerSize] }),
		bad("all but a byte", ownWords, func() []byte { b := plainBatch(1); return b[:len(b)-1] }),
		bad("a byte left over", none, func() []byte { return append(plainBatch(1), 0) }),
		bad("11 bytes left over", none, func() []byte { return append(plainBatch(1), make([]byte, 11)...) }),
		bad("20 bytes left over", ownWords, func() []byte { return append(plainBatch(1), make([]byte, 20)...) }),
		bad("a length one too short", none, func() []byte { return length(-1) }),
		bad("a length one too long", ownWords, func() []byte { return length(1) }),
		bad("a length shorter than the header", ownWords, func() []byte { return length(-1000) }),
		bad("a length between a message's and a batch's", brokerStumbles, func() []byte { return length(-40) }),
		bad("the greatest length", ownWords, func() []byte { return length(1 << 30) }),
		bad("a wrong CRC", none, badCRC),
		bad("magic 3", ownWords, func() []byte { return unsealed(offMagic, 3) }),
		bad("magic -1", ownWords, func() []byte { return unsealed(offMagic, 0xff) }),
		bad("codec 5", brokerStumbles, func() []byte { return attributes(5) }),
		bad("codec 7", brokerStumbles, func() []byte { return attributes(7) }),
		bad("codec 5 and a wrong CRC", brokerStumbles, func() []byte { return unsealed(offAttribute, 5) }),
		bad("a count too high and a wrong CRC", none, func() []byte { return unsealed(offCount, 5) }),
		bad("an offset delta too high and a wrong CRC", none, func() []byte { return unsealed(offLastDelta, 5) }),
		bad("transactional, a control batch, of an unknown codec", ownWords, func() []byte { return attributes(0x3f) }),
		bad("codec gzip, and no gzip", none, func() []byte { return attributes(1) }),
		bad("codec zstd, and no zstd", none, func() []byte { return attributes(4) }),
		bad("zstd", none, func() []byte {
			return wiretest.Batch{Records: wiretest.Records(3, 100), Codec: kgo.CodecZstd}.Bytes()
		}),
		bad("the broker's time", none, func() []byte { return attributes(0x08) }),
		bad("a control batch", none, func() []byte { return attributes(0x20) }),
		bad("attributes that nobody knows", none, func() []byte { return attributes(0x80) }),
		bad("a delete horizon", none, func() []byte { return attributes(0x40) }),
		bad("a count of 0", none, func() []byte { return counts(0, -1) }),
		bad("no records and a count of 0", none, func() []byte { return wiretest.Batch{}.Bytes() }),
		bad("a count too low", none, func() []byte { return counts(2, 1) }),
		bad("a count too high", none, func() []byte { return counts(4, 3) }),
		bad("a negative count", none, func() []byte { return counts(-3, -4) }),
		bad("an offset delta too low", none, func() []byte { return counts(3, 1) }),
		bad("an offset delta too high", none, func() []byte { return counts(3, 3) }),
		bad("garbage for records", none, func() []byte {
			b := plainBatch(1)
			copy(b[headerSize:], bytes.Repeat([]byte{0xff}, 100))
			wiretest.Seal(b)
			return b
		}),
		bad("a base offset of its own", none, func() []byte { return unsealed(7, 100) }),
		bad("a leader epoch of its own", none, func() []byte { return unsealed(15, 100) }),
		bad("transactional without a transaction", ownWords, func() []byte {
			return wiretest.Batch{
				Records: wiretest.Records(1, 10), Attributes: 0x10, Producer: &wiretest.Producer{ID: randomID()},
			}.Bytes()
		}),
		bad("transactional and of no producer", ownWords, func() []byte { return attributes(0x10) }),
		{name: "a transactional id", differs: noTransactions, do: func(c *client) {
			req := produce(9, c.topic("plain"), c.partition(), plainBatch(1))
			req.TransactionID = new("t-" + c.target.name)
			c.ask(req)
		}},
		{name: "an empty transactional id", differs: noTransactions, do: func(c *client) {
			req := produce(9, c.topic("plain"), c.partition(), plainBatch(1))
			req.TransactionID = new("")
			c.ask(req)
		}},
	})
}

// bad is a scenario that sends records, and then a sound batch.
func bad(name string, d difference, records func() []byte) scenario {
	return scenario{name: name, differs: d, do: func(c *client) {
		p := c.partition()
		for _, v := range []int16{3, 9} {
			c.say("v%d", v)
			c.ask(produce(v, c.topic("plain"), p, records()))
			if c.closed {
				c.again()
			}
		}
		c.ask(produce(9, c.topic("plain"), p, plainBatch(1)))
	}}
}

// TestMessageSets has the versions of Produce before there were batches.
func TestMessageSets(t *testing.T) {
	t.Parallel()
	var scenarios []scenario
	for _, magic := range []byte{0, 1} {
		scenarios = append(scenarios, scenario{
			name: "magic " + string('0'+rune(magic)), differs: messageSets, do: func(c *client) {
				p := c.partition()
				c.asks(0, 2, func(v int16) kmsg.Request { return produce(v, c.topic("plain"), p, messageSet(magic, 2)) })
				c.stored(p, 0)
			},
		})
	}
	play(t, "message_sets", append(scenarios,
		scenario{name: "a batch", differs: messageSets, do: func(c *client) {
			p := c.partition()
			c.asks(0, 2, func(v int16) kmsg.Request { return produce(v, c.topic("plain"), p, plainBatch(2)) })
			c.stored(p, 0)
		}},
		scenario{name: "no message", differs: messageSets, do: func(c *client) {
			c.asks(0, 2, func(v int16) kmsg.Request { return produce(v, c.topic("three"), 0, []byte{}) })
		}},
		scenario{name: "a wrong CRC", differs: messageSets, do: func(c *client) {
			b := messageSet(1, 1)
			b[13] ^= 1
			c.asks(0, 2, func(v int16) kmsg.Request { return produce(v, c.topic("three"), 0, b) })
		}},
		scenario{name: "acks 0", differs: messageSets, do: func(c *client) {
			p := c.partition()
			c.send(withAcks(0, produce(1, c.topic("plain"), p, messageSet(1, 2))))
			c.end()
		}},
		scenario{name: "the broker's time", differs: messageSets, do: func(c *client) {
			c.asks(0, 2, func(v int16) kmsg.Request { return produce(v, c.topic("stamped"), 0, messageSet(1, 2)) })
		}},
		scenario{name: "not allowed to write", differs: messageSets, do: func(c *client) {
			c.asks(0, 2, func(v int16) kmsg.Request { return produce(v, c.topic("unwritable"), 0, messageSet(1, 2)) })
		}},
	))
}

func length(by int32) []byte {
	b := plainBatch(1)
	binary.BigEndian.PutUint32(b[offLength:], uint32(max(int32(len(b)-12)+by, -5)))
	return b
}

// unsealed is a batch with a byte outside of what the CRC covers set.
func unsealed(at int, to byte) []byte {
	b := plainBatch(1)
	b[at] = to
	return b
}

func attributes(bits byte) []byte {
	b := plainBatch(1)
	b[offAttribute] = bits & 0xff
	wiretest.Seal(b)
	return b
}

// counts is a batch of three records that says something else.
func counts(count, lastDelta int32) []byte {
	b := plainBatch(3)
	binary.BigEndian.PutUint32(b[offCount:], uint32(count))
	binary.BigEndian.PutUint32(b[offLastDelta:], uint32(lastDelta))
	wiretest.Seal(b)
	return b
}

// messageSet is n messages of magic 0 or 1.
func messageSet(magic byte, n int) []byte {
	var set []byte
	for range n {
		set = append(set, message(magic)...)
	}
	return set
}

// randomID is a producer id as the mesh mints them.
func randomID() int64 { return 1<<61 | rand.Int64N(1<<61) }
