package session

import (
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// notes is where what the access log is told of requests is kept until their answers leave. Any goroutine may use it.
type notes struct {
	on   bool
	log  *accesslog.Log // nil: only the host is told, when a connection ends
	free sync.Pool      // of *note
}

// init has notes be taken if there is somebody to be told.
func (n *notes) init(o *Options) { n.log, n.on = o.AccessLog, o.AccessLog != nil || o.TellsHost }

// note is what the access log is told of one request. Who serves the request has it until the answer, and then the session.
type note struct {
	broker.Note

	next *note // of those whose answers leave together

	api       string // empty: it is no request, only the end of the connection
	header    wire.Header
	received  time.Time
	request   int64 // bytes
	response  int64
	summary   broker.Summary
	violation error
	throttled time.Duration // for how long the client is not read from because of it
	answered  time.Time
	left      time.Time
	outcome   accesslog.Outcome
}

// begin begins the note of a request of so many bytes, nil if nobody wants to know.
func (n *notes) begin(api string, c *broker.Call, size int) *note {
	if !n.on {
		return nil
	}
	t, _ := n.free.Get().(*note)
	if t == nil {
		t = new(note)
	}
	t.api, t.header, t.received, t.request = api, c.Header, c.Received, int64(size)
	t.header.ClientID = nil // it points into the frame
	return t
}

// end lets go of a note.
func (n *notes) end(t *note) {
	*t = note{}
	n.free.Put(t)
}

// conclude takes down what the request came to.
func (t *note) conclude(a *broker.Answer) {
	t.answered = time.Now()
	t.summary, t.violation = a.Summary, a.Violation
	t.response = int64(len(a.Frame))
	for _, p := range a.Parts {
		t.response += int64(len(p))
	}
	switch {
	case a.Violation != nil:
		t.outcome = accesslog.Closed
	case a.Summary.Code != wire.None:
		t.outcome = accesslog.Failed
	case a.Refusal.Code != wire.None:
		t.outcome = accesslog.Refused
	case a.Summary.Failed > 0:
		t.outcome = accesslog.Failed
	}
	t.Refused(a.Refusal)
}

// departures are the notes of requests whose answers leave together, in their order.
type departures struct{ first, last *note }

// add adds a note behind the others, of a request whose turn it is, in a connection whose life has come so far.
func (d *departures) add(t *note, now time.Time, p phase) {
	t.left = now
	if p.isClosed() || p.isGone() && t.violation == nil { // nobody gets an answer
		t.outcome, t.response = accesslog.Unanswered, 0
	}
	if d.first == nil {
		d.first = t
	} else {
		d.last.next = t
	}
	d.last = t
}

// none reports whether there is no note.
func (d *departures) none() bool { return d.first == nil }

// tell has those requests written to the access log that are chosen, and lets go of the notes.
func (d *departures) tell(s *Session) {
	n := &s.common.notes
	for t := d.first; t != nil; {
		if n.log.Chooses(t.outcome != accesslog.OK, t.left.Sub(t.received)) {
			e := t.entry(s)
			n.log.Write(&e)
		}
		next := t.next
		n.end(t)
		t = next
	}
}

// entry is what the access log tells of the request.
func (t *note) entry(s *Session) accesslog.Entry {
	sum, h := &t.summary, &t.header
	e := accesslog.Entry{
		Time: t.received, Client: s.peer.Remote, LocalHost: s.peer.LocalHost, LocalPort: s.peer.LocalPort, ServerName: s.peer.ServerName,
		ClientID: s.client.ID(), Software: s.client.Software(), Principal: s.loggedInAs(), Mechanism: s.client.Mechanism(),
		API: t.api, Version: h.Version, CorrelationID: h.CorrelationID,
		Produce: h.Key == wire.KeyProduce && sum.Topics > 0, Acks: sum.Acks,
		Topics: t.Topics(), TopicCount: sum.Topics, Partitions: sum.Partitions, Records: sum.Records, BatchBytes: sum.Bytes,
		RequestBytes: t.request, ResponseBytes: t.response, Clusters: t.Clusters(),
		Outcome: t.outcome, FailedPartitions: sum.Failed, Reason: t.Reason(),
		Duration: t.left.Sub(t.received), Throttled: t.throttled,
	}
	if rule, allowed := t.Decision(); rule != "" {
		e.Principal, e.Rule, e.Decision = s.client.Principal(), rule, "denied"
		if allowed {
			e.Decision = "allowed"
		}
	}
	for _, c := range t.Errors() { // there are few, and mostly none
		e.Errors = append(e.Errors, accesslog.ErrorCount{Code: c.Code.String(), Count: c.Count})
	}
	if t.violation != nil {
		e.Reason = t.violation.Error()
	}
	e.Waiting, e.Upstream = t.split()
	return e
}

// split is how long the request waited before it was sent to clusters, and then until they had answered. What is sent to none waits until
// it is answered.
func (t *note) split() (waiting, upstream time.Duration) {
	all := t.answered.Sub(t.received)
	if t.summary.UpstreamMicros == 0 {
		return all, 0
	}
	waiting = min(all, time.Duration(t.summary.WaitedMicros)*time.Microsecond)
	return waiting, min(all-waiting, time.Duration(t.summary.UpstreamMicros)*time.Microsecond)
}
