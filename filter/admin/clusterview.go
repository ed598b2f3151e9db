package admin

import (
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// clusterView is what the page says of a cluster.
type clusterView struct {
	Mood, State, For string
	Name             string
	Servers          string
	Security         string
	Error            string
	ErrorAt          when
	Facts            []fact
	Charts           []chart
	Brokers          []brokerView
	Open             bool // its brokers are shown at once
}

// fact is something about a cluster, and whether it is as it should be.
type fact struct {
	Name, Value string
	Bad         bool
}

type brokerView struct {
	Mood, Link, Address, Error string
	Node                       int32
	Leads, Connections         int
	InFlight, Queued           string
}

// newClusterView finds the words for a cluster.
func newClusterView(c *status.Cluster, ps []point, now time.Time) clusterView {
	v := clusterView{
		Mood: clusterMood(c), State: stateWords(c.State), Name: c.Name, Servers: strings.Join(c.BootstrapServers, ", "), Security: c.Security,
		Error: c.LastError, ErrorAt: at(c.LastErrorAt, now), Facts: facts(c, now),
	}
	if !c.Since.IsZero() {
		v.For = "for " + span(now.Sub(c.Since))
	}
	bytes := func(n float64) string { return size(n) + "/s" }
	v.Charts = slices.DeleteFunc([]chart{
		drawn("Bytes a second", ps, bytes, func(p point) float64 { return p.bytes }, nil),
		drawn("Time p50 / p99", ps, length, func(p point) float64 { return p.p50 }, func(p point) float64 { return p.p99 }),
	}, func(c chart) bool { return c.Empty })
	for _, b := range c.Brokers {
		bv := brokerView{
			Mood: linkMood(b.Link), Link: string(b.Link), Address: b.Address, Error: b.LastError, Node: b.Node, Leads: b.Leads, Connections: b.Connections,
			InFlight: number(float64(b.InFlight)), Queued: number(float64(b.Queued)),
		}
		if b.QueuedBytes > 0 {
			bv.Queued += " (" + size(float64(b.QueuedBytes)) + ")"
		}
		v.Brokers = append(v.Brokers, bv)
	}
	return v
}

func linkMood(l status.Link) string {
	switch l {
	case status.Down:
		return moodBad
	case status.Connected:
		return moodGood
	case status.Connecting:
		return moodWarn
	default:
		return moodOff
	}
}

// facts are what is known of a cluster in a word each.
func facts(c *status.Cluster, now time.Time) []fact {
	f := []fact{
		{"Batches", number(c.Traffic.BatchesPerSecond) + "/s", false},
		{"Failed", number(c.Traffic.FailedPerSecond) + "/s", c.Traffic.FailedPerSecond > 0},
		{"Read", size(c.Traffic.ReadPerSecond) + "/s", false},
		{"Topics in use", number(float64(c.Topics)), false},
		{"Partitions", number(float64(c.Partitions)), false},
	}
	if c.Identity != "" {
		f = append(f, fact{"Identities, " + c.Identity, number(float64(c.Identities)), false})
	}
	if c.Leaderless > 0 {
		f = append(f, fact{"Without leader", number(float64(c.Leaderless)), true})
	}
	if !c.MetadataAt.IsZero() {
		f = append(f, fact{"Metadata", span(now.Sub(c.MetadataAt)) + " old", c.Topics > 0 && now.Sub(c.MetadataAt) > metadataOld})
	}
	if !c.CertificateExpiry.IsZero() {
		left := c.CertificateExpiry.Sub(now)
		if left > 0 {
			f = append(f, fact{"Certificate", "ends in " + span(left), left < certificateNow})
		} else {
			f = append(f, fact{"Certificate", "ended " + span(-left) + " ago", true})
		}
	}
	return f
}

// trouble orders clusters: those that need somebody first.
func trouble(c *status.Cluster) int {
	return slices.Index([]string{moodBad, moodWarn, moodOff, moodGood}, clusterMood(c))
}

func clusterMood(c *status.Cluster) string {
	switch {
	case c.State == status.Unreachable:
		return moodBad
	case c.State == status.Unknown:
		return moodOff
	case c.Leaderless > 0 || c.Traffic.FailedPerSecond > 0:
		return moodWarn
	default:
		return moodGood
	}
}
