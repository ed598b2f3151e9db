package conformance

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// TestCloses has what is not a request, or not one that can be answered. A connection that lives is noted as such.
func TestCloses(t *testing.T) {
	t.Parallel()
	play(t, "closes", []scenario{
		closes("a negative length", none, func(*client) []byte { return []byte{0xff, 0xff, 0xff, 0xff} }),
		closes("the most negative length", none, func(*client) []byte { return []byte{0x80, 0, 0, 0} }),
		closes("a length over the limit", none, func(*client) []byte { return []byte{0x06, 0x40, 0, 1} }),
		closes("the greatest length", none, func(*client) []byte { return []byte{0x7f, 0xff, 0xff, 0xff} }),
		closes("a frame of no bytes", none, func(*client) []byte { return []byte{0, 0, 0, 0} }),
		closes("a frame of one byte", none, func(*client) []byte { return []byte{0, 0, 0, 1, 0} }),
		closes("a TLS hello", none, func(*client) []byte {
			return append([]byte{0x16, 3, 1, 0, 0xc4, 1, 0, 0, 0xc0, 3, 3}, bytes.Repeat([]byte{0x5a}, 190)...)
		}),
		closes("an HTTP request", none, func(*client) []byte { return []byte("GET / HTTP/1.1\r\nHost: kafka\r\n\r\n") }),
		closes("an API that does not exist", none, func(*client) []byte { return head(1234, 0) }),
		closes("a negative API", none, func(*client) []byte { return head(-1, 0) }),
		closes("an API between brokers", none, func(*client) []byte { return head(4, 0) }),
		closes("a client id that goes on too long", none, func(*client) []byte {
			return rawkafka.Framed([]byte{0, 3, 0, 1, 0, 0, 0, 9, 0x7f, 0xff, 'a'})
		}),
		closes("a null client id", none, func(*client) []byte {
			return rawkafka.Framed([]byte{0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0})
		}),
		closes("Metadata 13", versionsListed, func(c *client) []byte { return c.Frame(at(13, metadata(c.topic("three")))) }),
		closes("Metadata 99", none, func(*client) []byte { return head(3, 99) }),
		closes("Metadata of a negative version", none, func(*client) []byte { return head(3, -1) }),
		closes("Produce 99", none, func(*client) []byte { return head(0, 99) }),
		closes("Fetch 3", versionsListed, func(c *client) []byte { return c.Frame(at(3, kmsg.NewPtrFetchRequest())) }),
		closes("InitProducerId 6", none, func(*client) []byte { return head(22, 6) }),
		closes("garbage for a Produce", none, func(*client) []byte { return head(0, 9, bytes.Repeat([]byte{0xee}, 40)...) }),
		closes("garbage for a Metadata", none, func(*client) []byte { return head(3, 9, bytes.Repeat([]byte{0xee}, 40)...) }),
		closes("garbage for an ApiVersions", none, func(*client) []byte { return head(18, 3, bytes.Repeat([]byte{0xee}, 40)...) }),
		closes("no body for a Produce", none, func(*client) []byte { return head(0, 3) }),
		closes("no body for a Metadata", none, func(*client) []byte { return head(3, 1) }),
		closes("half a Metadata", none, func(c *client) []byte {
			f := c.Frame(at(9, metadata(c.topic("three"))))
			return rawkafka.Framed(f[4 : len(f)-5])
		}),
		closes("half a Produce", none, func(c *client) []byte {
			f := c.Frame(produce(9, c.topic("three"), 0, plainBatch(1)))
			return rawkafka.Framed(f[4 : len(f)-5])
		}),
		closes("bytes after a Metadata", none, func(c *client) []byte {
			return rawkafka.Framed(append(c.Frame(at(9, metadata(c.topic("three"))))[4:], 0, 0, 0))
		}),
		closes("bytes after a Produce", none, func(c *client) []byte {
			return rawkafka.Framed(append(c.Frame(produce(9, c.topic("plain"), c.partition(), plainBatch(1)))[4:], 0, 0, 0))
		}),
		closes("bytes after an ApiVersions 0", none, func(c *client) []byte {
			return rawkafka.Framed(append(c.Frame(at(0, apiVersions("", "")))[4:], 0, 0, 0))
		}),
		closes("bytes after a question for all topics, as of librdkafka", none, func(*client) []byte {
			return head(3, 12, 0, 0, 0, 0, 1, 0, 0)
		}),
		closes("bytes after an ApiVersions 3", none, func(c *client) []byte {
			return rawkafka.Framed(append(c.Frame(at(3, apiVersions("conformance", "1.0")))[4:], 0, 0, 0))
		}),
		closes("a request after a Metadata, in one frame", none, func(c *client) []byte {
			f := c.Frame(at(9, metadata(c.topic("three"))))
			return rawkafka.Framed(append(f[4:], f...))
		}),
		closes("bytes after a FindCoordinator", none, func(c *client) []byte {
			return rawkafka.Framed(append(c.Frame(at(4, kmsg.NewPtrFindCoordinatorRequest()))[4:], 0, 0, 0))
		}),
		closes("bytes after a Fetch", none, func(c *client) []byte {
			return rawkafka.Framed(append(c.Frame(at(11, kmsg.NewPtrFetchRequest()))[4:], 0, 0, 0))
		}),
		closes("bytes after an InitProducerId", none, func(c *client) []byte {
			return rawkafka.Framed(append(c.Frame(at(4, initProducerID(nil)))[4:], 0, 0, 0))
		}),
		closes("a list of topics that lies about its length", none, func(*client) []byte {
			return head(3, 1, 0x7f, 0xff, 0xff, 0xff)
		}),
		closes("a null name in Metadata 9", none, func(*client) []byte { return head(3, 9, 0, 2, 0, 0, 1, 0, 0, 0) }),
		closes("null topics in Metadata 0", none, func(*client) []byte { return head(3, 0, 0xff, 0xff, 0xff, 0xff) }),
		closes("null topics in Produce 9", none, func(*client) []byte { return head(0, 9, 0, 0, 0xff, 0xff, 0, 0, 0, 1, 0, 0) }),
		closes("an unknown tagged field", none, func(*client) []byte {
			return head(3, 9, 0, 1, 0, 0, 0, 1, 77, 2, 1, 2)
		}),
		closes("a tagged field in the header", none, func(*client) []byte {
			return rawkafka.Framed([]byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'x', 1, 77, 2, 1, 2, 1, 0, 0, 0, 0})
		}),
	})
}

// closes is a scenario that sends bytes and notes what comes back: the end of the connection, or what was answered first.
func closes(name string, d difference, b func(*client) []byte) scenario {
	return scenario{name: name, differs: d, do: func(c *client) {
		c.raw(b(c))
		next := kmsg.NewPtrApiVersionsRequest()
		c.Last = 1 << 20
		c.send(next)
		for !c.closed {
			id, body, err := c.ReadBody()
			switch {
			case err != nil:
				c.lost(err)
			case id == c.Last:
				c.say("lives")
				return
			default:
				c.say("answers with %t bytes", len(body) > 0)
			}
		}
	}}
}

// head is a request with a header of version 1, or 2 if what follows begins with an empty list of tags.
func head(key, version int16, body ...byte) []byte {
	return rawkafka.Request(key, version, []byte{0, 1, 'x'}, body)
}
