package admin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

const (
	// certificateSoon is how long before its end a certificate is told of, and certificateNow how long before that is a warning.
	certificateSoon = 30 * day
	certificateNow  = 7 * day
	// metadataOld is the age of metadata that is told of: that of three refreshes that were due by default.
	metadataOld = 15 * minute
	// recent is how long ago something may be to be called a problem of now.
	recent = 10 * minute
)

// problems are what is wrong, the worst first.
func problems(s *status.Status, draining bool, broken int) []status.Problem {
	found := []status.Problem{}
	if draining {
		found = append(found, status.Problem{
			Severity: status.Warning, Text: "The process is about to end, or has a successor", Detail: "It takes no more clients, and answers what is in flight.",
		})
	}
	if broken > 0 {
		found = append(found, status.Problem{
			Severity: status.Critical, Text: "A bug keeps a mesh from being asked", Detail: "The log says more; please report it.",
		})
	}
	for i := range s.Meshes {
		m := &s.Meshes[i]
		var about []status.Problem
		for j := range m.Clusters {
			about = append(about, reachProblems(&m.Clusters[j])...)
		}
		for j := range m.Clusters {
			about = append(about, clusterProblems(&m.Clusters[j], s.Time)...)
		}
		about = append(about, meshProblems(m, s.Time)...)
		for _, p := range about {
			p.Mesh = m.Name
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b status.Problem) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	return found
}

func rank(s status.Severity) int {
	return slices.Index([]status.Severity{status.Critical, status.Warning, status.Notice}, s)
}

// meshProblems are those of a mesh that are not of a cluster.
func meshProblems(m *status.Mesh, now time.Time) (found []status.Problem) {
	add := func(severity status.Severity, since time.Time, text, detail string) {
		found = append(found, status.Problem{Severity: severity, Text: text, Detail: detail, Since: since})
	}
	if m.Panics > 0 {
		add(status.Warning, time.Time{}, plural(int(m.Panics), "bug")+" met and stopped", "Each cost one connection at most. The log has them; please report them.")
	}
	var topics []string
	for _, u := range m.Clients.Unmatched {
		if now.Sub(u.Last) < recent {
			topics = append(topics, u.Topic)
		}
	}
	if len(topics) > 0 {
		add(status.Warning, time.Time{}, "No rule matches "+few(topics),
			"Clients are told that they are not authorized. Add a rule for the prefix, or tell who asks: see Topics without a rule.")
	}
	closings := 0
	for _, c := range m.Clients.Closings {
		if now.Sub(c.Time) < recent {
			closings++
		}
	}
	if closings > 0 {
		add(status.Notice, time.Time{}, plural(closings, "connection")+" closed in the last ten minutes for what a client did", "See Closed connections.")
	}
	refused := map[string]bool{}
	for _, r := range m.Clients.Refusals {
		if now.Sub(r.Last) < recent {
			refused[r.Kind] = true
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(refused)) {
		add(status.Notice, time.Time{}, strings.ToUpper(kind[:min(1, len(kind))])+kind[min(1, len(kind)):]+" were refused in the last ten minutes",
			"They asked for what is not served. See Refused.")
	}
	found = append(found, troubleProblems(&m.Clients, now)...)
	for _, w := range m.Warnings {
		add(status.Notice, m.Since, "The configuration has a remark", w)
	}
	return found
}

// reachProblems say that a cluster cannot be reached, or may not be.
func reachProblems(c *status.Cluster) []status.Problem {
	switch c.State {
	case status.Unreachable:
		return []status.Problem{{Severity: status.Critical, Cluster: c.Name, Text: c.Name + " cannot be reached", Detail: c.LastError, Since: c.Since}}
	case status.Unknown:
		return []status.Problem{{Severity: status.Notice, Cluster: c.Name, Text: c.Name + " was not tried yet"}}
	default:
		return nil
	}
}

// clusterProblems are the other ones of one cluster.
func clusterProblems(c *status.Cluster, now time.Time) (found []status.Problem) {
	add := func(severity status.Severity, since time.Time, text, detail string) {
		found = append(found, status.Problem{Severity: severity, Cluster: c.Name, Text: text, Detail: detail, Since: since})
	}
	if c.State == status.Reachable && c.Traffic.FailedPerSecond > 0 {
		add(status.Critical, time.Time{}, "Batches for "+c.Name+" fail: "+number(c.Traffic.FailedPerSecond)+" a second", mostErrors(c.Errors))
	}
	if c.State == status.Reachable && c.Topics > 0 && !c.MetadataAt.IsZero() && now.Sub(c.MetadataAt) > metadataOld {
		add(status.Warning, c.MetadataAt, "What is known of "+c.Name+" is old", "It last told of its brokers and topics "+span(now.Sub(c.MetadataAt))+" ago.")
	}
	for i := range c.Brokers {
		if b := &c.Brokers[i]; !b.Lost.IsZero() {
			add(status.Critical, b.Lost, fmt.Sprintf("Broker %d of %s cannot be reached: %s leads %s of topics in use", b.Node, c.Name, b.Address, plural(b.Leads, "partition")),
				b.LastError)
		}
	}
	if c.Leaderless > 0 {
		add(status.Critical, time.Time{}, fmt.Sprintf("%d of %s of %s have no leader", c.Leaderless, plural(c.Partitions, "partition"), c.Name),
			"Records for them wait with their producers, and consumers wait, until the cluster has elected one.")
	}
	if !c.CertificateExpiry.IsZero() {
		switch left := c.CertificateExpiry.Sub(now); {
		case left <= 0:
			add(status.Critical, c.CertificateExpiry, "A certificate for "+c.Name+" has ended", "")
		case left < certificateNow:
			add(status.Warning, time.Time{}, "A certificate for "+c.Name+" ends in "+span(left), "")
		case left < certificateSoon:
			add(status.Notice, time.Time{}, "A certificate for "+c.Name+" ends in "+span(left), "")
		}
	}
	return found
}

// mostErrors names what batches were answered with, the most frequent first.
func mostErrors(errors map[string]int64) string {
	codes := slices.SortedFunc(maps.Keys(errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(errors[b], errors[a]), cmp.Compare(a, b))
	})
	if len(codes) == 0 {
		return ""
	}
	said := make([]string, 0, len(codes))
	for _, code := range codes {
		said = append(said, strings.ToUpper(code)+" "+number(float64(errors[code])))
	}
	return "Since the start: " + few(said)
}
