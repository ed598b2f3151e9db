package config

import (
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
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
	first, metrics := make(map[string]int, len(list)), make(map[string]int, len(list))
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
			c.checkMetrics(bad, at, prefix, metrics)
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

// checkMetrics checks that no earlier rule has metrics of the same names. earlier are those, by their names in metrics.
func (c *Config) checkMetrics(bad *mistakes, at, prefix string, earlier map[string]int) {
	name := stats.RuleMetrics(prefix)
	i, ok := earlier[name]
	if !ok {
		earlier[name] = len(c.Rules)
	} else if c.Rules[i].Prefix != prefix {
		bad.add(join(at, "topic_prefix"), "the metrics of %s would be those of %s, %s, too: some dots become underscores there; change a prefix",
			quote(prefix), index("forwarding_rules", i), quote(c.Rules[i].Prefix))
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
