package admin

import (
	"cmp"
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// failures follows how often logins and handshakes of TLS have failed, by reason. What never has costs nothing.
type failures map[string]*failing // by the metric's name

// failing is one reason.
type failing struct {
	metric *stats.Metric
	totals []int64 // of the last ten minutes, the oldest first
}

// take takes note of what has failed by now. seen says that there were some before: what is new then was zero until now.
func (f failures) take(failed []*stats.Sample, seen bool) {
	for _, s := range failed {
		one := f[s.Name]
		if one == nil {
			one = &failing{metric: s.Metric}
			if seen {
				one.totals = append(one.totals, 0)
			}
			f[s.Name] = one
		}
		one.totals = keep(one.totals, s.Value, points+1)
	}
}

// count is how often it has failed so, in all and lately.
func (o *failing) count() (times, recent int64) {
	times = o.totals[len(o.totals)-1]
	return times, times - o.totals[0]
}

// fill adds what has failed lately, most first.
func (f failures) fill(c *status.Clients) {
	for _, one := range f {
		times, recent := one.count()
		if recent == 0 {
			continue
		}
		sample := stats.Sample{Metric: one.metric}
		if reason := label(&sample, stats.LabelTLSFailure); reason != "" {
			c.TLSFailures = append(c.TLSFailures, status.TLSFailure{Reason: reason, Times: times, Recent: recent})
			continue
		}
		c.LoginFailures = append(c.LoginFailures, status.LoginFailure{
			Mechanism: label(&sample, stats.LabelMechanism), Reason: label(&sample, stats.LabelFailure), Times: times, Recent: recent,
		})
	}
	slices.SortFunc(c.LoginFailures, func(a, b status.LoginFailure) int {
		return cmp.Or(cmp.Compare(b.Recent, a.Recent), cmp.Compare(a.Mechanism, b.Mechanism), cmp.Compare(a.Reason, b.Reason))
	})
	slices.SortFunc(c.TLSFailures, func(a, b status.TLSFailure) int {
		return cmp.Or(cmp.Compare(b.Recent, a.Recent), cmp.Compare(a.Reason, b.Reason))
	})
}
