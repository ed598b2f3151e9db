package main

import (
	"fmt"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// ruleOf is the place of the rule that takes what is done with a topic: the first for it whose prefix the topic begins with; -1: none does.
func ruleOf(c *config.Config, done config.Operations, topic string) int {
	for i, r := range c.Rules {
		if r.Operations.Has(done) && strings.HasPrefix(topic, r.Prefix) {
			return i
		}
	}
	return -1
}

// ruleName is what a rule is called: its place, and what it takes.
func ruleName(c *config.Config, place int) string {
	return fmt.Sprintf("forwarding_rules[%d] (%s*)", place, c.Rules[place].Prefix)
}

// rulesTo finds the rule by which something is done with a topic on a cluster; empty: none has it done there.
func rulesTo(c *config.Config, done config.Operations, cluster string) func(topic string) string {
	return func(topic string) string {
		if place := ruleOf(c, done, topic); place >= 0 && c.Rules[place].Cluster == cluster {
			return ruleName(c, place)
		}
		return ""
	}
}

// duties says in words what the rules do on a cluster; empty: nothing.
func duties(c *config.Config, cluster string) string {
	var topics, groups []string
	for _, r := range c.Rules {
		if r.Cluster == cluster {
			topics = append(topics, r.Prefix+"*"+only(r))
		}
	}
	for _, r := range c.GroupRules {
		if r.Cluster == cluster {
			groups = append(groups, r.Prefix+"*")
		}
	}
	if c.DefaultGroupCluster == cluster {
		groups = append(groups, "all that no rule names")
		if len(c.GroupRules) == 0 {
			groups = []string{"all"}
		}
	}
	if len(topics)+len(groups) == 0 {
		return ""
	}
	return "topics here: " + firsts(topics) + "; groups at home here: " + firsts(groups)
}

// firsts is the beginning of a list; nothing of an empty one.
func firsts(names []string) string {
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > maxNear:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNear], ", "), len(names)-maxNear)
	default:
		return strings.Join(names, ", ")
	}
}

// shortest is the length from which a prefix that stands elsewhere in a topic is no accident.
const shortest = 3

// whyNot says why a prefix that is not the beginning of a topic might be thought to be; empty: nobody would think so.
func whyNot(prefix, topic string) string {
	head := topic[:min(len(prefix), len(topic))]
	switch {
	case strings.EqualFold(head, prefix):
		return fmt.Sprintf("does not match: %q is not %q, names differ by capitals too", head, prefix)
	case separated(head) == separated(prefix):
		return fmt.Sprintf("does not match: %q is not %q, a dot, a dash and an underscore are three letters", head, prefix)
	case strings.EqualFold(separated(head), separated(prefix)):
		return fmt.Sprintf("does not match: %q is not %q, look at capitals and at dots, dashes and underscores", head, prefix)
	case topic != "" && strings.HasPrefix(prefix, topic):
		return fmt.Sprintf("does not match: the prefix goes on after the topic's end, with %q", prefix[len(topic):])
	case len(prefix) >= shortest && strings.Contains(topic, prefix):
		return "does not match: the topic has the prefix, but does not begin with it"
	case config.Nearest(head, []string{prefix}) != "":
		return fmt.Sprintf("does not match: %q is not %q, though near", head, prefix)
	default:
		return ""
	}
}

// separated is a name with one kind of what separates words.
func separated(name string) string { return strings.NewReplacer("-", ".", "_", ".").Replace(name) }
