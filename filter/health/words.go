package health

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// maxListed is how many addresses are named where the same is wrong with all.
const maxListed = 3

// words says what went wrong, once for all brokers that it went wrong with. The mutex is held.
func (c *Cluster) words(err error) string { return Words(err, c.explain()) }

// explain finds words for a failure. A connection that ends means something else once the cluster has answered. The mutex is held.
func (c *Cluster) explain() func(error) error {
	if c.answered.IsZero() {
		return c.settings.Dial.Explain
	}
	return asItIs
}

// key tells failures apart, whichever brokers were tried and in whatever order. The mutex is held.
func (c *Cluster) key(err error) string {
	var all []string
	for _, f := range failures(err) {
		all = append(all, f.what(c.explain()))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "; ")
}

// Words says what went wrong, once for all brokers that it went wrong with. explain finds words for one failure.
func Words(err error, explain func(error) error) string {
	type group struct {
		failure

		addrs []string
	}
	var groups []*group
	for _, f := range failures(err) {
		same := slices.IndexFunc(groups, func(g *group) bool { return g.doing == f.doing && g.what(explain) == f.what(explain) })
		if same < 0 {
			same = len(groups)
			groups = append(groups, &group{failure: f})
		}
		if g := groups[same]; f.addr != "" && !slices.Contains(g.addrs, f.addr) {
			g.addrs = append(g.addrs, f.addr)
		}
	}
	parts := make([]string, 0, len(groups))
	for _, g := range groups {
		text := g.what(explain)
		if len(g.addrs) > 0 {
			text = g.doing + " " + list(g.addrs) + ": " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// failure is what went wrong with one broker, or at all.
type failure struct {
	doing, addr string
	err         error
}

// what is what went wrong, in words.
func (f *failure) what(explain func(error) error) string {
	return strings.ReplaceAll(explain(f.err).Error(), "\n", "; ")
}

// failures takes an error apart into what went wrong with each broker.
func failures(err error) []failure {
	if e, ok := err.(*link.BrokerError); ok { //nolint:errorlint // of this error, not of what is in it
		return []failure{{e.Doing, e.Addr, e.Err}}
	}
	switch e := err.(type) { //nolint:errorlint // see above
	case interface{ Unwrap() []error }:
		var all []failure
		for _, part := range e.Unwrap() {
			all = append(all, failures(part)...)
		}
		return all
	case interface{ Unwrap() error }:
		if _, ok := errors.AsType[*link.BrokerError](err); ok {
			return failures(e.Unwrap())
		}
	}
	return []failure{{err: err}}
}

// list names addresses, but not too many.
func list(addrs []string) string {
	if more := len(addrs) - maxListed; more > 0 {
		return strings.Join(addrs[:maxListed], ", ") + " and " + strconv.Itoa(more) + " others"
	}
	if last := len(addrs) - 1; last > 0 {
		return strings.Join(addrs[:last], ", ") + " and " + addrs[last]
	}
	return addrs[0]
}
