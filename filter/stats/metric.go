package stats

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
