package stats

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
	return s.byName[requestPrefix+snake(api)]
}

// Violation counts the connections closed for one reason: oversized_frame. Unknown reasons are dropped.
func (s *Set) Violation(reason string) Value {
	return s.byName[violationPrefix+reason]
}

// Cluster gives the metrics of one upstream cluster. It looks each of them up: call it once and keep the answer.
// An unknown cluster's metrics drop everything.
func (s *Set) Cluster(name string) *Cluster {
	c := &Cluster{Panics: s.PanicsRecovered, errors: make(map[int16]Value)}
	prefix := clusterPrefix(name)
	for _, r := range c.rows() {
		*r.value = s.byName[prefix+r.Name]
	}
	for code, spelled := range errorCodes() {
		c.errors[code] = s.byName[prefix+errorPrefix+spelled]
	}
	c.otherError = s.byName[prefix+errorPrefix+otherErrors]
	return c
}
