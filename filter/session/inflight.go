package session

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

const (
	// maxAnswerBytes is how much may wait in one session for answers that come before it.
	maxAnswerBytes = 1 << 20
	// maxQueries is how many requests other than Produce may wait for their answers, which may be large: Metadata of all
	// topics is asked for in 30 bytes. A broker works on one request of a connection at a time.
	maxQueries = 8
	// requestCost is what a request holds beside what came: what it is decoded to, as most are, and its place on its way to a
	// cluster.
	requestCost = 1 << 10
	// noteCost is what a note for the access log holds.
	noteCost = 640
)

// inflight keeps the answers of one connection in the order of its requests, whatever order they complete in, and knows when they
// are too many. The session's mutex guards it, and the places in it.
type inflight struct {
	maxRequests int
	maxBytes    int64

	oldest, newest *place // of those without an answer on its way, in the order received; nil: there is none
	requests       int    // how many there are
	bytes          int64  // held by those that are not answered
	queries        int    // those other than Produce: a few bytes can ask for a large answer
	answers        int64  // held by the answers that wait for those before them
	barriers       int    // requests that are not answered, and have to be before another is taken
	full           bool   // it was too much, and is not half of that yet
}

// place is one request's place in the order of answers. The zero value is for a request that holds nothing.
type place struct {
	held      int64 // counted in the worker's budget: for the request, and once that is answered for the response
	query     bool
	barrier   bool
	done      bool
	throttled bool // the client is, or was, muted because of it
	outcome   outcome
	begin     func() // what is to be called when it is the oldest; nil: nothing
	next      *place
}

// outcome is what of an answer is still to be done when its turn comes.
type outcome struct {
	frame     []byte // the response, or how it begins; nil: there is none
	parts     [][]byte
	release   func() // once nobody reads parts any more; nil: nobody wants to know
	violation error

	received time.Time          // when all of the request had come
	times    stats.Distribution // what counts how long it took
	note     *note              // nil: nobody wants to know
}

// leave counts how long the answer took that is about to leave, if there is one.
func (o *outcome) leave(now time.Time) {
	if len(o.frame) > 0 {
		o.times.Record(now.Sub(o.received).Microseconds())
	}
}

// init sets the bounds.
func (q *inflight) init(l Limits) {
	q.maxRequests, q.maxBytes = l.MaxConnectionRequests, l.MaxConnectionBytes
}

// push takes p in as the newest, for a request whose frame has size bytes.
func (q *inflight) push(p *place, size int, query bool) (held int64) {
	if p.held = p.outcome.noted(); size > 0 {
		p.held += requestCost + int64(size)
	}
	if p.query = query; query {
		q.queries++
	}
	if q.oldest == nil {
		q.oldest = p
	} else {
		q.newest.next = p
	}
	q.newest = p
	q.requests++
	q.bytes += p.held
	return p.held
}

// clock has counted in times how long the request takes, of which all had come at received.
func (q *inflight) clock(p *place, received time.Time, times stats.Distribution) {
	p.outcome.received, p.outcome.times = received, times
}

// annotate has the answer leave with a note, or without.
func (q *inflight) annotate(p *place, t *note) { p.outcome.note = t }

// note is what the access log is told of the request, nil if nobody wants to know.
func (p *place) note() *note { return p.outcome.note }

// grow counts n bytes more for a request. It reports false if that is answered already.
func (q *inflight) grow(p *place, n int64) bool {
	if p.done {
		return false
	}
	p.held += n
	q.bytes += n
	return true
}

// shed counts a request that is not answered as if it held its place alone, and returns how much less that is.
func (q *inflight) shed(p *place) (freed int64) {
	kept := requestCost + p.outcome.noted()
	if p.done || p.held <= kept {
		return 0
	}
	freed = p.held - kept
	p.held = kept
	q.bytes -= freed
	return freed
}

// raise makes a request a barrier, unless it is answered.
func (q *inflight) raise(p *place) {
	if !p.done && !p.barrier {
		p.barrier = true
		q.barriers++
	}
}

// throttle takes note of a request that has its client muted for so long. It reports whether that is new of the request.
func (q *inflight) throttle(p *place, wait time.Duration) (first bool) {
	first = !p.throttled
	p.throttled = true
	if n := p.outcome.note; n != nil {
		n.throttled = max(n.throttled, wait)
	}
	return first
}

// isThrottled reports whether a request has had its client muted.
func (q *inflight) isThrottled(p *place) bool { return p.throttled }

// beginWhenNext has call be returned by takeBegin when the request is the oldest. It reports false if it is that, or answered.
func (q *inflight) beginWhenNext(p *place, call func()) bool {
	if p == q.oldest || p.done {
		return false
	}
	p.begin = call
	return true
}

// takeBegin returns what is to be called because a request has become the oldest; nil: nothing.
func (q *inflight) takeBegin() (call func()) {
	if q.oldest != nil {
		call, q.oldest.begin = q.oldest.begin, nil
	}
	return call
}

// takeBegins returns what is still to be called for any request.
func (q *inflight) takeBegins() (calls []func()) {
	for p := q.oldest; p != nil; p = p.next {
		if p.begin != nil {
			calls = append(calls, p.begin)
			p.begin = nil
		}
	}
	return calls
}

// complete sets what a request came to, and returns how much less it holds. It reports false if that is known already: there may be
// two answers after a panic, and only the first counts.
func (q *inflight) complete(p *place, a broker.Answer) (freed int64, first bool) {
	if p.done {
		return 0, false
	}
	p.outcome.frame, p.outcome.parts, p.outcome.release, p.outcome.violation = a.Frame, a.Parts, a.Release, a.Violation
	response := p.outcome.size()
	freed = p.held - response
	q.bytes -= p.held
	q.answers += response
	if p.barrier {
		q.barriers--
	}
	p.done, p.held = true, response
	return freed, true
}

// pop takes the oldest request out if it is answered, and says how much its answer holds.
func (q *inflight) pop() (o outcome, held int64, ok bool) {
	p := q.oldest
	if p == nil || !p.done {
		return outcome{}, 0, false
	}
	if q.oldest = p.next; q.oldest == nil {
		q.newest = nil
	}
	q.requests--
	if p.query {
		q.queries--
	}
	q.answers -= p.held
	return p.outcome, p.held, true
}

// drop takes out all that is answered, and returns what its answers held, and who wants to know that.
func (q *inflight) drop() (freed int64, unsent releases) {
	for o, held, ok := q.pop(); ok; o, held, ok = q.pop() {
		freed += held
		unsent.add(&o)
	}
	return freed, unsent
}

// releases are for what is read no more.
type releases []func()

func (r *releases) add(o *outcome) {
	if o.release != nil {
		*r = append(*r, o.release)
	}
}

// run tells who wants to know.
func (r *releases) run() {
	for _, release := range *r {
		release()
	}
}

// size is how much a response holds.
func (o *outcome) size() int64 {
	n := len(o.frame)
	for _, p := range o.parts {
		n += len(p)
	}
	return int64(n) + o.noted()
}

// noted is how much its note holds.
func (o *outcome) noted() int64 {
	if o.note == nil {
		return 0
	}
	return noteCost
}

// idle reports whether no request waits for its answer.
func (q *inflight) idle() bool { return q.requests == 0 }

// waiting is how many requests wait for their answers, or for those before them.
func (q *inflight) waiting() int { return q.requests }

// unanswered is how many bytes the requests hold that are not answered.
func (q *inflight) unanswered() int64 { return q.bytes }

// blocked reports whether no further request may be taken: there is too much, or a barrier.
func (q *inflight) blocked() bool { return q.barriers > 0 || q.over() }

// over reports whether there is too much: more than the bounds, or, once over them, than half of them.
func (q *inflight) over() bool {
	bytes, answers, requests, queries := q.maxBytes, int64(maxAnswerBytes), q.maxRequests, maxQueries
	if q.full {
		bytes, answers, requests, queries = bytes/2, answers/2, requests/2, queries/2
	}
	return q.bytes > bytes || q.answers > answers || q.requests > requests || q.queries > queries
}

// remember takes note of whether there is too much.
func (q *inflight) remember() { q.full = q.over() }
