package filter

import "github.com/kafkamesh/envoy-kafka-mesh/filter/broker"

// inflight keeps the answers of one connection in the order of its requests, whatever order they complete in. It is
// guarded by its session's mutex.
type inflight struct {
	oldest, newest *request // of those without an answer on its way, in the order received; nil: there is none
	requests       int      // how many there are
	bytes          int64    // held by the frames of those that are not answered
	queries        int      // those other than Produce: a few bytes can ask for a large answer
	answers        int64    // held by the answers that wait for those before them
}

// request is one request that the client has not been answered yet.
type request struct {
	size   int64
	query  bool
	done   bool
	answer broker.Answer
	next   *request
}

func (q *inflight) push(size int, query bool) *request {
	r := &request{size: int64(size), query: query}
	if query {
		q.queries++
	}
	if q.oldest == nil {
		q.oldest = r
	} else {
		q.newest.next = r
	}
	q.newest = r
	q.requests++
	q.bytes += r.size
	return r
}

// complete reports false if the request had its answer.
func (q *inflight) complete(r *request, a broker.Answer) bool {
	if r.done {
		return false
	}
	r.done, r.answer = true, a
	q.bytes -= r.size
	q.answers += int64(len(a.Frame))
	return true
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
	q.answers -= int64(len(r.answer.Frame))
	return r.answer, true
}
