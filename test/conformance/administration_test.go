package conformance

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const ofTopic = kmsg.ConfigResourceTypeTopic

// letters is a name's end for a version, so that each version has a topic of its own.
func letters(version int16) string { return strings.Repeat("x", int(version)) }

func TestCreateTopics(t *testing.T) {
	t.Parallel()
	play(t, "create_topics", []scenario{
		{name: "every version", do: func(c *client) {
			c.asks(2, 7, func(v int16) kmsg.Request { return topicsToCreate(c.topic("made" + letters(v))) })
		}},
		{name: "one that is there, every version", do: func(c *client) {
			c.asks(2, 7, func(int16) kmsg.Request { return topicsToCreate(c.topic("three")) })
		}},
		{name: "only to try", do: func(c *client) {
			req := topicsToCreate(c.topic("tried"), c.topic("three"))
			req.ValidateOnly = true
			c.ask(at(7, req))
			c.ask(at(9, metadata(c.topic("tried"))))
		}},
		{name: "by the broker's defaults", do: func(c *client) {
			req := newCreate()
			req.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: c.topic("defaulted"), NumPartitions: -1, ReplicationFactor: -1}}
			c.ask(at(7, req))
		}},
		{name: "what cannot be", do: func(c *client) {
			req := newCreate()
			req.ValidateOnly = true
			many := newTopic(c.topic("many"), 1, nil)
			many.ReplicationFactor = 3
			req.Topics = []kmsg.CreateTopicsRequestTopic{
				many, newTopic(c.topic("nopartitions"), 0, nil), newTopic(c.topic("lesspartitions"), -2, nil),
				newTopic(c.topic("noconfig"), 1, map[string]string{"no.such.thing": "1"}),
				newTopic(c.topic("badconfig"), 1, map[string]string{"retention.ms": "forever"}),
				newTopic(c.topic("goodconfig"), 1, map[string]string{"retention.ms": "1000"}),
			}
			c.ask(at(7, req))
		}},
		{name: "invalid names", differs: ownWords, do: func(c *client) {
			c.ask(at(7, topicsToCreate("a b", strings.Repeat("n", 250), ".", "..", "", "ä")))
		}},
		{name: "twice in a request", do: func(c *client) {
			c.ask(at(7, topicsToCreate(c.topic("twice"), c.topic("other"), c.topic("twice"))))
		}},
		{name: "none", do: func(c *client) { c.ask(at(7, topicsToCreate())) }},
		{name: "on nodes of the client's choice", differs: noAssignments, do: func(c *client) {
			req := newCreate()
			req.ValidateOnly = true
			req.Topics = append(req.Topics, assigned(newTopic(c.topic("placed"), -1, nil), []int32{1}))
			c.ask(at(7, req))
		}},
		{name: "nobody has allowed it", on: "narrow", differs: byConfiguration, do: func(c *client) {
			c.ask(at(7, topicsToCreate(c.topic("plainly"))))
		}},
	})
}

func TestCreatePartitions(t *testing.T) {
	t.Parallel()
	play(t, "create_partitions", []scenario{
		{name: "every version", do: func(c *client) {
			c.create("widening", 1)
			c.asks(0, 3, func(v int16) kmsg.Request { return growth(int32(v)+2, c.topic("widening")) })
		}},
		{name: "what cannot be", do: func(c *client) {
			c.ask(at(3, growth(3, c.topic("three"), c.topic("never"))))
			c.ask(at(3, growth(1, c.topic("three"))))
			c.ask(at(3, growth(-1, c.topic("three"))))
		}},
		{name: "only to try", do: func(c *client) {
			req := growth(100, c.topic("three"))
			req.ValidateOnly = true
			c.ask(at(3, req))
			c.ask(at(9, metadata(c.topic("three"))))
		}},
		{name: "not allowed", do: func(c *client) { c.ask(at(3, growth(100, c.topic("secret")))) }},
		{name: "twice in a request", do: func(c *client) { c.ask(at(3, growth(5, c.topic("three"), c.topic("three")))) }},
		{name: "on nodes of the client's choice", differs: noAssignments, do: func(c *client) {
			req := growth(4, c.topic("three"))
			req.ValidateOnly = true
			req.Topics[0].Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: []int32{1}}}
			c.ask(at(3, req))
		}},
		{name: "nobody has allowed it", on: "narrow", differs: byConfiguration, do: func(c *client) {
			c.ask(at(3, growth(3, c.topic("plaintopic"))))
		}},
	})
}

func TestDeleteTopics(t *testing.T) {
	t.Parallel()
	play(t, "delete_topics", []scenario{
		{name: "every version", do: func(c *client) {
			for v := int16(1); v <= 6; v++ {
				c.create("doomed"+letters(v), 1)
			}
			c.asks(1, 6, func(v int16) kmsg.Request { return topicsToDelete(c.topic("doomed" + letters(v))) })
		}},
		{name: "unknown, every version", do: func(c *client) {
			c.asks(1, 6, func(int16) kmsg.Request { return topicsToDelete(c.topic("never")) })
		}},
		{name: "by id", differs: ownWords, do: func(c *client) {
			c.create("doomedbyid", 1)
			c.ask(idsToDelete(c.id("doomedbyid"), [16]byte{1, 2, 3}))
		}},
		{name: "without name and id", differs: ownWords, do: func(c *client) { c.ask(idsToDelete([16]byte{})) }},
		{name: "with name and id", differs: ownWords, do: func(c *client) {
			req := idsToDelete(c.id("three"))
			req.Topics[0].Topic = new(c.topic("three"))
			c.ask(req)
		}},
		{name: "twice in a request", do: func(c *client) {
			c.create("doomedtwice", 1)
			c.ask(at(6, topicsToDelete(c.topic("doomedtwice"), c.topic("doomedtwice"))))
		}},
		{name: "invalid names", differs: invalidTopic, do: func(c *client) { c.ask(at(6, topicsToDelete("a b", ""))) }},
		{name: "gone afterwards", do: func(c *client) {
			c.create("doomedseen", 1)
			c.poll(at(12, metadata(c.topic("doomedseen"))))
			c.ask(at(6, topicsToDelete(c.topic("doomedseen"))))
			c.pollUntil(at(12, metadata(c.topic("doomedseen"))), func(r *kmsg.MetadataResponse) bool { return r.Topics[0].ErrorCode != 0 })
		}},
		{name: "nobody has allowed it", on: "narrow", differs: byConfiguration, do: func(c *client) {
			c.ask(at(6, topicsToDelete(c.topic("plainnever"))))
		}},
	})
}

func TestDescribeConfigs(t *testing.T) {
	t.Parallel()
	play(t, "describe_configs", []scenario{
		{name: "every version", do: func(c *client) {
			c.asks(1, 4, func(int16) kmsg.Request { return configsOf(c.topic("small"), c.topic("never")) })
		}},
		{name: "with synonyms", do: func(c *client) {
			c.asks(1, 4, func(int16) kmsg.Request {
				req := configsOf(c.topic("compacted"))
				req.IncludeSynonyms = true
				return req
			})
		}},
		{name: "with documentation", do: func(c *client) {
			c.asks(3, 4, func(int16) kmsg.Request {
				req := configsOf(c.topic("compacted"))
				req.IncludeDocumentation = true
				return req
			})
		}},
		{name: "by name", do: func(c *client) {
			req := configsOf(c.topic("small"), c.topic("small"+"er"))
			req.Resources[0].ConfigNames = []string{"max.message.bytes", "cleanup.policy", "no.such.thing"}
			c.ask(at(4, req))
			req.Resources[0].ConfigNames = []string{}
			c.ask(at(4, req))
		}},
		{name: "not allowed", do: func(c *client) { c.ask(at(4, configsOf(c.topic("secret")))) }},
		{name: "invalid names", differs: ownWords, do: func(c *client) { c.ask(at(4, configsOf("a b", ""))) }},
		{name: "twice", differs: answeredOnce, do: func(c *client) { c.ask(at(4, configsOf(c.topic("small"), c.topic("small")))) }},
		{name: "no rule matches", on: "narrow", differs: unmatchedTopic, do: func(c *client) { c.ask(at(4, configsOf(c.topic("unruled")))) }},
		{name: "a broker", differs: noConfiguration, do: func(c *client) {
			for _, name := range []string{"", "0"} {
				req := ofType(kmsg.ConfigResourceTypeBroker, name)
				req.Resources[0].ConfigNames = []string{"num.partitions"}
				c.ask(at(4, req))
			}
		}},
		{name: "other things", differs: noConfiguration, do: func(c *client) {
			for _, kind := range []kmsg.ConfigResourceType{kmsg.ConfigResourceTypeBrokerLogger, kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig, 77} {
				req := ofType(kind, "1")
				req.Resources[0].ConfigNames = []string{"none"}
				c.ask(at(4, req))
			}
		}},
	})
}

func TestAlterConfigs(t *testing.T) {
	t.Parallel()
	play(t, "alter_configs", []scenario{
		{name: "every version", do: func(c *client) {
			c.create("altered", 1)
			c.asks(0, 2, func(int16) kmsg.Request { return replacement(ofTopic, c.topic("altered"), "retention.ms", "1000") })
			c.describeUntil("altered", "retention.ms=1000")
		}},
		{name: "incrementally, every version", do: func(c *client) {
			c.create("adjusted", 1)
			c.asks(0, 1, func(int16) kmsg.Request { return setting(ofTopic, c.topic("adjusted"), "retention.ms", "1000") })
			c.describeUntil("adjusted", "retention.ms=1000")
		}},
		{name: "what cannot be", do: func(c *client) {
			for _, kind := range []string{"three", "never", "secret"} {
				c.ask(at(2, replacement(ofTopic, c.topic(kind), "no.such.thing", "1")))
				c.ask(at(1, setting(ofTopic, c.topic(kind), "retention.ms", "forever")))
			}
		}},
		{name: "only to try", do: func(c *client) {
			replace, set := replacement(ofTopic, c.topic("three"), "retention.ms", "1000"), setting(ofTopic, c.topic("three"), "retention.ms", "1000")
			replace.ValidateOnly, set.ValidateOnly = true, true
			c.ask(at(2, replace))
			c.ask(at(1, set))
			c.ask(at(4, configsOf(c.topic("three"))))
		}},
		{name: "twice in a request", differs: answeredOnce, do: func(c *client) {
			req := setting(ofTopic, c.topic("three"), "retention.ms", "1000")
			req.Resources = append(req.Resources, req.Resources[0])
			req.ValidateOnly = true
			c.ask(at(1, req))
		}},
		{name: "a broker and others", differs: noConfiguration, do: func(c *client) {
			for _, kind := range []kmsg.ConfigResourceType{kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger, 77} {
				replace, set := replacement(kind, "1", "no.such.thing", "1"), setting(kind, "1", "no.such.thing", "1")
				replace.ValidateOnly, set.ValidateOnly = true, true
				c.ask(at(2, replace))
				c.ask(at(1, set))
			}
		}},
		{name: "nobody has allowed it", on: "narrow", differs: byConfiguration, do: func(c *client) {
			c.ask(at(1, setting(ofTopic, c.topic("plainnever"), "retention.ms", "1000")))
		}},
	})
}

// describeUntil waits until a topic's configuration is such, for a bounded time: brokers learn of what they are told a moment later.
func (c *client) describeUntil(kind, set string) {
	c.t.Helper()
	req := at(4, configsOf(c.topic(kind)))
	c.must(until(c.t.Context(), kind, func() (bool, error) {
		c.send(req)
		r, ok := c.answer(req, 4, c.Last).(*kmsg.DescribeConfigsResponse)
		return ok && strings.Contains(described(r.Resources[0].Configs), set) || !ok, nil
	}))
	c.ask(req)
}
