package config

import (
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// New checks m and returns it as a Config. It does not keep m.
//
// All mistakes are reported at once: the error's text has one line for each, "path: what is wrong; what to write
// instead", and its Unwrap() []error returns them singly.
func New(m *kafkameshv1.KafkaMesh) (*Config, error) {
	var bad mistakes
	c := &Config{AdvertisedHost: m.GetAdvertisedHost(), AdvertisedPort: m.GetAdvertisedPort(), VerifyUpstreams: m.GetVerifyUpstreams()}
	checkNothingUnknown(&bad, "", m.ProtoReflect())
	checkAdvertised(&bad, c.AdvertisedHost, c.AdvertisedPort)
	if mode := m.GetConsumerProxyMode(); kafkameshv1.KafkaMesh_ConsumerProxyMode_name[int32(mode)] == "" {
		bad.add("consumer_proxy_mode", "%d is not known; remove it or write StatefulConsumerProxy", mode)
	}
	if mode := m.GetUnmatchedTopic(); kafkameshv1.UnmatchedTopic_name[int32(mode)] == "" {
		bad.add("unmatched_topic", "%d is not known; remove it", mode)
	} else {
		c.UnmatchedTopic = UnmatchedTopic(mode) // in the same order
	}
	c.clusters(&bad, m.GetUpstreamClusters())
	c.rules(&bad, m.GetForwardingRules())
	c.limits(&bad, m.GetLimits())
	if err := bad.err(); err != nil {
		return nil, err
	}
	c.warnUnused()
	return c, nil
}
