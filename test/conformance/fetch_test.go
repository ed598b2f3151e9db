package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	play(t, "fetch", append([]scenario{
		{name: "what is there", do: func(c *client) {
			for range 3 {
				c.ask(produce(9, c.topic("fetched"), 0, wiretest.Batch{Records: wiretest.Records(2, 100)}.Bytes()))
			}
		}},
		{name: "from the beginning", do: func(c *client) { c.asks(4, 12, func(int16) kmsg.Request { return fetchOf(c, "fetched", 0, 0) }) }},
		{name: "by id", do: func(c *client) { c.asks(13, 17, func(int16) kmsg.Request { return fetchByID(c, "fetched", 0, 0) }) }},
		{name: "newer than its cluster", differs: versionsListed, do: func(c *client) {
			c.asks(18, 18, func(int16) kmsg.Request { return fetchByID(c, "fetched", 0, 0) })
		}},
		{name: "a version that Kafka 4 has no more", differs: versionsListed, do: func(c *client) { c.ask(at(3, fetchOf(c, "fetched", 0, 0))) }},
		{name: "from the middle of a batch", do: func(c *client) { c.ask(at(11, fetchOf(c, "fetched", 3, 0))) }},
		{name: "at the end", do: func(c *client) { c.asks(4, 12, func(int16) kmsg.Request { return fetchOf(c, "fetched", 6, 0) }) }},
		{name: "beyond the end", do: func(c *client) { c.asks(4, 12, func(int16) kmsg.Request { return fetchOf(c, "fetched", 7, 0) }) }},
		{name: "before the beginning", do: func(c *client) { c.ask(at(11, fetchOf(c, "fetched", -1, 0))) }},
		{name: "two partitions", do: func(c *client) { c.ask(at(11, fetchOf(c, "fetched", 0, 0, 1))) }},
		{name: "less than a batch of a partition", do: func(c *client) {
			req := at(11, fetchOf(c, "fetched", 0, 0))
			req.Topics[0].Partitions[0].PartitionMaxBytes = 1
			c.ask(req)
		}},
		{name: "less than a batch", do: func(c *client) {
			req := at(11, fetchOf(c, "fetched", 0, 0))
			req.MaxBytes = 1
			c.ask(req)
		}},
		{name: "more than there is", do: func(c *client) {
			req := at(11, fetchOf(c, "fetched", 0, 0))
			req.MinBytes = 1 << 20
			c.ask(req)
		}},
		{name: "read committed", do: func(c *client) {
			c.asks(4, 12, func(int16) kmsg.Request {
				req := fetchOf(c, "fetched", 0, 0)
				req.IsolationLevel = 1
				return req
			})
		}},
		{name: "leader epochs", do: func(c *client) {
			for _, epoch := range []int32{-1, 0, 1} {
				req := at(11, fetchOf(c, "fetched", 0, 0))
				req.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch
				c.say("epoch %d", epoch)
				c.ask(req)
			}
		}},
		{name: "an epoch that the log does not have", do: func(c *client) {
			req := at(12, fetchOf(c, "fetched", 4, 0))
			req.Topics[0].Partitions[0].LastFetchedEpoch = 7
			c.ask(req)
		}},
	}, oddFetches()...))
}

// oddFetches ask for what is not there, and in odd ways.
func oddFetches() []scenario {
	return []scenario{
		{name: "unknown partitions", do: func(c *client) { c.ask(at(11, fetchOf(c, "fetched", 0, 3, -1))) }},
		{name: "an unknown topic", do: func(c *client) { c.asks(4, 12, func(int16) kmsg.Request { return fetchOf(c, "never", 0, 0) }) }},
		{name: "an unknown id", do: func(c *client) {
			c.asks(13, 17, func(int16) kmsg.Request {
				req := fetchOf(c, "never", 0, 0)
				req.Topics[0].Topic, req.Topics[0].TopicID = "", [16]byte{9}
				return req
			})
		}},
		{name: "a topic that may not be seen", do: func(c *client) { c.ask(at(11, fetchOf(c, "secret", 0, 0))) }},
		{name: "a partition without a leader", do: func(c *client) { c.ask(at(11, fetchOf(c, "orphan", 0, 1))) }},
		{name: "what is there beside what is not", do: func(c *client) {
			req := at(11, fetchOf(c, "fetched", 0, 0))
			req.Topics = append(req.Topics, fetchOf(c, "never", 0, 0).Topics[0])
			c.ask(req)
		}},
		{name: "names that no topic can have", differs: invalidTopic, do: func(c *client) {
			for _, name := range []string{"a b", strings.Repeat("n", 250)} {
				req := at(11, fetchOf(c, "fetched", 0, 0))
				req.Topics[0].Topic = name
				c.ask(req)
			}
		}},
		{name: "no rule matches", on: "narrow", differs: unmatchedTopic, do: func(c *client) { c.ask(at(11, fetchOf(c, "unruled", 0, 0))) }},
		{name: "a partition twice", differs: partitionTwice, do: func(c *client) { c.ask(at(11, fetchOf(c, "fetched", 0, 0, 0))) }},
		{name: "a topic without partitions", differs: emptyTopic, do: func(c *client) { c.ask(at(11, fetchOf(c, "fetched", 0))) }},
		{name: "no topics", do: func(c *client) { c.asks(4, 12, func(int16) kmsg.Request { return kmsg.NewPtrFetchRequest() }) }},
		{name: "a session that begins", do: func(c *client) {
			req := at(11, fetchOf(c, "fetched", 0, 0))
			req.SessionEpoch = 0
			c.ask(req)
		}},
		{name: "a session that goes on", do: func(c *client) {
			req := at(11, fetchOf(c, "fetched", 0, 0))
			req.SessionID, req.SessionEpoch = 5, 1
			c.ask(req)
		}},
		{name: "a session that ends", do: func(c *client) {
			req := at(11, fetchOf(c, "fetched", 0, 0))
			req.SessionID, req.SessionEpoch = 5, -1
			c.ask(req)
		}},
		{name: "in a rack", do: func(c *client) {
			req := at(11, fetchOf(c, "fetched", 0, 0))
			req.Rack = "somewhere"
			c.ask(req)
		}},
	}
}

// fetchOf asks for partitions of one of the target's own topics.
func fetchOf(c *client, kind string, offset int64, partitions ...int32) *kmsg.FetchRequest {
	req, topic := kmsg.NewPtrFetchRequest(), kmsg.NewFetchRequestTopic()
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = -1, 300, 1, 1<<20, -1
	topic.Topic = c.topic(kind)
	for _, n := range partitions {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = n, offset, 1<<20
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// fetchByID is fetchOf by the topic's id.
func fetchByID(c *client, kind string, offset int64, partitions ...int32) *kmsg.FetchRequest {
	req := fetchOf(c, kind, offset, partitions...)
	req.Topics[0].Topic, req.Topics[0].TopicID = "", c.id(kind)
	return req
}

func (c *client) showFetched(r *kmsg.FetchResponse) {
	session := ""
	if r.SessionID != 0 {
		session = ", a session"
	}
	c.say("%s, %d topics%s", code(r.ErrorCode), len(r.Topics), session)
	slices.SortStableFunc(r.Topics, func(a, b kmsg.FetchResponseTopic) int { return strings.Compare(a.Topic, b.Topic) })
	for _, t := range r.Topics {
		if len(t.Partitions) == 0 {
			c.say("%.20s without partitions", t.Topic)
		}
		for _, p := range t.Partitions {
			aborted := "null"
			if p.AbortedTransactions != nil {
				aborted = "[]"
			}
			c.say("%.20s/%d %s high=%d stable=%d start=%d aborted=%s replica=%d, %d bytes", t.Topic, p.Partition, code(p.ErrorCode),
				p.HighWatermark, p.LastStableOffset, p.LogStartOffset, aborted, p.PreferredReadReplica, len(p.RecordBatches))
			if p.DivergingEpoch.Epoch >= 0 || p.DivergingEpoch.EndOffset >= 0 {
				c.say("diverges at epoch %d, which ends at %d", p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset)
			}
		}
	}
}
