package conformance

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestDescribeCluster(t *testing.T) {
	t.Parallel()
	play(t, "describe_cluster", []scenario{
		{name: "every version", differs: versionsListed, do: func(c *client) {
			c.asks(0, 2, func(int16) kmsg.Request { return kmsg.NewPtrDescribeClusterRequest() })
		}},
		{name: "brokers that are gone, too", differs: oneNode, do: func(c *client) {
			req := kmsg.NewPtrDescribeClusterRequest()
			req.IncludeFencedBrokers = true
			c.ask(at(2, req))
		}},
		{name: "controllers", differs: ownWords, do: func(c *client) {
			for _, kind := range []int8{2, 0, 9} {
				req := kmsg.NewPtrDescribeClusterRequest()
				req.EndpointType = kind
				c.ask(at(1, req))
			}
		}},
		{name: "authorized operations", differs: noOperations, do: func(c *client) {
			req := kmsg.NewPtrDescribeClusterRequest()
			req.IncludeClusterAuthorizedOperations = true
			c.ask(at(1, req))
		}},
	})
}

func TestDescribeTopicPartitions(t *testing.T) {
	t.Parallel()
	play(t, "describe_topic_partitions", []scenario{
		{name: "by name", do: func(c *client) {
			c.ask(page(2000, c.topic("three"), c.topic("small"), c.topic("never"), c.topic("small")))
		}},
		{name: "pages", do: func(c *client) {
			c.ask(page(2, c.topic("three"), c.topic("small"), c.topic("never")))
			c.ask(page(4, c.topic("three"), c.topic("small"), c.topic("unread")))
			c.ask(page(0, c.topic("three"), c.topic("small")))
			c.ask(page(-1, c.topic("three"), c.topic("small")))
			c.ask(pageFrom(c.topic("three"), 1, 1, c.topic("three"), c.topic("small"), c.topic("unread")))
			c.ask(pageFrom(c.topic("three"), 2, 1, c.topic("three"), c.topic("small"), c.topic("unread")))
			c.ask(pageFrom(c.topic("three"), 2, 9, c.topic("three"), c.topic("small"), c.topic("unread")))
		}},
		{name: "a cursor where nothing is", do: func(c *client) {
			c.ask(pageFrom(c.topic("three"), -1, 9, c.topic("three"), c.topic("small")))
			c.ask(pageFrom(c.topic("unread"), 0, 9, c.topic("three"), c.topic("small")))
			c.ask(pageFrom(c.topic("three"), 7, 9, c.topic("three"), c.topic("unread")))
			c.ask(pageFrom(c.topic("never"), 0, 9, c.topic("never"), c.topic("small")))
		}},
		{name: "invalid names", do: func(c *client) { c.ask(page(9, "a b", ".", c.topic("three"))) }},
		{name: "a name of no letters", differs: brokerStumbles, do: func(c *client) { c.ask(page(9, "", c.topic("three"))) }},
		{name: "not allowed to see", do: func(c *client) { c.ask(page(9, c.topic("secret"), c.topic("three"), c.topic("unread"))) }},
		{name: "a partition without a leader", differs: oneNode, do: func(c *client) { c.ask(page(9, c.topic("orphan"))) }},
		{name: "no rule matches", on: "narrow", differs: unmatchedTopic, do: func(c *client) { c.ask(page(9, c.topic("unruled"))) }},
	})
}

func TestDeleteRecords(t *testing.T) {
	t.Parallel()
	play(t, "delete_records", []scenario{
		{name: "every version", do: func(c *client) {
			for p := range int32(2) {
				c.ask(produce(9, c.topic("trimmed"), p, plainBatch(2+int(p))))
			}
			c.asks(0, 2, func(v int16) kmsg.Request { return trim(c.topic("trimmed"), []int64{1, 2, -1}[v], 0, 1) })
		}},
		{name: "what cannot be", do: func(c *client) {
			for _, offset := range []int64{5, -2} {
				c.ask(at(2, trim(c.topic("trimmed"), offset, 0, 1)))
			}
			c.ask(at(2, trim(c.topic("trimmed"), 0, 3, -1)))
			c.ask(at(2, trim(c.topic("never"), 0, 0)))
			c.ask(at(2, trim(c.topic("compacted"), 0, 0)))
			c.ask(at(2, trim(c.topic("secret"), 0, 0)))
		}},
		{name: "twice in a request", do: func(c *client) {
			req := trim(c.topic("trimmed"), 7, 0, 0)
			req.Topics[0].Partitions[1].Offset = 0
			c.ask(at(2, req))
		}},
		{name: "none", do: func(c *client) { c.ask(at(2, trim(c.topic("trimmed"), 0))) }},
		{name: "nobody has allowed it", on: "narrow", differs: byConfiguration, do: func(c *client) {
			c.ask(at(2, trim(c.topic("plain"), 0, 0)))
		}},
	})
}
