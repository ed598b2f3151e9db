package stats

import (
	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Kind says how a metric moves.
type Kind uint8

// The kinds of metric.
const (
	// Counter only grows.
	Counter Kind = iota
	// Gauge goes up and down.
	Gauge
	// Histogram is how many of each size there were.
	Histogram
)

// String is the kind in lower case, as docs/metrics.md spells it.
func (k Kind) String() string { return [...]string{"counter", "gauge", "histogram"}[k] }

// Label is what tells the metrics of one family apart, as Prometheus has it.
type Label struct{ Name, Value string }

// Metric is one row of the table.
type Metric struct {
	// Name is lower case but for names out of the configuration, dots between levels: requests.produce, cluster.c1.batches. A host
	// puts its own namespace in front.
	Name string
	Kind Kind
	// Unit is what one is: connections, bytes, microseconds.
	Unit string
	// Help is one sentence for an operator.
	Help string
	// Family is the name without what Labels say: requests, cluster.batches.
	Family string
	Labels []Label
	// Level says of a gauge that it is set: what several configurations say of it does not add up, the last one counts.
	Level bool
	// Rare says that most configurations never count it: it may be left out while it is zero.
	Rare bool

	at int // where its numbers begin
}

// Slots is how many numbers the metric has.
func (m *Metric) Slots() int {
	if m.Kind == Histogram {
		return histogramSlots
	}
	return 1
}

// Table lists every metric of a configuration, in the order in which to show them. NewTable makes one.
type Table []Metric

// Scope is what a configuration has metrics of.
type Scope struct {
	// APIs are those that clients are served.
	APIs []wire.API
	// Clusters are the names of the upstream clusters, and Rules the prefixes of the forwarding rules.
	Clusters, Rules []string
	// Topics are those that are counted apart.
	Topics []string
	// Mechanisms are those by which clients may log in, and LoginFailures the reasons for which that can fail.
	Mechanisms, LoginFailures []string
	// Denying are the names of what can deny something to clients: rules of authorization, and that there is none.
	Denying []string
	// Quotas are the names of the rules of quotas.
	Quotas []string
	// ListensTLS says that clients are spoken TLS with by us, and not by Envoy.
	ListensTLS bool
}

// NewTable lists the metrics of a scope.
func NewTable(of Scope) Table {
	var t Table
	for _, r := range new(Set).rows() {
		t = append(t, r.Metric)
	}
	t = append(t, apiTable(of.APIs)...)
	for _, r := range wire.Reasons() {
		if !r.OfLogin() || len(of.Mechanisms) > 0 {
			t = append(t, violationMetric(r))
		}
	}
	for _, kind := range wire.RefusedKinds() {
		t = append(t, refusedMetric(kind))
	}
	for _, rule := range of.Denying {
		t = append(t, denialMetric(rule))
	}
	for _, rule := range of.Quotas {
		t = appendRows(t, quotaScope(rule), new(Quota).rows())
	}
	for _, label := range software.Labels() {
		t = appendRows(t, scoped("clients", label, LabelSoftware), new(Client).rows())
	}
	t = append(t, loginTable(of.Mechanisms, of.LoginFailures)...)
	if of.ListensTLS {
		for _, f := range TLSFailures() {
			t = append(t, tlsFailureMetric(f))
		}
	}
	for _, name := range of.Clusters {
		t = appendRows(t, clusterScope(name), new(Cluster).rows())
		for _, code := range countedCodes() {
			t = append(t, errorMetric(name, errorName(code)))
		}
		t = append(t, errorMetric(name, otherErrors))
	}
	for _, prefix := range of.Rules {
		t = appendRows(t, ruleScope(prefix), new(Rule).rows())
	}
	for _, topic := range of.Topics {
		t = appendRows(t, topicScope(topic), new(Traffic).rows())
	}
	at := 0
	for i := range t {
		if t[i].Family == "" {
			t[i].Family = t[i].Name
		}
		t[i].at = at
		at += t[i].Slots()
	}
	return t
}

// Size is how many numbers the metrics have together.
func (t Table) Size() int {
	if len(t) == 0 {
		return 0
	}
	last := &t[len(t)-1]
	return last.at + last.Slots()
}

// scope is what several metrics have in their names, and as a label.
type scope struct {
	level, name string
	label       Label
}

func scoped(level, name, label string) scope { return scope{level, name, Label{label, name}} }

// prefix is what stands before the metrics' own names.
func (s scope) prefix() string { return s.level + "." + s.name + "." }

// metric puts a metric into the scope.
func (s scope) metric(m Metric) Metric {
	m.Family, m.Name = s.level+"."+m.Name, s.prefix()+m.Name
	m.Labels = append([]Label{s.label}, m.Labels...)
	return m
}

// appendRows appends what rows say of one scope.
func appendRows(t Table, s scope, rows []row) Table {
	for _, r := range rows {
		t = append(t, s.metric(r.Metric))
	}
	return t
}

// row joins a metric with the field that counts it.
type row struct {
	into any // a *Value, *Level or *Distribution
	Metric
}

// rows are the metrics of a listener that are there once.
func (s *Set) rows() []row {
	return []row{
		{&s.Connections, Metric{Name: "connections", Unit: "connections", Help: "Connections accepted from clients."}},
		{&s.ActiveConnections, Metric{Name: "connections_active", Kind: Gauge, Unit: "connections", Help: "Clients connected now."}},
		{&s.ReadsPaused, Metric{
			Name: "reads_paused", Unit: "pauses",
			Help: "Times that a client was not read from for a while: it had too much in flight, or did not read its answers.",
		}},
		{&s.UnmatchedTopics, Metric{
			Name: "unmatched_topics", Unit: "topics", Help: "Topics that clients named and no forwarding rule matches, one for each request that names it.",
		}},
		{&s.PanicsRecovered, Metric{
			Name: "panics_recovered", Unit: "panics", Help: "Bugs caught before they could do harm beyond one connection; please report.",
		}},
		{&s.AccessLogWritten, Metric{Name: "access_log.written", Unit: "lines", Help: "Lines that were written to the access log."}},
		{&s.AccessLogDropped, Metric{
			Name: "access_log.dropped", Unit: "lines", Help: "Lines that were not, because what is written to is slower than they come, or takes none.",
		}},
		{&s.Build, buildMetric(version.Current().Version)},
	}
}
