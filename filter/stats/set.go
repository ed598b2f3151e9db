package stats

import (
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Set is every metric of one filter configuration.
//
// It does not change after New: any goroutine may use it. The zero Set drops everything.
type Set struct {
	// Connections counts clients' connections accepted.
	Connections Value
	// ActiveConnections is the number of clients connected.
	ActiveConnections Value
	// ReadsPaused counts how often a client was not read from for a while.
	ReadsPaused Value
	// UnmatchedTopics counts the topics that requests name and no rule matches.
	UnmatchedTopics Value
	// PanicsRecovered counts panics caught at the edge of a callback or goroutine. Each is a bug.
	PanicsRecovered Value
	// AccessLogWritten and AccessLogDropped count the lines of the access log.
	AccessLogWritten, AccessLogDropped Value
	// Build is the number of configurations at work. Its name has the version of this build.
	Build Value

	table   Table
	numbers []int64
	places  map[string]binding
}

// New gives a Set with memory of its own for the metrics of a table.
func New(table Table) *Set { return NewIn(table, Memory{Numbers: make([]int64, table.Size())}) }

// Memory is what a host lends that publishes what was counted.
type Memory struct {
	// Numbers are totals, as many as the table's Size. Nobody but the Set changes them.
	Numbers []int64
	// Marks say which numbers have changed; nil: nobody wants to know. Whatever changes Numbers[i] sets bit i%64 of Marks[i/64]
	// afterwards, and whatever sets the first one of Marks[w] then sets bit w%64 of Groups[w/64]. The host takes a group away, then its
	// marks, with atomic operations, and looks at the numbers then, with atomic.LoadInt64: nothing is lost.
	Marks, Groups []uint64
}

// NewIn is New in memory that a host lends. It keeps it.
func NewIn(table Table, memory Memory) *Set {
	s := &Set{table: table, numbers: memory.Numbers[:table.Size()], places: make(map[string]binding, len(table))}
	for i := range table {
		m := &table[i]
		s.places[m.Name] = binding{s.numbers[m.at : m.at+m.Slots() : m.at+m.Slots()], &memory, m.at}
	}
	s.bind(s.rows(), "")
	return s
}

// Table lists the metrics.
func (s *Set) Table() Table { return s.table }

// API gives the metrics of one API. It looks each of them up: call it once and keep the answer.
func (s *Set) API(api wire.API) *API {
	a := &API{min: api.Min, versions: make([]Version, api.Max-api.Min+1)}
	s.bind(a.rows(api.Name), "")
	for i := range a.versions {
		s.bind(a.versions[i].rows(api.Name, api.Min+int16(i)), "")
	}
	return a
}

// Violation counts the connections closed for one reason: oversized_frame. Unknown reasons are dropped.
func (s *Set) Violation(reason wire.Reason) Value { return s.value(violationMetric(reason).Name) }

// Refused counts the requests of one of wire.RefusedKinds that are refused. Other kinds are dropped.
func (s *Set) Refused(kind wire.Kind) Value { return s.value(refusedMetric(kind).Name) }

// Denied counts what is denied by a rule of authorization, by its name. Others are dropped.
func (s *Set) Denied(rule string) Value { return s.value(denialMetric(rule).Name) }

// Client gives the metrics of the clients of one software, by its label (package software).
func (s *Set) Client(label string) *Client {
	c := new(Client)
	s.bind(c.rows(), scoped("clients", label, LabelSoftware).prefix())
	return c
}

// Login gives the metrics of the logins by a mechanism. It looks each of them up: call it once and keep the answer.
func (s *Set) Login(mechanism string) *Login {
	l := &Login{failed: map[string]Value{}}
	s.bind(l.rows(), loginScope(mechanism).prefix())
	prefix := loginScope(mechanism).prefix() + "failed."
	for name, place := range s.places {
		if reason, ok := strings.CutPrefix(name, prefix); ok {
			l.failed[reason] = place.value(0)
		}
	}
	return l
}

// Rule gives the metrics of the rule with a prefix.
func (s *Set) Rule(prefix string) *Rule {
	r := new(Rule)
	s.bind(r.rows(), ruleScope(prefix).prefix())
	return r
}

// Topic gives the metrics of a topic, nil if it is not counted apart.
func (s *Set) Topic(name string) *Traffic {
	t := new(Traffic)
	if s.bind(t.rows(), topicScope(name).prefix()); t.Batches.n == nil {
		return nil
	}
	return t
}

// Cluster gives the metrics of one upstream cluster. It looks each of them up: call it once and keep the answer.
// An unknown cluster's metrics drop everything.
func (s *Set) Cluster(name string) *Cluster {
	c := &Cluster{Panics: s.PanicsRecovered, errors: make(map[int16]Value)}
	s.bind(c.rows(), clusterScope(name).prefix())
	for _, code := range countedCodes() {
		c.errors[int16(code)] = s.value(errorMetric(name, errorName(code)).Name)
	}
	c.otherError = s.value(errorMetric(name, otherErrors).Name)
	return c
}

// bind has rows count where the table has them. A metric that is not in the table is dropped.
func (s *Set) bind(rows []row, prefix string) {
	for _, r := range rows {
		if place, ok := s.places[prefix+r.Name]; ok {
			place.join(r.into)
		}
	}
}

// value gives a metric that has one number; one that is not in the table drops everything.
func (s *Set) value(name string) (v Value) {
	if place, ok := s.places[name]; ok {
		v = place.value(0)
	}
	return v
}
