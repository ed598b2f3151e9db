// Package stats names every number that Kafka mesh counts, and counts it.
//
// Table lists each metric once: name, kind, unit, help. A host turns the list into whatever it publishes (Envoy's
// counters and gauges, a block of text at exit) and lends New one int64 per row. The engine adds to those numbers
// through the Values of a Set, which it looks up once and keeps: counting is one atomic add, whatever the host.
//
// A new metric is a field of Set or Cluster and a row in table.go; docs/operations.md is rewritten from the table by
//
//	go test ./filter/stats -update
//
// Names are an interface: they appear in dashboards and alerts, so they are added to, never changed.
//
// The names of APIs, violations and error codes are package wire's.
package stats
