package config

import (
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// maxTopicMetrics bounds what is counted for single topics: each has a metric of each kind, of each worker.
const maxTopicMetrics = 1000

// topicMetrics checks topic_metrics and fills c.TopicMetrics. c.Rules is filled before.
func (c *Config) topicMetrics(bad *mistakes, names []string) {
	const path = "topic_metrics"
	if len(names) > maxTopicMetrics {
		bad.add(path, "%d topics are too many; name at most %d, those that matter", len(names), maxTopicMetrics)
		return
	}
	first := make(map[string]int, len(names)) // by the names in metrics
	for i, name := range names {
		at := index(path, i)
		if bad.cannotRead(at) {
			continue
		}
		if reason := topicMistake(name); reason != "" {
			bad.add(at, "%s cannot be a topic: %s; write the whole name of a topic", quote(name), reason)
			continue
		}
		if j, ok := first[stats.TopicMetrics(name)]; ok && names[j] == name {
			bad.add(at, "%s is %s already; remove one of the two", quote(name), index(path, j))
			continue
		} else if ok {
			bad.add(at, "the metrics of %s would be those of %s, %s, too: some dots become underscores there; remove one of the two",
				quote(name), index(path, j), quote(names[j]))
			continue
		}
		first[stats.TopicMetrics(name)] = i
		if !c.matches(name) && !bad.cannotRead("forwarding_rules") {
			c.warn(at, "no rule matches %s, so that nothing is ever counted for it", quote(name))
		}
	}
	c.TopicMetrics = names
}

// topicMistake says why a topic cannot have a name, or returns "".
func topicMistake(name string) string {
	switch name {
	case "":
		return "it is empty"
	case ".", "..":
		return "Kafka refuses this name"
	default:
		return prefixMistake(name)
	}
}

// matches tells whether a rule takes a topic.
func (c *Config) matches(topic string) bool {
	for _, r := range c.Rules {
		if strings.HasPrefix(topic, r.Prefix) {
			return true
		}
	}
	return false
}
