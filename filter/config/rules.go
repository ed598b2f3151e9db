package config

import (
	"fmt"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// longestTopic is the most characters that Kafka allows in a topic's name.
const longestTopic = 249

// rules checks forwarding_rules and fills c.Rules. c.Clusters is filled before.
func (c *Config) rules(bad *mistakes, list []*kafkameshv1.ForwardingRule) {
	const path = "forwarding_rules"
	if len(list) == 0 {
		bad.add(path, "none given; write at least one, with target_cluster and topic_prefix")
	}
	names := make(map[string]bool, len(c.Clusters))
	unnamed := false // a cluster's name cannot be read: it may be any
	for i, cl := range c.Clusters {
		names[cl.Name] = true
		unnamed = unnamed || cl.Name == "" && bad.cannotRead(join(index("upstream_clusters", i), "cluster_name"))
	}
	first := make(map[string]int, len(list))
	for i, r := range list {
		at := index(path, i)
		target, prefix := r.GetTargetCluster(), r.GetTopicPrefix()
		switch {
		case target == "":
			bad.add(join(at, "target_cluster"), "missing; write the cluster_name of one of upstream_clusters")
		case !names[target] && len(c.Clusters) > 0 && !unnamed:
			bad.add(join(at, "target_cluster"), "there is no cluster %s%s", quote(target), c.suggestCluster(target))
		}
		if r.GetTrigger() == nil {
			c.warn(join(at, "topic_prefix"), `not set, so the rule takes every topic; write topic_prefix: "" if that is meant`)
		}
		if bad.cannotRead(join(at, "topic_prefix")) {
			c.Rules = append(c.Rules, Rule{Cluster: target})
			continue
		}
		if reason := prefixMistake(prefix); reason != "" {
			bad.add(join(at, "topic_prefix"), "no topic begins with %s: %s; write the beginning of the topics' names",
				quote(prefix), reason)
		} else {
			checkReached(bad, at, prefix, first)
			checkMetrics(bad, at, prefix, first)
		}
		if _, ok := first[prefix]; !ok {
			first[prefix] = i
		}
		c.Rules = append(c.Rules, Rule{Prefix: prefix, Cluster: target})
	}
}

func (c *Config) suggestCluster(wrong string) string {
	names := make([]string, 0, len(c.Clusters))
	for _, cl := range c.Clusters {
		names = append(names, cl.Name)
	}
	return suggest(wrong, names, "; write the cluster_name of one of upstream_clusters")
}

// prefixMistake says why no topic's name can begin with prefix, or returns "".
func prefixMistake(prefix string) string {
	if len(prefix) > longestTopic {
		return fmt.Sprintf("a name has at most %d characters", longestTopic)
	}
	for _, r := range prefix {
		if !isHostRune(r) { // the same characters: letters, digits, dot, dash, underscore
			return "a name cannot contain " + quote(string(r))
		}
	}
	return ""
}

// checkReached checks that the rule at is not hidden by an earlier one. Prefixes in first are those of earlier rules.
func checkReached(bad *mistakes, at, prefix string, first map[string]int) {
	path := join(at, "topic_prefix")
	if i, ok := first[prefix]; ok {
		bad.add(path, "%s is already the prefix of %s; remove one of the two", quote(prefix), index("forwarding_rules", i))
		return
	}
	hider, by := -1, ""
	for n := range len(prefix) {
		if i, ok := first[prefix[:n]]; ok && (hider < 0 || i < hider) {
			hider, by = i, prefix[:n]
		}
	}
	if hider >= 0 {
		earlier := index("forwarding_rules", hider)
		bad.add(path, "%s is never reached, since %s takes every topic that begins with %s; move this rule before %s",
			quote(prefix), earlier, quote(by), earlier)
	}
}

// catchAllName is what metrics call the rule that takes every topic. They call any other by its prefix.
const catchAllName = "default"

// checkMetrics checks that a rule for every topic has not the metrics of an earlier one. A later one is hidden. Prefixes in first are
// those of earlier rules.
func checkMetrics(bad *mistakes, at, prefix string, first map[string]int) {
	if i, ok := first[catchAllName]; ok && prefix == "" {
		bad.add(join(at, "topic_prefix"), "a rule for every topic is called %s in metrics, and so would %s be by its prefix; write that prefix a letter longer or shorter",
			quote(catchAllName), index("forwarding_rules", i))
	}
}

// warnUnused warns of clusters that no rule names.
func (c *Config) warnUnused() {
	used := make(map[string]bool, len(c.Rules))
	for _, r := range c.Rules {
		used[r.Cluster] = true
	}
	for i, cl := range c.Clusters {
		if !used[cl.Name] {
			c.warn(index("upstream_clusters", i), "no rule sends anything to %s", quote(cl.Name))
		}
	}
}
