package stats

import (
	"sync/atomic"

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
	// PanicsRecovered counts panics caught at the edge of a callback or goroutine. Each is a bug.
	PanicsRecovered Value
	// Build is the number of configurations at work. Its name has the version of this build.
	Build Value

	byName map[string]Value
}

// New gives a Set that adds to values, row i of table to values[i]. It panics when values is shorter than table.
//
// It keeps values, which stays the host's: a host that publishes takes what came since its last look with
// atomic.SwapInt64(&values[i], 0), gauges too, whose difference may be negative; a host that only prints totals reads
// with atomic.LoadInt64. A metric that is not in table is dropped.
func New(table []Metric, values []int64) *Set { return NewMarked(table, values, nil) }

// NewMarked is New for a host that does not want to look at every value. Whatever is added to values[i] sets bit i%64 of
// marks[i/64] afterwards. The host takes the mark away, with an atomic operation, and the value then: nothing is lost. It keeps
// marks, as it does values.
func NewMarked(table []Metric, values []int64, marks []uint64) *Set {
	values = values[:len(table)]
	s := &Set{byName: make(map[string]Value, len(table))}
	for i, m := range table {
		v := Value{n: &values[i]}
		if marks != nil {
			v.mark, v.bit = &marks[i/markBits], 1<<(i%markBits)
		}
		s.byName[m.Name] = v
	}
	for _, r := range s.rows() {
		*r.value = s.byName[r.Name]
	}
	return s
}

// markBits is how many values share a word of marks.
const markBits = 64

// Request counts the requests to one API, named as Kafka names it: Produce, ApiVersions. Unknown APIs are dropped.
func (s *Set) Request(api string) Value {
	return s.byName[requestName(api)]
}

// Violation counts the connections closed for one reason: oversized_frame. Unknown reasons are dropped.
func (s *Set) Violation(reason string) Value {
	return s.byName[violationName(reason)]
}

// Cluster gives the metrics of one upstream cluster. It looks each of them up: call it once and keep the answer.
// An unknown cluster's metrics drop everything.
func (s *Set) Cluster(name string) *Cluster {
	c := &Cluster{Panics: s.PanicsRecovered, errors: make(map[int16]Value)}
	prefix := ClusterPrefix(name)
	for _, r := range c.rows() {
		*r.value = s.byName[prefix+r.Name]
	}
	for _, code := range wire.ErrorCodes() {
		c.errors[int16(code)] = s.byName[prefix+errorName(code)]
	}
	c.otherError = s.byName[prefix+otherErrors]
	return c
}

// Cluster is the metrics of one upstream cluster.
//
// It does not change after Set.Cluster: any goroutine may use it. The zero Cluster drops everything.
type Cluster struct {
	// Requests counts the Produce requests sent to the cluster.
	Requests Value
	// Batches and Bytes count the record batches taken for the cluster, and their length as the client sent them.
	Batches, Bytes Value
	// InFlightBatches and InFlightBytes are what is queued or sent, and not yet answered.
	InFlightBatches, InFlightBytes Value
	// Connections is the number of connections to the cluster's brokers.
	Connections Value
	// ConnectFailures counts attempts to reach a broker that failed, authentication included.
	ConnectFailures Value
	// MetadataRefreshes counts the answers to Metadata requests.
	MetadataRefreshes Value

	// Panics is the set's PanicsRecovered: whose upstream path met the bug is in the log.
	Panics Value

	errors     map[int16]Value
	otherError Value
}

// Error counts the batches answered with one error code. Zero is no error and dropped; a code that a broker does not
// answer a Produce with counts as errors.other.
func (c *Cluster) Error(code int16) Value {
	if code == 0 {
		return Value{}
	}
	if v, ok := c.errors[code]; ok {
		return v
	}
	return c.otherError
}

// Value is one metric of one Set. Keep it where it is used, so that counting needs no look-up.
//
// The zero Value drops what is added. Any goroutine may call Add.
type Value struct {
	n    *int64  // in the memory that the host lent
	mark *uint64 // in it, too: has bit set when n has changed; nil: nobody wants to know
	bit  uint64
}

// Add adds n, which is negative only for a gauge.
func (v Value) Add(n int64) {
	if v.n == nil {
		return
	}
	atomic.AddInt64(v.n, n)
	// After the addition: who takes the mark away looks at n after that. It is mostly there, and looking disturbs nobody.
	if v.mark != nil && atomic.LoadUint64(v.mark)&v.bit == 0 {
		atomic.OrUint64(v.mark, v.bit)
	}
}
