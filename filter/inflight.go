package filter

import "github.com/kafkamesh/envoy-kafka-mesh/filter/broker"

// inflight keeps the answers of one connection in the order of its requests, whatever order they complete in. It is
// guarded by its session's mutex.
type inflight struct {
	requests []*request // in the order received; the first is the oldest without an answer on its way
	bytes    int64      // held by the frames of those that are not answered
	queries  int        // those other than Produce: a few bytes can ask for a large answer
	answers  int64      // held by the answers that wait for those before them
}

// request is one request that the client has not been answered yet.
type request struct {
	size   int64
	query  bool
	done   bool
	answer broker.Answer
}

func (q *inflight) push(size int, query bool) *request {
	r := &request{size: int64(size), query: query}
	if query {
		q.queries++
	}
	q.requests = append(q.requests, r)
	q.bytes += r.size
	return r
}

func (q *inflight) complete(r *request, a broker.Answer) {
	r.done, r.answer = true, a
	q.bytes -= r.size
	q.answers += int64(len(a.Frame))
}

// pop takes the oldest request out if it is answered.
func (q *inflight) pop() (broker.Answer, bool) {
	if len(q.requests) == 0 || !q.requests[0].done {
		return broker.Answer{}, false
	}
	a := q.requests[0].answer
	if q.requests[0].query {
		q.queries--
	}
	q.answers -= int64(len(a.Frame))
	q.requests[0] = nil
	if q.requests = q.requests[1:]; len(q.requests) == 0 {
		q.requests = nil
	}
	return a, true
}
