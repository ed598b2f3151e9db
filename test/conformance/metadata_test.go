package conformance

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

func TestMetadata(t *testing.T) {
	t.Parallel()
	play(t, "metadata", []scenario{
		{name: "by name, every version", do: func(c *client) {
			c.asks(0, 12, func(int16) kmsg.Request { return metadata(c.topic("three")) })
		}},
		{name: "several", do: func(c *client) {
			c.ask(at(9, metadata(c.topic("three"), c.topic("small"), c.topic("plain"))))
		}},
		{name: "duplicates", do: func(c *client) {
			c.ask(at(9, metadata(c.topic("three"), c.topic("small"), c.topic("three"))))
		}},
		{name: "empty list", do: func(c *client) {
			c.asks(1, 12, func(int16) kmsg.Request { return metadata() })
		}},
		{name: "all topics", do: func(c *client) {
			for _, v := range []int16{1, 8, 12} {
				req := metadata()
				req.Topics = nil
				own(c, at(v, req))
			}
		}},
		{name: "an empty list is all in version 0", do: func(c *client) { own(c, at(0, metadata())) }},
		{name: "unknown, not to be created", do: func(c *client) {
			c.asks(4, 12, func(int16) kmsg.Request { return metadata(c.topic("never")) })
		}},
		{name: "unknown, to be created", do: func(c *client) {
			for _, v := range []int16{0, 3, 4, 9, 12} {
				req := metadata(c.topic("created" + strings.Repeat("x", int(v))))
				req.AllowAutoTopicCreation = true
				c.ask(at(v, req))
				c.poll(req)
			}
		}},
		{name: "known and unknown, to be created", do: func(c *client) {
			req := metadata(c.topic("three"), c.topic("createdtoo"))
			req.AllowAutoTopicCreation = true
			c.ask(at(9, req))
		}},
		{name: "invalid names", do: func(c *client) {
			names := []string{"a b", strings.Repeat("n", 249), strings.Repeat("n", 250), ".", "..", "", "ä", "a/b", "a\x00", "a:b"}
			for _, v := range []int16{4, 9, 12} {
				c.ask(at(v, metadata(names...)))
			}
		}},
		{name: "invalid names, to be created", do: func(c *client) {
			for _, v := range []int16{0, 3, 9} {
				req := metadata("a b", strings.Repeat("n", 250), ".", "..", "", c.topic("three"))
				req.AllowAutoTopicCreation = true
				c.ask(at(v, req))
			}
		}},
		{name: "not allowed to see", do: func(c *client) {
			c.asks(0, 12, func(int16) kmsg.Request { return metadata(c.topic("secret"), c.topic("three")) })
		}},
		{name: "not allowed to write", do: func(c *client) { c.ask(at(9, metadata(c.topic("unwritable")))) }},
		{name: "internal topics", do: func(c *client) {
			c.ask(at(9, metadata("__transaction_state", "__consumer_offsets")))
		}},
		{name: "replicas that are gone", differs: oneNode, do: func(c *client) {
			c.asks(0, 12, func(int16) kmsg.Request { return metadata(c.topic("tworeplicas")) })
		}},
		{name: "a partition without a leader", differs: oneNode, do: func(c *client) {
			c.asks(0, 12, func(int16) kmsg.Request { return metadata(c.topic("orphan")) })
		}},
		{name: "authorized operations of topics", differs: noOperations, do: func(c *client) {
			for _, v := range []int16{8, 12} {
				req := metadata(c.topic("three"))
				req.IncludeTopicAuthorizedOperations = true
				c.ask(at(v, req))
			}
		}},
		{name: "authorized operations of the cluster", differs: noOperations, do: func(c *client) {
			for v := int16(8); v <= 10; v++ {
				req := metadata()
				req.IncludeClusterAuthorizedOperations = true
				c.ask(at(v, req))
			}
		}},
		{name: "the cluster's identity", differs: oneNode, do: func(c *client) {
			req := at(9, metadata())
			c.send(req)
			if r, ok := c.answer(req, 9, c.Last).(*kmsg.MetadataResponse); ok {
				c.say("node %d, controller %d, cluster %s", r.Brokers[0].NodeID, r.ControllerID, *r.ClusterID)
			}
		}},
		{name: "no rule matches", on: "narrow", differs: unmatchedTopic, do: func(c *client) {
			c.ask(at(9, metadata(c.topic("unruled"))))
			req := metadata(c.topic("unruled"), c.topic("plain"))
			c.ask(at(12, req))
		}},
	})
}

func TestMetadataByID(t *testing.T) {
	t.Parallel()
	play(t, "metadata_by_id", []scenario{
		{name: "known", do: func(c *client) { c.ask(at(12, byID(c.id("three"), c.id("small")))) }},
		{name: "known, twice", do: func(c *client) { c.ask(at(12, byID(c.id("three"), c.id("three")))) }},
		{name: "version 10", differs: metadataIDs, do: func(c *client) { c.ask(at(10, byID(c.id("three")))) }},
		{name: "version 11", differs: metadataIDs, do: func(c *client) { c.ask(at(11, byID(c.id("three")))) }},
		{name: "unknown", do: func(c *client) { c.ask(at(12, byID([16]byte{1, 2, 3}))) }},
		{name: "unknown and known", do: func(c *client) { c.ask(at(12, byID([16]byte{1, 2, 3}, c.id("three")))) }},
		{name: "zero with null name", differs: metadataIDs, do: func(c *client) { c.ask(at(12, byID([16]byte{}))) }},
		{name: "zero beside a known one", differs: metadataIDs, do: func(c *client) { c.ask(at(12, byID(c.id("three"), [16]byte{}))) }},
		{name: "id and name", do: func(c *client) {
			req := byID(c.id("three"))
			req.Topics[0].Topic = new(c.topic("three"))
			c.ask(at(12, req))
		}},
		{name: "ids and names", differs: metadataIDs, do: func(c *client) {
			req := byID(c.id("three"))
			req.Topics = append(req.Topics, metadata(c.topic("small")).Topics...)
			c.ask(at(12, req))
		}},
		{name: "names and ids", differs: metadataIDs, do: func(c *client) {
			req := metadata(c.topic("small"))
			req.Topics = append(req.Topics, byID(c.id("three")).Topics...)
			c.ask(at(12, req))
		}},
		{name: "not allowed to see", differs: metadataIDs, do: func(c *client) { c.ask(at(12, byID(c.id("secret")))) }},
	})
}

func TestMetadataChanges(t *testing.T) {
	t.Parallel()
	play(t, "metadata_changes", []scenario{
		{name: "created upstream", do: func(c *client) {
			req := at(12, metadata(c.topic("later")))
			c.ask(req)
			c.create("later", 2)
			c.poll(req)
		}},
		{name: "grown upstream", do: func(c *client) {
			c.create("growing", 1)
			req := at(12, metadata(c.topic("growing")))
			c.poll(req)
			c.grow("growing", 3)
			c.pollUntil(req, func(r *kmsg.MetadataResponse) bool { return len(r.Topics[0].Partitions) == 3 })
		}},
		{name: "deleted upstream", do: func(c *client) {
			c.create("dying", 1)
			req := at(12, metadata(c.topic("dying")))
			c.poll(req)
			c.delete("dying")
			c.pollUntil(req, func(r *kmsg.MetadataResponse) bool { return r.Topics[0].ErrorCode != 0 })
		}},
		{name: "deleted and created again upstream", do: func(c *client) {
			c.create("phoenix", 1)
			req := at(12, metadata(c.topic("phoenix")))
			c.poll(req)
			c.delete("phoenix")
			c.create("phoenix", 2)
			c.pollUntil(req, func(r *kmsg.MetadataResponse) bool { return len(r.Topics[0].Partitions) == 2 })
		}},
		{name: "grown a moment ago", on: "narrow", differs: metadataRemembered, do: func(c *client) {
			c.create("plaingrowing", 1)
			req := at(12, metadata(c.topic("plaingrowing")))
			c.poll(req)
			c.grow("plaingrowing", 3)
			c.ask(req)
		}},
	})
}

func metadata(names ...string) *kmsg.MetadataRequest { return at(0, rawkafka.Metadata(names...)) }

func byID(ids ...[16]byte) *kmsg.MetadataRequest {
	req := metadata()
	for _, id := range ids {
		t := kmsg.NewMetadataRequestTopic()
		t.TopicID = id
		req.Topics = append(req.Topics, t)
	}
	return req
}

// at sets a request's version.
func at[R kmsg.Request](version int16, req R) R {
	req.SetVersion(version)
	return req
}

// own asks and notes of the answer the topics that the target was given, by name.
func own(c *client, req *kmsg.MetadataRequest) {
	c.send(req)
	resp, ok := c.answer(req, req.GetVersion(), c.Last).(*kmsg.MetadataResponse)
	if !ok {
		return
	}
	found := map[string]string{}
	for _, t := range resp.Topics {
		found[*t.Topic] = c.describe(resp, t)
	}
	for _, kind := range []string{"three", "small", "unwritable", "secret"} {
		line, ok := found[c.topic(kind)]
		if !ok {
			line = kind + " is not listed"
		}
		c.say("v%d: %s", req.GetVersion(), line)
	}
}
