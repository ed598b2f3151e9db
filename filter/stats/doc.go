// Package stats names every number that Kafka mesh counts, and counts it.
//
// NewTable lists each metric once: name, kind, unit, help, and for those who have labels a family and what tells its members apart. A host
// turns the list into whatever it publishes (Envoy's counters, gauges and histograms, Prometheus' families) and may lend NewIn the
// memory for the numbers. The engine adds to them through the Values, Levels and Distributions of a Set, which it looks up once and
// keeps: counting is one atomic add, or two, whatever the host.
//
// Where the next line goes: a metric of a listener is a field of Set and a row in table.go; of an API, api.go; of an upstream cluster,
// cluster.go; of a rule, a topic or a client's software, traffic.go. What names, labels and their values are is in names.go; how a number is
// counted, value.go and distribution.go; how all are read, read.go. docs/metrics.md is rewritten from the table by
//
//	go test ./filter/stats -update
//
// Names are an interface: they appear in dashboards and alerts, so they are added to, never changed.
//
// The names of APIs, violations and error codes are package wire's. Package statstest looks at sets in tests.
package stats
