package conformance

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

func TestApiVersions(t *testing.T) {
	t.Parallel()
	play(t, "api_versions", []scenario{
		{name: "every version", do: func(c *client) {
			c.asks(0, 4, func(int16) kmsg.Request { return apiVersions("conformance", "1.0") })
		}},
		{name: "newer versions", do: func(c *client) {
			for _, v := range []int16{5, 99, 32767} {
				newer(c, v)
			}
		}},
		{name: "negative version", do: func(c *client) { newer(c, -1) }},
		{name: "twice on a connection", do: func(c *client) {
			for range 2 {
				req := apiVersions("conformance", "1.0")
				req.SetVersion(3)
				c.ask(req)
			}
		}},
		{name: "client software", do: func(c *client) {
			for _, name := range []string{"", "a b", "-a", "a-", "a.b-c", "ä", "a_b", "a\n"} {
				req := apiVersions(name, "1.0")
				req.SetVersion(3)
				c.say("name %q", name)
				c.ask(req)
			}
		}},
		{name: "client software version", do: func(c *client) {
			for _, version := range []string{"", "1 0", "1.0-SNAPSHOT", ".1", "v1_0"} {
				req := apiVersions("conformance", version)
				req.SetVersion(4)
				c.say("version %q", version)
				c.ask(req)
			}
		}},
		{name: "what is listed", differs: versionsListed, do: func(c *client) {
			listed(c, 0, 1, 2, 3, 10, 18, 19, 20, 21, 22, 23, 32, 33, 37, 44, 60, 75)
		}},
		{name: "what is not listed", differs: clientsOnly, do: func(c *client) {
			listed(c, 8, 9, 11, 12, 13, 14, 24, 26, 29, 35)
		}},
		{name: "features", differs: noFeatures, do: func(c *client) {
			req := apiVersions("conformance", "1.0")
			req.SetVersion(4)
			c.send(req)
			if r, ok := c.answer(req, 4, c.Last).(*kmsg.ApiVersionsResponse); ok {
				c.say("supported: %t, finalized: %t", len(r.SupportedFeatures) > 0, len(r.FinalizedFeatures) > 0)
			}
		}},
	})
}

func apiVersions(name, version string) *kmsg.ApiVersionsRequest {
	return at(0, rawkafka.APIVersions(name, version))
}

// newer asks in a version that does not exist, and notes the answer, which is in version 0.
func newer(c *client, version int16) {
	req := apiVersions("conformance", "1.0")
	req.SetVersion(version)
	c.send(req)
	resp, ok := c.answer(req, 0, c.Last).(*kmsg.ApiVersionsResponse)
	if !ok {
		return
	}
	c.say("v%d: %s", version, code(resp.ErrorCode))
	for _, k := range resp.ApiKeys {
		c.say("API %d: %d–%d", k.ApiKey, k.MinVersion, k.MaxVersion)
	}
}

// listed notes which versions of APIs are listed.
func listed(c *client, keys ...int16) {
	req := apiVersions("conformance", "1.0")
	c.send(req)
	resp, ok := c.answer(req, 0, c.Last).(*kmsg.ApiVersionsResponse)
	if !ok {
		return
	}
	for _, want := range keys {
		line := kmsg.NameForKey(want) + ": not listed"
		for _, k := range resp.ApiKeys {
			if k.ApiKey == want {
				line = fmt.Sprintf("%s: %d–%d", kmsg.NameForKey(want), k.MinVersion, k.MaxVersion)
			}
		}
		c.say("%s", line)
	}
}
