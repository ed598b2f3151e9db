package conformance

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// listedAt is the time of the first record in the topic of these tests; the others come each a second after the last.
const listedAt = 1_700_000_000_000

func TestListOffsets(t *testing.T) {
	t.Parallel()
	play(t, "list_offsets", append([]scenario{
		{name: "what is there", do: func(c *client) {
			for i := range int64(3) {
				batch := wiretest.Batch{Records: wiretest.Records(1, 10)}
				batch.Records[0].Timestamp = listedAt + 1000*i
				c.ask(produce(9, c.topic("listed"), 0, batch.Bytes()))
			}
		}},
		{name: "a version that Kafka 4 has no more", differs: versionsListed, do: func(c *client) { c.ask(at(0, offsetsOf(c, "listed", -1, 0))) }},
		{name: "newer than its cluster", differs: versionsListed, do: func(c *client) {
			c.asks(10, 11, func(int16) kmsg.Request { return offsetsOf(c, "listed", -1, 0) })
		}},
		{name: "with the largest timestamp, newer than its cluster", differs: versionsListed, do: func(c *client) {
			c.asks(10, 11, func(int16) kmsg.Request { return offsetsOf(c, "listed", -3, 0) })
		}},
		{name: "not yet in tiered storage", differs: versionsListed, do: func(c *client) {
			c.asks(9, 11, func(int16) kmsg.Request { return offsetsOf(c, "listed", -6, 0) })
		}},
		{name: "read committed", do: func(c *client) {
			for _, v := range []int16{2, 7} {
				req := at(v, offsetsOf(c, "listed", -1, 0))
				req.IsolationLevel = 1
				c.ask(req)
			}
		}},
		{name: "leader epochs", do: func(c *client) {
			for _, epoch := range []int32{-2, -1, 0, 1} {
				req := at(7, offsetsOf(c, "listed", -1, 0))
				req.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch
				c.say("epoch %d", epoch)
				c.ask(req)
			}
		}},
	}, oddOffsets()...))
}

// oddOffsets ask about what is not there, and in odd ways.
func oddOffsets() []scenario {
	special := func(name string, timestamp int64) scenario {
		return scenario{name: name, do: func(c *client) {
			c.asks(1, 9, func(int16) kmsg.Request { return offsetsOf(c, "listed", timestamp, 0, 1) })
		}}
	}
	return []scenario{
		special("the end", -1),
		special("the beginning", -2),
		special("the largest timestamp", -3),
		special("the beginning on the broker", -4),
		special("the end in tiered storage", -5),
		special("what nobody knows how to ask", -7),
		special("a time before the first", 0),
		special("a time between two", listedAt+500),
		special("the time of the last", listedAt+2000),
		special("a time after the last", listedAt+2001),
		{name: "unknown partitions", do: func(c *client) { c.asks(1, 9, func(int16) kmsg.Request { return offsetsOf(c, "listed", -1, 3, -1) }) }},
		{name: "an unknown topic", do: func(c *client) { c.asks(1, 9, func(int16) kmsg.Request { return offsetsOf(c, "never", -1, 0) }) }},
		{name: "a topic that may not be seen", do: func(c *client) { c.asks(1, 9, func(int16) kmsg.Request { return offsetsOf(c, "secret", -1, 0) }) }},
		{name: "a partition without a leader", do: func(c *client) { c.asks(1, 9, func(int16) kmsg.Request { return offsetsOf(c, "orphan", -1, 1) }) }},
		{name: "names that no topic can have", differs: invalidTopic, do: func(c *client) {
			for _, name := range []string{"", "a b", strings.Repeat("n", 250)} {
				req := at(7, offsetsOf(c, "listed", -1, 0))
				req.Topics[0].Topic = name
				c.ask(req)
			}
		}},
		{name: "a partition twice", differs: partitionTwice, do: func(c *client) {
			req := at(7, offsetsOf(c, "listed", -1, 0, 0, 1))
			req.Topics[0].Partitions[1].Timestamp = -2
			c.ask(req)
		}},
		{name: "a topic twice", differs: partitionTwice, do: func(c *client) {
			req := at(7, offsetsOf(c, "listed", -1, 0, 1))
			req.Topics = append(req.Topics, offsetsOf(c, "three", -1, 0).Topics[0], offsetsOf(c, "listed", -2, 1, 2).Topics[0])
			c.ask(req)
		}},
		{name: "a topic without partitions", differs: emptyTopic, do: func(c *client) { c.ask(at(7, offsetsOf(c, "listed", -1))) }},
		{name: "no topics", do: func(c *client) { c.asks(1, 9, func(int16) kmsg.Request { return kmsg.NewPtrListOffsetsRequest() }) }},
		{name: "as somebody else", do: func(c *client) {
			for _, replica := range []int32{-2, 1, 9} {
				req := at(7, offsetsOf(c, "listed", -1, 0))
				req.ReplicaID = replica
				c.say("replica %d", replica)
				c.ask(req)
			}
		}},
		{name: "no rule matches", on: "narrow", differs: unmatchedTopic, do: func(c *client) { c.ask(at(7, offsetsOf(c, "unruled", -1, 0))) }},
	}
}

// offsetsOf asks about partitions of one of the target's own topics.
func offsetsOf(c *client, kind string, timestamp int64, partitions ...int32) *kmsg.ListOffsetsRequest {
	req, topic := kmsg.NewPtrListOffsetsRequest(), kmsg.NewListOffsetsRequestTopic()
	topic.Topic = c.topic(kind)
	for _, n := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = n, timestamp
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

func (c *client) showOffsets(r *kmsg.ListOffsetsResponse) {
	slices.SortStableFunc(r.Topics, func(a, b kmsg.ListOffsetsResponseTopic) int { return strings.Compare(a.Topic, b.Topic) })
	for _, t := range r.Topics {
		slices.SortStableFunc(t.Partitions, func(a, b kmsg.ListOffsetsResponseTopicPartition) int { return cmp.Compare(a.Partition, b.Partition) })
		for _, p := range t.Partitions {
			c.say("%.20s/%d %s offset=%d at=%d epoch=%d", t.Topic, p.Partition, code(p.ErrorCode), p.Offset, p.Timestamp, p.LeaderEpoch)
		}
		if len(t.Partitions) == 0 {
			c.say("%.20s without partitions", t.Topic)
		}
	}
	if len(r.Topics) == 0 {
		c.say("no topics")
	}
}
