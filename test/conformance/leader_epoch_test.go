package conformance

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestOffsetForLeaderEpoch(t *testing.T) {
	t.Parallel()
	play(t, "leader_epoch", []scenario{
		{name: "what is there", do: func(c *client) {
			for range 2 {
				c.ask(produce(9, c.topic("listed"), 2, plainBatch(2)))
			}
		}},
		{name: "versions that Kafka 4 has no more", differs: versionsListed, do: func(c *client) {
			c.asks(0, 1, func(int16) kmsg.Request { return epochs(c, "listed", 0, 2) })
		}},
		{name: "epochs", do: func(c *client) {
			for _, epoch := range []int32{-2, -1, 0, 1, 7} {
				c.say("epoch %d", epoch)
				c.asks(2, 4, func(int16) kmsg.Request { return epochs(c, "listed", epoch, 2, 1) })
			}
		}},
		{name: "current leader epochs", do: func(c *client) {
			for _, epoch := range []int32{-2, -1, 0, 1} {
				c.say("current epoch %d", epoch)
				c.asks(2, 4, func(int16) kmsg.Request {
					req := epochs(c, "listed", 0, 2)
					req.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch
					return req
				})
			}
		}},
		{name: "unknown partitions", do: func(c *client) { c.asks(2, 4, func(int16) kmsg.Request { return epochs(c, "listed", 0, 3, -1) }) }},
		{name: "an unknown topic", do: func(c *client) { c.asks(2, 4, func(int16) kmsg.Request { return epochs(c, "never", 0, 0) }) }},
		{name: "a partition without a leader", do: func(c *client) { c.asks(2, 4, func(int16) kmsg.Request { return epochs(c, "orphan", 0, 1) }) }},
		{name: "a name that no topic can have", differs: invalidTopic, do: func(c *client) {
			req := at(4, epochs(c, "listed", 0, 0))
			req.Topics[0].Topic = "a b"
			c.ask(req)
		}},
		{name: "a partition twice", do: func(c *client) {
			req := at(4, epochs(c, "listed", 0, 2, 2))
			req.Topics[0].Partitions[1].LeaderEpoch = 7
			c.ask(req)
		}},
		{name: "a topic twice", do: func(c *client) {
			req := at(4, epochs(c, "listed", 0, 1))
			req.Topics = append(req.Topics, epochs(c, "three", 0, 0).Topics[0], epochs(c, "listed", 0, 2).Topics[0])
			c.ask(req)
		}},
		{name: "a topic without partitions", differs: emptyTopic, do: func(c *client) { c.ask(at(4, epochs(c, "listed", 0))) }},
		{name: "no topics", do: func(c *client) {
			c.asks(2, 4, func(int16) kmsg.Request { return kmsg.NewPtrOffsetForLeaderEpochRequest() })
		}},
		{name: "as somebody else", do: func(c *client) {
			for _, replica := range []int32{-2, -1, 1, 9} {
				req := at(4, epochs(c, "listed", 0, 2))
				req.ReplicaID = replica
				c.say("replica %d", replica)
				c.ask(req)
			}
		}},
		{name: "no rule matches", on: "narrow", differs: unmatchedTopic, do: func(c *client) { c.ask(at(4, epochs(c, "unruled", 0, 0))) }},
	})
}

// epochs asks where an epoch ended in partitions of one of the target's own topics.
func epochs(c *client, kind string, epoch int32, partitions ...int32) *kmsg.OffsetForLeaderEpochRequest {
	req, topic := kmsg.NewPtrOffsetForLeaderEpochRequest(), kmsg.NewOffsetForLeaderEpochRequestTopic()
	topic.Topic = c.topic(kind)
	for _, n := range partitions {
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.Partition, p.LeaderEpoch = n, epoch
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

func (c *client) showLeaderEpochs(r *kmsg.OffsetForLeaderEpochResponse) {
	slices.SortStableFunc(r.Topics, func(a, b kmsg.OffsetForLeaderEpochResponseTopic) int { return strings.Compare(a.Topic, b.Topic) })
	for _, t := range r.Topics {
		slices.SortStableFunc(t.Partitions, func(a, b kmsg.OffsetForLeaderEpochResponseTopicPartition) int {
			return cmp.Compare(a.Partition, b.Partition)
		})
		for _, p := range t.Partitions {
			c.say("%.20s/%d %s end=%d epoch=%d", t.Topic, p.Partition, code(p.ErrorCode), p.EndOffset, p.LeaderEpoch)
		}
		if len(t.Partitions) == 0 {
			c.say("%.20s without partitions", t.Topic)
		}
	}
	if len(r.Topics) == 0 {
		c.say("no topics")
	}
}
