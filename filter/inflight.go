package filter

import "github.com/kafkamesh/envoy-kafka-mesh/filter/broker"

// inflight keeps the answers of one connection in the order of its requests, whatever order they complete in. It is
// guarded by its session's mutex.
type inflight struct {
	oldest, newest *request // of those without an answer on its way, in the order received; nil: there is none
	requests       int      // how many there are
	bytes          int64    // held by those that are not answered
	queries        int      // those other than Produce: a few bytes can ask for a large answer
	answers        int64    // held by the answers that wait for those before them
}

// requestCost is what a request holds beside what came: what it is decoded to, as most are, and its place on its way to a cluster.
const requestCost = 1 << 10

// request is one request that the client has not been answered yet.
type request struct {
	session *Session
	call    broker.Call // without a frame: it is released, or there never was one

	held   int64 // counted in the worker's budget: for the request, and once that is answered for the response
	query  bool
	done   bool
	answer broker.Answer
	next   *request
}

// push takes r in as the newest.
func (q *inflight) push(r *request) {
	if r.call.Frame != nil {
		r.held = requestCost + int64(len(r.call.Frame.Bytes()))
	}
	if r.query {
		q.queries++
	}
	if q.oldest == nil {
		q.oldest = r
	} else {
		q.newest.next = r
	}
	q.newest = r
	q.requests++
	q.bytes += r.held
}

// complete sets what a request came to, and returns how much less it holds.
func (q *inflight) complete(r *request, a broker.Answer) (freed int64) {
	response := int64(len(a.Frame))
	freed = r.held - response
	q.bytes -= r.held
	q.answers += response
	r.done, r.answer, r.held = true, a, response
	return freed
}

// drop takes out all that is answered, and returns what its answers held.
func (q *inflight) drop() (freed int64) {
	for a, ok := q.pop(); ok; a, ok = q.pop() {
		freed += int64(len(a.Frame))
	}
	return freed
}

// pop takes the oldest request out if it is answered.
func (q *inflight) pop() (broker.Answer, bool) {
	r := q.oldest
	if r == nil || !r.done {
		return broker.Answer{}, false
	}
	if q.oldest = r.next; q.oldest == nil {
		q.newest = nil
	}
	q.requests--
	if r.query {
		q.queries--
	}
	q.answers -= r.held
	return r.answer, true
}
