package statstest

import (
	"fmt"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// Contradictions says which metrics of a set tell different things of the same, while nothing is in flight.
func Contradictions(set *stats.Set) []string {
	c := contradictions{of: map[string]stats.Sample{}, sums: map[string]int64{}}
	for _, s := range set.Read() {
		c.of[s.Name] = s
		if n := c.number(s.Name); n < 0 || s.Sizes != nil && s.Sizes.Sum < 0 {
			c.found("%s is less than nothing: %d", s.Name, n)
		}
		labels := map[string]string{}
		for _, l := range s.Labels {
			labels[l.Name] = l.Value
		}
		c.sums[s.Family+" "+labels[stats.LabelCluster]+labels[stats.LabelAPI]] += c.number(s.Name)
	}
	for name, s := range c.of {
		for _, l := range s.Labels {
			switch s.Family {
			case "cluster.requests":
				c.cluster(strings.TrimSuffix(name, ".requests"), l.Value)
			case "rule.batches", "topic.batches":
				c.noMore(strings.TrimSuffix(name, "batches")+"failed_batches", name)
			case "requests":
				c.api(l.Value)
			}
		}
	}
	return c.problems
}

// contradictions are those that were found so far.
type contradictions struct {
	problems []string
	of       map[string]stats.Sample
	sums     map[string]int64 // of a family and a cluster or an API
}

func (c *contradictions) found(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// number is what a metric has come to; of a histogram, how many were recorded.
func (c *contradictions) number(name string) int64 {
	s := c.of[name]
	if s.Sizes != nil {
		return s.Sizes.Count()
	}
	return s.Value
}

// cluster looks at one cluster's metrics.
func (c *contradictions) cluster(scope, label string) {
	if a, b := c.number(scope+".failed_batches"), c.sums["cluster.errors "+label]; a != b {
		c.found("%s: %d failed batches, and %d errors", scope, a, b)
	}
	if a, b := c.number(scope+".requests"), c.number(scope+".batches_per_request"); a != b {
		c.found("%s: %d requests, and %d had some number of batches", scope, a, b)
	}
	if a, b := c.number(scope+".batches"), c.of[scope+".batches_per_request"].Sizes; b == nil || a != b.Sum {
		c.found("%s: %d batches, and others in requests: %+v", scope, a, b)
	}
	c.noMore(scope+".time_upstream_us", scope+".requests")
	c.noMore(scope+".requests", scope+".time_in_filter_us")
	c.noMore(scope+".time_in_filter_us", scope+".batches")
	c.noMore(scope+".login_failures", scope+".connect_failures")
}

// api looks at one API's metrics. A request of a version that is not served has no version.
func (c *contradictions) api(name string) {
	all := c.number("requests." + name)
	if n := c.sums["api.requests "+name]; n > all || n < all && name != "api_versions" {
		c.found("%d requests of %s, and %d of its versions", all, name, n)
	}
	for _, part := range []string{"api.failures ", "api.refusals "} {
		if n := c.sums[part+name]; n > all {
			c.found("%s%s: %d of %d requests", part, name, n, all)
		}
	}
	c.noMore("request_time_us."+name, "requests."+name)
}

// noMore wants one metric to be no more than another.
func (c *contradictions) noMore(less, more string) {
	if a, b := c.number(less), c.number(more); a > b {
		c.found("%s is %d, %s only %d", less, a, more, b)
	}
}
