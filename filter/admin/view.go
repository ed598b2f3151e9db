package admin

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// view is the page's words: what it shows, in the order in which it does.
type view struct {
	Style  template.CSS
	Script template.JS
	Icon   template.URL
	// Mood is how it is: bad, warn, good. Verdict says so in a sentence.
	Mood, Verdict string
	Process       status.Process
	Commit, Up    string
	At            when
	Problems      []problemView
	Meshes        []meshView
}

// when is a moment, and how long ago that was.
type when struct {
	Exact, Clock, Ago string
}

type problemView struct {
	Mood, Word, Text, Detail, Mesh string
	Since                          when
}

// meshView is one mesh.
type meshView struct {
	status.Mesh

	ID       string
	Title    string // empty if it is the only one
	Up       string
	Tiles    []tile
	Clusters []clusterView
	Rules    []ruleView
	Homes    string // of groups; empty if there is nothing to say
	Software []softwareView
	Logins   []loginView
	Busiest  []clientView
	Topics   []askedView
	Closings []closingView
	Refusals []askedView

	Groups                    []groupView
	Throttled                 []throttledView
	Failures                  []failureView
	MoreGroups, MoreThrottled string // empty: none
}

// tile is a number with a chart.
type tile struct {
	Label, Value string
	Chart        *chart
	Bad          bool
}

type ruleView struct {
	Number                           int
	Prefix, Cluster                  string
	Only                             string // what it is for, if not for all
	Batches, Bytes, Failed, P50, P99 string
	Read                             string
	Share                            int // of the bytes of the last minute, in hundredths
	Failing                          bool
}

type softwareView struct{ Name, Connected, Total string }

type clientView struct{ Name, Address, Software, Rate, Bytes, Requests, For string }

// askedView is something that was asked for and is not to be had.
type askedView struct {
	What, Who, Software, Times string
	Last                       when
}

type closingView struct {
	At                          when
	Kind, Reason, Who, Software string
}

const (
	moodBad  = "bad"
	moodWarn = "warn"
	moodGood = "good"
	moodOff  = "off"
)

// openClusters is how many clusters have their brokers shown at once.
const openClusters = 6

// newView finds the words for a moment.
func newView(m *moment) *view {
	v := &view{
		Style: template.CSS(pageStyle), Script: template.JS(pageScript), //nolint:gosec // both are ours
		Process: m.Process, Commit: m.Process.Commit[:min(len(m.Process.Commit), 12)], Up: span(m.Time.Sub(m.Process.Started)), At: at(m.Time, m.Time),
	}
	v.Mood, v.Verdict = mood(m)
	v.Icon = icon(v.Mood)
	for _, p := range m.Problems {
		pv := problemView{Mood: severityMood(p.Severity), Word: string(p.Severity), Text: p.Text, Detail: p.Detail, Since: at(p.Since, m.Time)}
		if len(m.Meshes) > 1 {
			pv.Mesh = p.Mesh
		}
		v.Problems = append(v.Problems, pv)
	}
	for i := range m.Meshes {
		mv := newMeshView(&m.Meshes[i], m.charts[i], m.Time)
		mv.ID = fmt.Sprintf("mesh%d", i+1)
		if len(m.Meshes) > 1 {
			mv.Title = cmp.Or(mv.Name, mv.Listener, fmt.Sprintf("Mesh %d", i+1))
		}
		v.Meshes = append(v.Meshes, mv)
	}
	return v
}

// mood is how a process does, and a sentence that says so.
func mood(m *moment) (mood, verdict string) {
	clusters, out, worst := 0, 0, moodGood
	for i := range m.Meshes {
		for j := range m.Meshes[i].Clusters {
			clusters++
			if m.Meshes[i].Clusters[j].State == status.Unreachable {
				out++
			}
		}
	}
	for _, p := range m.Problems {
		switch severityMood(p.Severity) {
		case moodBad:
			worst = moodBad
		case moodWarn:
			if worst == moodGood {
				worst = moodWarn
			}
		}
	}
	switch {
	case len(m.Meshes) == 0:
		return moodWarn, "No configuration is at work yet"
	case out > 0 && out == clusters:
		return moodBad, "No cluster can be reached"
	case out > 0:
		return moodBad, fmt.Sprintf("%d of %s cannot be reached", out, plural(clusters, "cluster"))
	case worst == moodBad:
		return moodBad, m.Problems[0].Text
	case !m.Ready:
		return moodWarn, "Not ready: " + m.verdict.Reason
	case worst == moodWarn:
		return moodWarn, m.Problems[0].Text
	case clusters == 1:
		return moodGood, "The cluster can be reached, and nothing is wrong"
	default:
		return moodGood, fmt.Sprintf("All %d clusters can be reached, and nothing is wrong", clusters)
	}
}

func severityMood(s status.Severity) string {
	switch s {
	case status.Critical:
		return moodBad
	case status.Warning:
		return moodWarn
	default:
		return moodOff
	}
}

// icon is what a browser's tab shows.
func icon(mood string) template.URL {
	color := map[string]string{moodBad: "c0291f", moodWarn: "b7791f", moodGood: "1a7f4b"}[mood]
	return template.URL( //nolint:gosec // nothing in it is anybody's
		"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23" + color + "'/%3E%3C/svg%3E")
}

// at is a moment as it is shown; empty if there is none.
func at(t, now time.Time) when {
	if t.IsZero() {
		return when{}
	}
	ago := now.Sub(t)
	w := when{Exact: t.Format(time.RFC3339), Clock: t.Format("15:04:05 MST"), Ago: span(ago)}
	if ago > day {
		w.Clock = t.Format("2006-01-02 15:04 MST")
	}
	return w
}

func newMeshView(m *status.Mesh, c charts, now time.Time) meshView {
	v := meshView{Mesh: *m, Up: span(now.Sub(m.Since)), Tiles: tiles(m, c.mesh)}
	clusters := slices.Clone(m.Clusters)
	slices.SortStableFunc(clusters, func(a, b status.Cluster) int {
		return cmp.Or(cmp.Compare(trouble(&a), trouble(&b)), cmp.Compare(b.Traffic.BytesPerSecond, a.Traffic.BytesPerSecond))
	})
	for i := range clusters {
		cv := newClusterView(&clusters[i], c.clusters[stats.ClusterMetrics(clusters[i].Name)], now)
		cv.Open = i < openClusters || cv.Mood == moodBad
		v.Clusters = append(v.Clusters, cv)
	}
	v.Rules, v.Homes = ruleViews(m), homes(m)
	v.Groups, v.Throttled, v.Failures = groupViews(&m.Clients, now), throttledViews(&m.Clients, now), failureViews(&m.Clients)
	v.MoreGroups, v.MoreThrottled = some(m.Clients.MoreGroups), some(m.Clients.MoreThrottled)
	for _, s := range m.Clients.Software {
		v.Software = append(v.Software, softwareView{s.Name, number(float64(s.Connected)), number(float64(s.Total))})
	}
	for _, l := range m.Clients.Logins {
		v.Logins = append(v.Logins, loginView{l.Mechanism, number(float64(l.Succeeded)), number(float64(l.Renewed)), number(float64(l.Failed))})
	}
	for _, b := range m.Clients.Busiest {
		v.Busiest = append(v.Busiest, clientView{
			Name: cmp.Or(b.ID, "–"), Address: b.Address, Software: cmp.Or(b.Software, "–"), Rate: size(b.BytesPerSecond) + "/s", Bytes: size(float64(b.Bytes)),
			Requests: number(float64(b.Requests)), For: span(now.Sub(b.Since)),
		})
	}
	for _, u := range m.Clients.Unmatched {
		v.Topics = append(v.Topics, askedView{u.Topic, who(u.ClientID, u.Client), cmp.Or(u.Software, "–"), number(float64(u.Times)), at(u.Last, now)})
	}
	for _, l := range m.Clients.Closings {
		v.Closings = append(v.Closings, closingView{at(l.Time, now), l.Kind, l.Reason, who(l.ClientID, l.Client), cmp.Or(l.Software, "–")})
	}
	for _, r := range m.Clients.Refusals {
		what := r.Kind
		if r.API != "" {
			what += ": " + r.API
		}
		v.Refusals = append(v.Refusals, askedView{what, who(r.ClientID, r.Client), cmp.Or(r.Software, "–"), number(float64(r.Times)), at(r.Last, now)})
	}
	return v
}

// loginView is the logins by one mechanism.
type loginView struct{ Mechanism, Succeeded, Renewed, Failed string }

// who names a client.
func who(id, address string) string {
	if id == "" {
		return cmp.Or(address, "–")
	}
	return id + " at " + address
}

// tiles are the numbers of a mesh as a whole.
func tiles(m *status.Mesh, ps []point) []tile {
	perSecond := func(n float64) string { return number(n) + "/s" }
	bytes := func(n float64) string { return size(n) + "/s" }
	draw := func(title string, unit func(float64) string, first, upper func(point) float64) *chart {
		c := drawn(title, ps, unit, first, upper)
		return &c
	}
	failed := draw("Failed batches a second", perSecond, func(p point) float64 { return p.failed }, nil)
	failed.Bad = true
	t := m.Traffic
	return []tile{
		{"Bytes in", bytes(t.BytesPerSecond), draw("Bytes a second", bytes, func(p point) float64 { return p.bytes }, nil), false},
		{"Bytes out", bytes(t.ReadPerSecond), draw("Bytes read a second", bytes, func(p point) float64 { return p.read }, nil), false},
		{"Records", perSecond(t.RecordsPerSecond), draw("Records a second", perSecond, func(p point) float64 { return p.records }, nil), false},
		{
			"Answered in p50 / p99", length(t.P50) + " / " + length(t.P99),
			draw("Time to answer, half and 99 of 100", length, func(p point) float64 { return p.p50 }, func(p point) float64 { return p.p99 }), false,
		},
		{"Failed batches", perSecond(t.FailedPerSecond), failed, t.FailedPerSecond > 0},
		{"Clients connected", number(float64(m.Clients.Connected)), nil, false},
	}
}

// homes says where groups live, if that is not clear.
func homes(m *status.Mesh) string {
	if len(m.Clusters) < 2 { //nolint:mnd // there is a choice
		return ""
	}
	var words []string
	for _, r := range m.GroupRules {
		words = append(words, r.Prefix+"* on "+r.Cluster)
	}
	if len(words) > 0 {
		return strings.Join(words, ", ") + ", and all others on " + m.GroupHome
	}
	return m.GroupHome
}

// ruleViews are the rules in their order, which is what decides.
func ruleViews(m *status.Mesh) (views []ruleView) {
	all := 0.0
	for _, r := range m.Rules {
		all += r.Traffic.BytesPerSecond
	}
	for i, r := range m.Rules {
		t := r.Traffic
		v := ruleView{
			Number: i + 1, Prefix: r.Prefix, Cluster: r.Cluster, Batches: number(t.BatchesPerSecond) + "/s", Bytes: size(t.BytesPerSecond) + "/s",
			Read: size(t.ReadPerSecond) + "/s", Failed: number(t.FailedPerSecond) + "/s", P50: length(t.P50), P99: length(t.P99), Failing: t.FailedPerSecond > 0,
		}
		if r.Operations == status.Reads || r.Operations == status.Writes {
			v.Only = string(r.Operations)
		}
		if all > 0 {
			v.Share = int(100 * t.BytesPerSecond / all)
		}
		views = append(views, v)
	}
	return views
}
