package stats

import (
	"strings"
	"unicode"

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
)

// String is the kind in lower case, as docs/operations.md spells it.
func (k Kind) String() string {
	if k == Gauge {
		return "gauge"
	}
	return "counter"
}

// Metric is one row of the table.
type Metric struct {
	// Name is lower case, dots between levels: requests.produce, cluster.kafka_c1.batches. A host puts its own
	// namespace in front.
	Name string
	Kind Kind
	// Unit is what one is: connections, bytes, batches.
	Unit string
	// Help is one sentence for an operator.
	Help string
}

// Table lists every metric of a configuration with these upstream clusters, in the order in which to show them.
func Table(clusters []string) []Metric {
	var table []Metric
	for _, r := range new(Set).rows() {
		table = append(table, r.Metric)
	}
	for _, s := range wire.Shapes() {
		table = append(table, Metric{requestName(s.Name), Counter, "requests", "Requests from clients to the API " + s.Name + "."})
	}
	for _, r := range wire.Reasons() {
		table = append(table, Metric{violationName(r.String()), Counter, "connections", violationHelp(r)})
	}
	for _, name := range clusters {
		table = append(table, clusterTable(ClusterPrefix(name))...)
	}
	return table
}

func clusterTable(prefix string) []Metric {
	var table []Metric
	for _, r := range new(Cluster).rows() {
		r.Name = prefix + r.Name
		table = append(table, r.Metric)
	}
	for _, code := range wire.ErrorCodes() {
		if code != wire.None {
			table = append(table, Metric{prefix + errorName(code), Counter, "batches", "Batches answered with this error code."})
		}
	}
	return append(table, Metric{prefix + otherErrors, Counter, "batches", "Batches answered with an error code not listed here."})
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
		{&s.Build, Metric{
			buildName(version.Current().Version), Gauge, "configurations", "Configurations at work in a build of this version.",
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

// violationHelp says what a client did whose connection was closed for a reason.
func violationHelp(r wire.Reason) string {
	switch r {
	case wire.ReasonOversizedFrame:
		return "Closed: a frame longer than the limit."
	case wire.ReasonNegativeLength:
		return "Closed: a frame of negative length."
	case wire.ReasonTLSHandshake:
		return "Closed: the client speaks TLS, the listener does not."
	case wire.ReasonHTTPRequest:
		return "Closed: the client speaks HTTP."
	case wire.ReasonMalformedHeader:
		return "Closed: a request header that does not parse."
	case wire.ReasonUnknownAPI:
		return "Closed: a request to an API that is not served."
	case wire.ReasonUnsupportedVersion:
		return "Closed: a version that is not served of an API that is."
	case wire.ReasonMalformedBody:
		return "Closed: a request body that does not parse."
	case wire.ReasonTooManyPartitions:
		return "Closed: a request that names more partitions than the limit."
	case wire.ReasonRequestTooLarge:
		return "Closed: a request that would take more memory than the limit."
	case wire.ReasonSlowRequest:
		return "Closed: a request that began to arrive and did not go on."
	case wire.ReasonMemoryLimit:
		return "Closed: requests held too much memory."
	case wire.ReasonProduceFailed:
		return "Closed: a Produce with acks=0 failed, which has no other answer."
	case wire.ReasonPanic:
		return "Closed: a bug met while serving the connection; please report."
	default:
		return ""
	}
}

// otherErrors counts the batches answered with a code that has no metric of its own.
const otherErrors = "errors.other"

// requestName is the metric of an API: InitProducerId becomes requests.init_producer_id.
func requestName(api string) string {
	b := []byte("requests.")
	for i, r := range api {
		if unicode.IsUpper(r) && i > 0 {
			b = append(b, '_')
		}
		b = append(b, string(unicode.ToLower(r))...)
	}
	return string(b)
}

// buildName is the metric that has a version in its name: Envoy's have no labels. What is not usual in a name becomes '_'.
func buildName(version string) string {
	return "build_info." + strings.Trim(strings.Map(func(r rune) rune {
		if r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, strings.ToLower(version)), ".")
}

func violationName(reason string) string { return "violations." + reason }

// errorName is the metric of an error code: Kafka's name of it in lower case.
func errorName(code wire.ErrorCode) string { return "errors." + strings.ToLower(code.String()) }

// ClusterPrefix stands before each metric of a cluster. Envoy keeps ':' out of its stat names in the same way. So two clusters may have the
// same, which a configuration is refused for.
func ClusterPrefix(cluster string) string {
	return "cluster." + strings.ReplaceAll(cluster, ":", "_") + "."
}
