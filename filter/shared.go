package filter

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
)

// shared is the state of a configuration that is no worker's: it outlives them, and every worker's facade looks here. Any goroutine
// may use it.
type shared struct {
	// routes says where topics go. A table that replaces it may name no cluster that the configuration has not.
	routes route.Current
	// rules say who may do what. Nil: everybody may do everything.
	rules *authorizer.Rules
	// quotas say how much clients may do, of all workers together. Nil: as much as they can.
	quotas *quota.Quotas
	uneven uneven
	// refused are the commits that were refused last.
	refused refusedCommits
}

// init makes it what the configuration says.
func (s *shared) init(c *config.Config) {
	s.rules = authorizer.New(c.Authorization)
	s.quotas = quota.New(c.Quotas, time.Now())
	groups := make([]route.Rule, 0, len(c.GroupRules))
	for _, r := range c.GroupRules {
		groups = append(groups, route.Rule(r))
	}
	s.routes.Store(route.Tables{
		Written: table(c.Rules, config.Writes), Read: table(c.Rules, config.Reads), Groups: route.New(groups), DefaultHome: c.DefaultGroupCluster,
	})
}

// table has the rules that are for an operation.
func table(rules []config.Rule, operation config.Operations) route.Table {
	var of []route.Rule
	for _, r := range rules {
		if r.Operations.Has(operation) {
			of = append(of, route.Rule{Prefix: r.Prefix, Cluster: r.Cluster})
		}
	}
	return route.New(of)
}
