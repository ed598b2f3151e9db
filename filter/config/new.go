package config

import (
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// New checks m and returns it as a Config. It does not keep m.
//
// All mistakes are reported at once: Remarks takes the error apart; its text has one line for each, "path: what is wrong; what to write
// instead".
func New(m *kafkameshv1.KafkaMesh) (*Config, error) { return (&Config{}).read(m, &mistakes{}) }

// read checks m, of which bad is known already, and fills c.
func (c *Config) read(m *kafkameshv1.KafkaMesh, bad *mistakes) (*Config, error) {
	c.AdvertisedHost, c.AdvertisedPort, c.VerifyUpstreams = m.GetAdvertisedHost(), m.GetAdvertisedPort(), m.GetVerifyUpstreams()
	checkNothingUnknown(bad, "", m.ProtoReflect())
	checkAdvertised(bad, c.AdvertisedHost, c.AdvertisedPort)
	if mode := m.GetConsumerProxyMode(); kafkameshv1.KafkaMesh_ConsumerProxyMode_name[int32(mode)] == "" {
		bad.add("consumer_proxy_mode", "%d is not known; remove it or write StatefulConsumerProxy", mode)
	}
	if mode := m.GetUnmatchedTopic(); kafkameshv1.UnmatchedTopic_name[int32(mode)] == "" {
		bad.add("unmatched_topic", "%d is not known; remove it", mode)
	} else {
		c.UnmatchedTopic = UnmatchedTopic(mode) // in the same order
	}
	c.clusters(bad, m.GetUpstreamClusters())
	c.rules(bad, m.GetForwardingRules())
	c.groups(bad, m.GetGroupRules(), m.GetDefaultGroupCluster())
	c.limits(bad, m.GetLimits())
	c.admin(bad, m.GetAdmin())
	c.administration(bad, m.GetAdministration())
	c.authentication(bad, m.GetAuthentication())
	c.identities(bad, m.GetUpstreamClusters())
	c.listenTLS(bad, m.GetListenTls(), m.GetAuthentication())
	c.authorization(bad, m.GetAuthorization())
	c.quotas(bad, m.GetQuotas())
	c.accessLog(bad, m.GetAccessLog())
	c.topicMetrics(bad, m.GetTopicMetrics())
	c.openTelemetry(bad, m.GetOpenTelemetry())
	if err := bad.err(); err != nil {
		return nil, err
	}
	c.warnOfTokens()
	c.warnUnused(m.GetDefaultGroupCluster())
	for _, warnings := range [][]*Remark{c.Warnings, c.EnvoyWarnings} {
		for _, w := range warnings {
			bad.places.locate(w)
		}
		sortRemarks(warnings)
	}
	return c, nil
}
