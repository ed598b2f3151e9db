package config

import (
	"fmt"
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// longestTopic is the most characters that Kafka allows in a topic's name.
const longestTopic = 249

// Operations are what a rule is for. The zero value is both.
type Operations uint8

// What clients do with topics.
const (
	// ReadsAndWrites is all of it.
	ReadsAndWrites Operations = iota
	// Reads are fetches, and what is done with offsets.
	Reads
	// Writes are what is produced, and what changes a topic.
	Writes
)

// Has reports whether all of other is part of them.
func (o Operations) Has(other Operations) bool { return o == ReadsAndWrites || o == other }

// String says it in words.
func (o Operations) String() string {
	return [...]string{"reads and writes", "reads", "writes"}[o]
}

// hiding are the first rules of each prefix, by what they are for.
type hiding struct{ reads, writes map[string]int }

// of are those for one operation.
func (h *hiding) of(o Operations) map[string]int {
	if o == Reads {
		return h.reads
	}
	return h.writes
}

// add adds a rule's prefix.
func (h *hiding) add(prefix string, o Operations, place int) {
	for _, one := range []Operations{Reads, Writes} {
		if _, ok := h.of(one)[prefix]; !ok && o.Has(one) {
			h.of(one)[prefix] = place
		}
	}
}

// rules checks forwarding_rules and fills c.Rules. c.Clusters is filled before.
func (c *Config) rules(bad *mistakes, list []*kafkameshv1.ForwardingRule) {
	const path = "forwarding_rules"
	if len(list) == 0 {
		bad.add(path, "none given; write at least one, with target_cluster and topic_prefix")
	}
	targets := c.targets(bad)
	earlier, metrics := hiding{map[string]int{}, map[string]int{}}, make(map[string]int, len(list))
	for i, r := range list {
		at := index(path, i)
		rule := Rule{Prefix: r.GetTopicPrefix(), Cluster: r.GetTargetCluster()}
		targets.check(bad, join(at, "target_cluster"), rule.Cluster)
		if r.GetTrigger() == nil {
			c.warn(join(at, "topic_prefix"), `not set, so the rule takes every topic; write topic_prefix: "" if that is meant`)
		}
		var ok bool
		rule.Operations, ok = operations(bad, join(at, "operations"), r.GetOperations())
		if bad.cannotRead(join(at, "topic_prefix")) || !ok {
			c.Rules = append(c.Rules, Rule{Cluster: rule.Cluster})
			continue
		}
		if reason := prefixMistake(rule.Prefix); reason != "" {
			bad.add(join(at, "topic_prefix"), "no topic begins with %s: %s; write the beginning of the topics' names",
				quote(rule.Prefix), reason)
		} else {
			rule.Operations = c.checkReached(bad, at, rule, len(r.GetOperations()) > 0, &earlier)
			c.checkMetrics(bad, at, rule.Prefix, metrics)
		}
		earlier.add(rule.Prefix, rule.Operations, i)
		c.Rules = append(c.Rules, rule)
	}
}

// operations reads what a rule is for. False: it is wrong.
func operations(bad *mistakes, path string, list []kafkameshv1.ForwardingRule_Operation) (o Operations, ok bool) {
	if bad.cannotRead(path) {
		return o, false
	}
	for i, operation := range list {
		at := index(path, i)
		switch {
		case bad.has(at):
			return o, false
		case operation != kafkameshv1.ForwardingRule_OPERATION_READ && operation != kafkameshv1.ForwardingRule_OPERATION_WRITE:
			bad.add(at, "%v is not allowed; write OPERATION_READ or OPERATION_WRITE, or remove operations for both", operation)
			return o, false
		case slices.Contains(list[:i], operation):
			bad.add(at, "%v is given twice; remove one of the two", operation)
			return o, false
		}
		o = Operations(operation) // in the same order
	}
	if len(list) > 1 {
		o = ReadsAndWrites
	}
	return o, true
}

// targets are the clusters that rules may name.
type targets struct {
	names   []string
	unnamed bool // a name cannot be read: it may be any
}

func (c *Config) targets(bad *mistakes) targets {
	var t targets
	for i, cl := range c.Clusters {
		t.names = append(t.names, cl.Name)
		t.unnamed = t.unnamed || cl.Name == "" && bad.cannotRead(join(index("upstream_clusters", i), "cluster_name"))
	}
	return t
}

// check checks that there is the cluster that the field at path names.
func (t *targets) check(bad *mistakes, path, target string) {
	const advice = "write the cluster_name of one of upstream_clusters"
	switch {
	case target == "":
		bad.add(path, "missing; "+advice)
	case !slices.Contains(t.names, target) && len(t.names) > 0 && !t.unnamed:
		bad.add(path, "there is no cluster %s%s", quote(target), suggest(target, t.names, "; "+advice))
	}
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

// checkReached returns what earlier rules leave to the rule at. It must be something, and all that it names, if operations are named.
func (c *Config) checkReached(bad *mistakes, at string, rule Rule, named bool, earlier *hiding) (left Operations) {
	var hidden []Operations
	for _, o := range []Operations{Reads, Writes} {
		if place, _ := hider(rule.Prefix, earlier.of(o)); rule.Operations.Has(o) && place >= 0 {
			hidden = append(hidden, o)
		}
	}
	if len(hidden) == 0 {
		return rule.Operations
	}
	left = Reads + Writes - hidden[0] // the other one
	all := len(hidden) > 1 || rule.Operations != ReadsAndWrites
	if all {
		left = rule.Operations // it is a mistake, and hides nothing else
	}
	place, by := hider(rule.Prefix, earlier.of(hidden[0]))
	other, _ := hider(rule.Prefix, earlier.of(hidden[len(hidden)-1]))
	from := index("forwarding_rules", place)
	switch {
	case all && place != other:
		bad.add(join(at, "topic_prefix"), "%s is never reached, since %s takes the reads, and %s the writes, of every topic that begins with it; move this rule before both, or remove it",
			quote(rule.Prefix), from, index("forwarding_rules", other))
	case all:
		addHidden(bad, join(at, "topic_prefix"), rule.Prefix, from, by, "topic")
	case named:
		bad.add(join(at, "operations"), "%s of %s never come here, since %s takes those of every topic that begins with %s; move this rule before %s, or leave %v out",
			hidden[0], quote(rule.Prefix), from, quote(by), from, kafkameshv1.ForwardingRule_Operation(hidden[0]))
	case by != rule.Prefix:
		c.warn(join(at, "topic_prefix"), "%s of %s never come here, since %s takes those of every topic that begins with %s; move this rule before %s, or write operations: [%v]",
			hidden[0], quote(rule.Prefix), from, quote(by), from, kafkameshv1.ForwardingRule_Operation(left))
	}
	return left
}

// addHidden notes that the rule whose prefix stands at path is hidden by an earlier one.
func addHidden(bad *mistakes, path, prefix, earlier, by, thing string) {
	if by == prefix {
		bad.add(path, "%s is already the prefix of %s; remove one of the two", quote(prefix), earlier)
		return
	}
	bad.add(path, "%s is never reached, since %s takes every %s that begins with %s; move this rule before %s",
		quote(prefix), earlier, thing, quote(by), earlier)
}

// hider is the earlier rule that hides one with a prefix: that of the same prefix, or else the first whose prefix begins it; -1: none does.
func hider(prefix string, earlier map[string]int) (place int, by string) {
	if i, ok := earlier[prefix]; ok {
		return i, prefix
	}
	place = -1
	for n := range len(prefix) {
		if i, ok := earlier[prefix[:n]]; ok && (place < 0 || i < place) {
			place, by = i, prefix[:n]
		}
	}
	return place, by
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

// warnUnused warns of clusters that no rule names. home is the default_group_cluster that is given.
func (c *Config) warnUnused(home string) {
	used := map[string]bool{home: true}
	for _, r := range c.Rules {
		used[r.Cluster] = true
	}
	for _, r := range c.GroupRules {
		used[r.Cluster] = true
	}
	for i, cl := range c.Clusters {
		if !used[cl.Name] {
			c.warn(index("upstream_clusters", i), "no rule sends anything to %s", quote(cl.Name))
		}
	}
}
