package admin

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

const (
	// interval is how often metrics are looked at.
	interval = 5 * time.Second
	// points is how many are kept for charts: ten minutes.
	points = 120
	// lately is how many make the rates of the last minute.
	lately = 12

	median = 0.5
	tail   = 0.99
	// micros is how many microseconds, which metrics have, are a millisecond, which is shown.
	micros = 1000
)

// point is what a chart has for one interval, each a second. The times are milliseconds.
type point struct{ bytes, batches, records, failed, read, p50, p99 float64 }

// counts are the totals at one moment.
type counts struct {
	batches, bytes, records, failed, read int64
	times                                 *stats.Sizes // nil: nothing was measured
}

// take adds what one metric of a cluster or a rule says, by the end of its family's name.
func (c *counts) take(s *stats.Sample, name string) {
	switch name {
	case "batches":
		c.batches += s.Value
	case "bytes":
		c.bytes += s.Value
	case "records":
		c.records += s.Value
	case "failed_batches":
		c.failed += s.Value
	case "read_bytes", "fetch.bytes":
		c.read += s.Value
	case "time_total_us":
		c.times = s.Sizes
	}
}

// track follows the traffic of one thing.
type track struct {
	most   int // points that are kept
	last   counts
	seen   bool
	points []point        // the last ones, the oldest first
	times  []*stats.Sizes // at the beginning of the last minute and since
}

// take takes note of the totals of now, that time after those before.
func (t *track) take(now counts, passed time.Duration) {
	if now.times == nil {
		now.times = new(stats.Sizes)
	}
	before, seen := t.last, t.seen
	if seen && now.times.Count() == before.times.Count() {
		now.times = before.times // what rests costs no memory
	}
	t.last, t.seen = now, true
	t.times = keep(t.times, now.times, lately+1)
	if !seen || passed <= 0 {
		return
	}
	rate := func(now, before int64) float64 { return float64(max(now-before, 0)) / passed.Seconds() }
	times := now.times.Since(before.times)
	t.points = keep(t.points, point{
		bytes: rate(now.bytes, before.bytes), batches: rate(now.batches, before.batches), records: rate(now.records, before.records),
		failed: rate(now.failed, before.failed), read: rate(now.read, before.read), p50: millis(times, median), p99: millis(times, tail),
	}, t.most)
}

// millis is a quantile in milliseconds.
func millis(s *stats.Sizes, q float64) float64 { return float64(s.Quantile(q)) / micros }

// keep appends to a list and drops its oldest beyond most.
func keep[T any](list []T, v T, most int) []T {
	if len(list) == most {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, v)
}

// traffic is what is told of the track.
func (t *track) traffic() status.Traffic {
	if t == nil {
		return status.Traffic{}
	}
	now := status.Traffic{Batches: t.last.batches, Bytes: t.last.bytes, Records: t.last.records, Failed: t.last.failed, ReadBytes: t.last.read}
	recent := t.points[max(0, len(t.points)-lately):]
	for _, p := range recent {
		n := float64(len(recent))
		now.BatchesPerSecond += p.batches / n
		now.BytesPerSecond += p.bytes / n
		now.RecordsPerSecond += p.records / n
		now.FailedPerSecond += p.failed / n
		now.ReadPerSecond += p.read / n
	}
	if len(t.times) > 1 {
		times := t.last.times.Since(t.times[0])
		now.P50, now.P99 = millis(times, median), millis(times, tail)
	}
	return now
}

// chart is the points, copied.
func (t *track) chart() []point {
	if t == nil {
		return nil
	}
	return slices.Clone(t.points)
}

// tracks are those of things with names.
type tracks map[string]*track

// take takes note of the totals of all, and forgets what is not there any more. New ones keep so many points.
func (ts tracks) take(now map[string]*counts, passed time.Duration, most int) {
	for name := range ts {
		if now[name] == nil {
			delete(ts, name)
		}
	}
	for name, c := range now {
		if ts[name] == nil {
			ts[name] = &track{most: most}
		}
		ts[name].take(*c, passed)
	}
}

// history follows the traffic of one mesh.
type history struct {
	at       time.Time
	mesh     track
	clusters tracks // by their names in metrics
	rules    tracks
	failures failures
	now      read
}

// read is what a mesh's samples say, sorted out.
type read struct {
	mesh     counts
	clusters map[string]*counts
	rules    map[string]*counts
	requests map[string]int64            // by API
	errors   map[string]map[string]int64 // by cluster and code
	failed   []*stats.Sample             // logins and handshakes
}

// take takes note of a mesh's samples of now.
func (h *history) take(samples []stats.Sample, now time.Time) {
	if h.clusters == nil {
		h.clusters, h.rules, h.failures = tracks{}, tracks{}, failures{}
	}
	passed, seen := now.Sub(h.at), !h.at.IsZero()
	h.at, h.now = now, sortOut(samples)
	h.failures.take(h.now.failed, seen)
	h.mesh.most = points
	h.mesh.take(h.now.mesh, passed)
	h.clusters.take(h.now.clusters, passed, points)
	h.rules.take(h.now.rules, passed, lately) // which have no charts
}

// sortOut finds what traffic is made of. A mesh's is the sum of its clusters', but for the time, which is what clients saw.
func sortOut(samples []stats.Sample) read {
	r := read{
		clusters: map[string]*counts{}, rules: map[string]*counts{}, requests: map[string]int64{}, errors: map[string]map[string]int64{},
	}
	for i := range samples {
		s := &samples[i]
		switch scope, name := split(s.Family); {
		case s.Family == "cluster.errors":
			r.takeError(s)
		case scope == "cluster":
			of(r.clusters, label(s, stats.LabelCluster)).take(s, name)
			if s.Sizes == nil {
				r.mesh.take(s, name)
			}
		case scope == "rule":
			of(r.rules, label(s, stats.LabelRule)).take(s, name)
		case s.Family == "requests":
			r.requests[label(s, stats.LabelAPI)] = s.Value
		case s.Family == "request_time_us" && label(s, stats.LabelAPI) == "produce":
			r.mesh.times = s.Sizes
		case s.Value > 0 && (s.Family == "logins.failed" || s.Family == "tls_handshakes.failed"):
			r.failed = append(r.failed, s)
		}
	}
	return r
}

func (r *read) takeError(s *stats.Sample) {
	if s.Value == 0 {
		return
	}
	cluster := label(s, stats.LabelCluster)
	if r.errors[cluster] == nil {
		r.errors[cluster] = map[string]int64{}
	}
	r.errors[cluster][label(s, stats.LabelError)] = s.Value
}

// split is a family's name taken apart at its first dot.
func split(family string) (scope, name string) {
	scope, name, _ = strings.Cut(family, ".")
	return scope, name
}

// label is the value of one of a sample's labels.
func label(s *stats.Sample, name string) string {
	for _, l := range s.Labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// of is what is under a name, made when it is first needed.
func of(all map[string]*counts, name string) *counts {
	if all[name] == nil {
		all[name] = new(counts)
	}
	return all[name]
}

// fill adds to a mesh what is known of its traffic.
func (h *history) fill(m *status.Mesh) {
	m.Traffic, m.Requests = h.mesh.traffic(), maps.Clone(h.now.requests)
	h.failures.fill(&m.Clients)
	for i := range m.Clusters {
		c := &m.Clusters[i]
		name := stats.ClusterMetrics(c.Name)
		c.Traffic, c.Errors = h.clusters[name].traffic(), maps.Clone(h.now.errors[name])
	}
	for i := range m.Rules {
		r := &m.Rules[i]
		r.Traffic = h.rules[stats.RuleMetrics(r.Prefix)].traffic()
		switch r.Operations { // one for reads and one for writes may have the prefix, and share its metrics
		case status.Reads:
			r.Traffic = status.Traffic{ReadBytes: r.Traffic.ReadBytes, ReadPerSecond: r.Traffic.ReadPerSecond}
		case status.Writes:
			r.Traffic.ReadBytes, r.Traffic.ReadPerSecond = 0, 0
		case status.ReadsAndWrites:
		}
	}
}

// charts are the points of a mesh and of its clusters, by their names in metrics.
type charts struct {
	mesh     []point
	clusters map[string][]point
}

func (h *history) charts() charts {
	c := charts{h.mesh.chart(), map[string][]point{}}
	for name, t := range h.clusters {
		c.clusters[name] = t.chart()
	}
	return c
}
