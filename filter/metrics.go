package filter

import (
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Metrics lists what a configuration counts.
func Metrics(c *config.Config) stats.Table {
	of := stats.Scope{APIs: served(c), Topics: c.TopicMetrics, ListensTLS: c.ListenTLS != nil}
	for _, cluster := range c.Clusters {
		of.Clusters = append(of.Clusters, cluster.Name)
	}
	for _, rule := range c.Rules {
		if !slices.Contains(of.Rules, rule.Prefix) { // one for reads and one for writes share a name, and no metric
			of.Rules = append(of.Rules, rule.Prefix)
		}
	}
	if rules := authorizer.New(c.Authorization); rules != nil {
		for i := range rules.Len() {
			of.Denying = append(of.Denying, rules.Name(i))
		}
		of.Denying = append(of.Denying, authorizer.NoRuleName)
	}
	for i := range c.Quotas {
		of.Quotas = append(of.Quotas, quota.Name(c.Quotas, i))
	}
	loginMetrics(c, &of)
	return stats.NewTable(of)
}

// served are the APIs that clients are served.
func served(c *config.Config) []wire.API {
	var apis []wire.API
	for _, api := range broker.Served(c.Logins != nil) {
		apis = append(apis, api.API)
	}
	return apis
}

// counts is what the facade of a configuration counts in.
func counts(c *config.Config, set *stats.Set) broker.Counts {
	of := broker.Counts{Rules: map[string]*stats.Rule{}, Topics: map[string]*stats.Traffic{}, Unmatched: set.UnmatchedTopics, Logins: loginCounts(c, set)}
	for _, rule := range c.Rules {
		of.Rules[rule.Prefix] = set.Rule(rule.Prefix)
	}
	for _, topic := range c.TopicMetrics {
		of.Topics[topic] = set.Topic(topic)
	}
	rules := authorizer.New(c.Authorization)
	for i := range rules.Len() {
		of.Denied = append(of.Denied, set.Denied(rules.Name(i)))
	}
	of.DeniedByNone = set.Denied(authorizer.NoRuleName)
	return of
}
