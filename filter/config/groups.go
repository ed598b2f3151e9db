package config

import (
	"math"
	"strings"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// GroupRule makes one cluster the home of the consumer groups that begin with Prefix.
type GroupRule struct {
	// Prefix is the beginning of the group's id, compared byte by byte. Empty: every group.
	Prefix string
	// Cluster is the Name of one of the configuration's clusters.
	Cluster string
}

// groups checks group_rules and default_group_cluster, and fills c.GroupRules and c.DefaultGroupCluster. c.Clusters is filled before.
func (c *Config) groups(bad *mistakes, list []*kafkameshv1.GroupRule, otherwise string) {
	targets := c.targets(bad)
	earlier := make(map[string]int, len(list))
	for i, r := range list {
		at := index("group_rules", i)
		rule := GroupRule{r.GetGroupPrefix(), r.GetTargetCluster()}
		c.GroupRules = append(c.GroupRules, rule)
		targets.check(bad, join(at, "target_cluster"), rule.Cluster)
		path := join(at, "group_prefix")
		if bad.cannotRead(path) {
			continue
		}
		if r.GetTrigger() == nil {
			c.warn(path, `not set, so the rule takes every group; write default_group_cluster instead`)
		}
		c.checkGroupPrefix(bad, path, rule.Prefix, earlier)
		if _, ok := earlier[rule.Prefix]; !ok {
			earlier[rule.Prefix] = i
		}
	}
	const path = "default_group_cluster"
	if otherwise != "" {
		targets.check(bad, path, otherwise)
		if i, ok := earlier[""]; ok {
			c.warn(path, "has no effect: %s takes every group; remove one of the two", index("group_rules", i))
		}
	} else if len(c.Clusters) > 0 {
		otherwise = c.Clusters[0].Name
	}
	c.DefaultGroupCluster = otherwise
}

func (c *Config) checkGroupPrefix(bad *mistakes, path, prefix string, earlier map[string]int) {
	if len(prefix) > math.MaxInt16 {
		bad.add(path, "no group begins with %s: an id has at most %d bytes; write the beginning of the groups' ids", quote(prefix), math.MaxInt16)
		return
	}
	if place, by := hider(prefix, earlier); place >= 0 {
		addHidden(bad, path, prefix, index("group_rules", place), by, "group")
	}
	if before, ok := strings.CutSuffix(prefix, "*"); ok {
		c.warn(path, "is the beginning of ids, and no pattern: it takes groups that have the star in their ids; write %s if that is not meant", quote(before))
	}
}
