package filter

import (
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
)

// shared is the state of a configuration that is no worker's: it outlives them, and every worker's facade looks here. Any goroutine
// may use it.
type shared struct {
	// routes says where topics go. A table that replaces it may name no cluster that the configuration has not.
	routes route.Current
}

// init makes it what the configuration says.
func (s *shared) init(c *config.Config) {
	rules := make([]route.Rule, 0, len(c.Rules))
	for _, r := range c.Rules {
		rules = append(rules, route.Rule(r))
	}
	table := route.New(rules)
	s.routes.Store(route.Tables{Written: table, Read: table, DefaultHome: c.Clusters[0].Name})
}
