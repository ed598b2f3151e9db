package conformance

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// TestProduce has sound batches, and requests that are odd around them.
func TestProduce(t *testing.T) {
	t.Parallel()
	play(t, "produce", append([]scenario{
		{name: "every version that has batches", differs: versionsListed, do: func(c *client) {
			p := c.partition()
			c.asks(3, 12, func(v int16) kmsg.Request { return produce(v, c.topic("plain"), p, plainBatch(2)) })
			c.stored(p, 0)
		}},
		{name: "version 13", differs: versionsListed, do: func(c *client) {
			req := produce(13, "", 0, plainBatch(1))
			req.Topics[0].TopicID = c.id("byid")
			c.ask(req)
		}},
		{name: "every codec", do: func(c *client) {
			for codec := kgo.CodecNone; codec <= kgo.CodecZstd; codec++ {
				b := wiretest.Batch{Records: wiretest.Records(3, 200), Codec: codec}.Bytes()
				c.ask(produce(9, c.topic("plain"), c.partition(), b))
			}
		}},
		{name: "acks", differs: ownWords, do: func(c *client) {
			p := c.partition()
			for _, acks := range []int16{-1, 1, 2, -2, 32767, -32768} {
				c.say("acks %d", acks)
				c.ask(withAcks(acks, produce(9, c.topic("plain"), p, plainBatch(1))))
			}
			c.stored(p, 2)
		}},
		{name: "unknown acks in old and new versions", differs: ownWords, do: func(c *client) {
			for _, v := range []int16{3, 7, 8, 11} {
				c.ask(withAcks(7, produce(v, c.topic("three"), 0, plainBatch(1))))
			}
		}},
		{name: "unknown acks to what does not exist", differs: requestFirst, do: func(c *client) {
			c.ask(withAcks(7, produce(9, c.topic("never"), 0, plainBatch(1))))
			c.ask(withAcks(7, produce(9, c.topic("three"), 3, plainBatch(1))))
			c.ask(withAcks(7, produce(9, c.topic("unwritable"), 0, plainBatch(1))))
			c.ask(withAcks(7, produce(9, c.topic("three"), 0, []byte("no batch"))))
		}},
		{name: "acks 0", do: func(c *client) {
			p := c.partition()
			c.send(withAcks(0, produce(9, c.topic("plain"), p, plainBatch(2))))
			c.end()
			c.stored(p, 2)
		}},
		{name: "acks 0 to a partition that does not exist", do: func(c *client) {
			c.send(withAcks(0, produce(9, c.topic("three"), 3, plainBatch(1))))
		}},
		{name: "acks 0 with a batch that a broker refuses", do: func(c *client) {
			c.send(withAcks(0, produce(9, c.topic("three"), 0, badCRC())))
		}},
		{name: "acks 0 with a batch that is none", do: func(c *client) {
			c.send(withAcks(0, produce(9, c.topic("three"), 0, []byte("no batch"))))
		}},
		{name: "acks 0 without topics", do: func(c *client) {
			req := withAcks(0, produce(9, "", 0, nil))
			req.Topics = nil
			c.send(req)
		}},
		{name: "timeouts", do: func(c *client) {
			p := c.partition()
			for _, ms := range []int32{0, -1, -2147483648, 2147483647} {
				req := produce(9, c.topic("plain"), p, plainBatch(1))
				req.TimeoutMillis = ms
				c.say("timeout %d", ms)
				c.ask(req)
			}
		}},
		{name: "no topics", do: func(c *client) {
			c.asks(3, 11, func(v int16) kmsg.Request {
				req := produce(v, "", 0, nil)
				req.Topics = nil
				return req
			})
		}},
		{name: "a topic without partitions", differs: emptyTopic, do: func(c *client) {
			c.asks(3, 11, func(v int16) kmsg.Request {
				req := produce(v, c.topic("three"), 0, nil)
				req.Topics[0].Partitions = nil
				return req
			})
		}},
		{name: "a partition twice", differs: partitionTwice, do: func(c *client) {
			p := c.partition()
			req := produce(9, c.topic("plain"), p, plainBatch(1))
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, produce(9, "", p, plainBatch(2)).Topics[0].Partitions...)
			c.ask(req)
			c.stored(p, 1)
		}},
		{name: "a topic twice", do: func(c *client) {
			req := produce(9, c.topic("plain"), c.partition(), plainBatch(1))
			req.Topics = append(req.Topics, produce(9, c.topic("plain"), c.partition(), plainBatch(2)).Topics...)
			c.ask(req)
		}},
		{name: "a topic twice with another between", do: func(c *client) {
			req := produce(9, c.topic("plain"), c.partition(), plainBatch(1))
			req.Topics = append(req.Topics, produce(9, c.topic("appendtime"), 7, plainBatch(1)).Topics...)
			req.Topics = append(req.Topics, produce(9, c.topic("plain"), c.partition(), plainBatch(2)).Topics...)
			c.ask(req)
		}},
		{name: "many partitions of many topics", do: func(c *client) {
			req := produce(9, c.topic("spread"), 0, plainBatch(1))
			req.Topics[0].Partitions = append(req.Topics[0].Partitions,
				kmsg.ProduceRequestTopicPartition{Partition: 2, Records: plainBatch(3)},
				kmsg.ProduceRequestTopicPartition{Partition: 1, Records: plainBatch(2)})
			req.Topics = append(req.Topics, produce(9, c.topic("plain"), c.partition(), plainBatch(2)).Topics...)
			c.ask(req)
		}},
		{name: "empty client id", do: func(c *client) {
			f := kmsg.NewRequestFormatter().AppendRequest(nil, produce(9, c.topic("plain"), c.partition(), plainBatch(1)), 1)
			c.Last = 1
			c.raw(f)
			c.receive(at(9, kmsg.NewPtrProduceRequest()), 1)
		}},
	}, places()...))
}

// places are scenarios about where a batch is to go.
func places() []scenario {
	return []scenario{
		{name: "partitions that do not exist", do: func(c *client) {
			for _, p := range []int32{-1, -2147483648, 3, 2147483647} {
				c.ask(produce(9, c.topic("three"), p, plainBatch(1)))
				c.ask(produce(3, c.topic("three"), p, plainBatch(1)))
			}
		}},
		{name: "unknown topic", do: func(c *client) {
			for _, v := range []int16{3, 9, 11} {
				c.ask(produce(v, c.topic("never"), 0, plainBatch(1)))
			}
		}},
		{name: "invalid topic names", differs: invalidTopic, do: func(c *client) {
			for _, name := range []string{"a b", ".", "", "a/b"} {
				c.ask(produce(9, name, 0, plainBatch(1)))
			}
		}},
		{name: "an internal topic", do: func(c *client) {
			c.ask(produce(9, "__transaction_state", 0, plainBatch(1)))
		}},
		{name: "not allowed to write", do: func(c *client) {
			c.asks(3, 11, func(v int16) kmsg.Request { return produce(v, c.topic("unwritable"), 0, plainBatch(1)) })
		}},
		{name: "not allowed to see", do: func(c *client) { c.ask(produce(9, c.topic("secret"), 0, plainBatch(1))) }},
		{name: "not allowed to write, acks 0", do: func(c *client) {
			c.send(withAcks(0, produce(9, c.topic("unwritable"), 0, plainBatch(1))))
		}},
		{name: "too few replicas", do: func(c *client) {
			for _, acks := range []int16{-1, 1, -1} {
				c.say("acks %d", acks)
				c.ask(withAcks(acks, produce(9, c.topic("tworeplicas"), 0, plainBatch(1))))
			}
		}},
		{name: "no leader", differs: oneNode, do: func(c *client) {
			for _, v := range []int16{3, 9, 11} {
				c.ask(produce(v, c.topic("orphan"), 1, plainBatch(1)))
			}
			c.ask(produce(9, c.topic("orphan"), 0, plainBatch(1)))
		}},
		{name: "too large", do: func(c *client) {
			big := wiretest.Batch{Records: wiretest.Records(4, 100)}.Bytes()
			c.asks(3, 11, func(v int16) kmsg.Request { return produce(v, c.topic("small"), 0, big) })
			c.ask(produce(9, c.topic("small"), 0, plainBatch(1)))
		}},
		{name: "the broker's time", do: func(c *client) {
			c.asks(3, 11, func(v int16) kmsg.Request { return produce(v, c.topic("appendtime"), 0, plainBatch(1)) })
		}},
		{name: "compressed by the broker", do: func(c *client) {
			c.asks(3, 11, func(v int16) kmsg.Request { return produce(v, c.topic("gzipped"), 0, plainBatch(1)) })
		}},
		{name: "no key where one is needed", do: func(c *client) {
			b := wiretest.Batch{Records: wiretest.Records(4, 10)}
			b.Records[1].Key, b.Records[3].Key = nil, nil
			c.asks(3, 11, func(v int16) kmsg.Request { return produce(v, c.topic("compacted"), 0, b.Bytes()) })
		}},
		{name: "a time in the future", do: func(c *client) {
			b := wiretest.Batch{Records: wiretest.Records(3, 10)}
			b.Records[1].Timestamp = 4_000_000_000_000
			for _, v := range []int16{3, 9} {
				c.ask(produce(v, c.topic("clocked"), 0, b.Bytes()))
			}
		}},
		{name: "one partition fails, the others do not", do: func(c *client) {
			req := produce(9, c.topic("plain"), c.partition(), plainBatch(1))
			for _, other := range []*kmsg.ProduceRequest{
				produce(9, c.topic("unwritable"), 0, plainBatch(1)),
				produce(9, c.topic("compacted"), 0, wiretest.Batch{Records: []wiretest.Record{{Value: []byte("v")}}}.Bytes()),
				produce(9, c.topic("never"), 0, plainBatch(1)),
				produce(9, c.topic("tworeplicas"), 0, plainBatch(1)),
				produce(9, c.topic("clocked"), 0, badCRC()),
			} {
				req.Topics = append(req.Topics, other.Topics...)
			}
			p := c.partition()
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, kmsg.ProduceRequestTopicPartition{Partition: p, Records: plainBatch(2)})
			c.ask(req)
			c.stored(p, 2)
		}},
		{name: "no rule matches", on: "narrow", differs: unmatchedTopic, do: func(c *client) {
			req := produce(9, c.topic("unruled"), 0, plainBatch(1))
			req.Topics = append(req.Topics, produce(9, c.topic("plain"), c.partition(), plainBatch(1)).Topics...)
			c.ask(req)
		}},
	}
}

// produce asks, with acks=all, to store a batch in a partition.
func produce(version int16, topic string, partition int32, batch []byte) *kmsg.ProduceRequest {
	return rawkafka.Produce(version, -1, topic, partition, batch)
}

func withAcks(acks int16, req *kmsg.ProduceRequest) *kmsg.ProduceRequest {
	req.Acks = acks
	return req
}

// plainBatch is a batch of n small records.
func plainBatch(n int) []byte { return wiretest.Batch{Records: wiretest.Records(n, 10)}.Bytes() }

func badCRC() []byte {
	b := plainBatch(1)
	b[17] ^= 1
	return b
}

// stored notes how many records a partition of the plain topic holds, after it has come to hold at least so many.
func (c *client) stored(partition int32, least int64) {
	c.t.Helper()
	var end int64
	err := until(c.t.Context(), "records to be stored", func() (ok bool, err error) {
		end, err = c.target.held(c.topic("plain"), partition)
		return end >= least, err
	})
	c.must(err)
	c.say("%s/%d holds %d records", c.topic("plain"), partition, end)
}
