package stats

import (
	"maps"
	"slices"
)

// Table lists every metric of a configuration with these upstream clusters, in the order in which to show them.
func Table(clusters []string) []Metric {
	var table []Metric
	for _, r := range new(Set).rows() {
		table = append(table, r.Metric)
	}
	for _, api := range apis() {
		table = append(table, Metric{
			requestPrefix + snake(api), Counter, "requests", "Requests from clients to the API " + api + ".",
		})
	}
	for _, v := range violations() {
		table = append(table, Metric{violationPrefix + v.reason, Counter, "connections", v.help})
	}
	for _, name := range clusters {
		table = append(table, clusterTable(clusterPrefix(name))...)
	}
	return table
}

// row joins a metric with the field that counts it.
type row struct {
	value *Value
	Metric
}

func (s *Set) rows() []row {
	return []row{
		{&s.Connections, Metric{"connections", Counter, "connections", "Connections accepted from clients."}},
		{&s.ActiveConnections, Metric{"connections_active", Gauge, "connections", "Clients connected now."}},
		{&s.PanicsRecovered, Metric{
			"panics_recovered", Counter, "panics", "Bugs caught before they could do harm beyond one connection; please report.",
		}},
	}
}

func (c *Cluster) rows() []row {
	return []row{
		{&c.Requests, Metric{"requests", Counter, "requests", "Produce requests sent to the cluster's brokers."}},
		{&c.Batches, Metric{"batches", Counter, "batches", "Record batches sent to the cluster's brokers."}},
		{&c.Bytes, Metric{"bytes", Counter, "bytes", "Length of those batches, as the client sent them."}},
		{&c.InFlightBatches, Metric{"in_flight_batches", Gauge, "batches", "Batches queued or sent, not yet answered."}},
		{&c.InFlightBytes, Metric{"in_flight_bytes", Gauge, "bytes", "Length of the batches queued or sent, not yet answered."}},
		{&c.Connections, Metric{"connections", Gauge, "connections", "Connections open to the cluster's brokers."}},
		{&c.ConnectFailures, Metric{
			"connect_failures", Counter, "attempts", "Attempts to reach a broker that failed, authentication included.",
		}},
		{&c.MetadataRefreshes, Metric{
			"metadata_refreshes", Counter, "requests", "Metadata requests that the cluster answered.",
		}},
	}
}

func clusterTable(prefix string) []Metric {
	var table []Metric
	for _, r := range new(Cluster).rows() {
		r.Name = prefix + r.Name
		table = append(table, r.Metric)
	}
	codes := errorCodes()
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		table = append(table, Metric{
			prefix + errorPrefix + codes[code], Counter, "batches", "Batches answered with this error code.",
		})
	}
	return append(table, Metric{
		prefix + errorPrefix + otherErrors, Counter, "batches", "Batches answered with an error code not listed here.",
	})
}
