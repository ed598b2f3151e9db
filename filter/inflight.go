package filter

import "github.com/kafkamesh/envoy-kafka-mesh/filter/broker"

// inflight keeps the answers of one connection in the order of its requests, whatever order they complete in. It is
// guarded by its session's mutex.
type inflight struct {
	requests []*request // in the order received; the first is the oldest without an answer on its way
	bytes    int64      // held by the frames of those that are not answered
}

// request is one request that the client has not been answered yet.
type request struct {
	size   int64
	done   bool
	answer broker.Answer
}

func (q *inflight) push(size int) *request {
	r := &request{size: int64(size)}
	q.requests = append(q.requests, r)
	q.bytes += r.size
	return r
}

func (q *inflight) complete(r *request, a broker.Answer) {
	r.done, r.answer = true, a
	q.bytes -= r.size
}

// pop takes the oldest request out if it is answered.
func (q *inflight) pop() (broker.Answer, bool) {
	if len(q.requests) == 0 || !q.requests[0].done {
		return broker.Answer{}, false
	}
	a := q.requests[0].answer
	q.requests[0] = nil
	if q.requests = q.requests[1:]; len(q.requests) == 0 {
		q.requests = nil
	}
	return a, true
}
