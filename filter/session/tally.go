package session

import (
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// tally is what a connection's requests came to, for a host that is told when it ends. The session's mutex guards it. A nil tally counts
// nothing.
type tally struct {
	sum           accesslog.Connection
	last, failure note  // of the last request, and the last one that failed
	closedFor     error // what the client has sent that it should not; nil: nothing
}

// add adds a request that was answered, or never will be.
func (y *tally) add(t *note) {
	if y == nil {
		return
	}
	c := &y.sum
	if t.api != "" {
		c.Requests++
	}
	c.RequestBytes += t.request
	c.ResponseBytes += t.response
	c.Records += t.summary.Records
	c.BatchBytes += t.summary.Bytes
	c.Topics = addNew(c.Topics, t.Topics(), accesslog.MaxTopics)
	c.Clusters = addNew(c.Clusters, t.Clusters(), accesslog.MaxClusters)
	switch t.outcome {
	case accesslog.OK:
	case accesslog.Unanswered:
		c.Unanswered++
	case accesslog.Refused:
		c.Refusals++
		y.failure = *t
	case accesslog.Closed:
		y.closedFor = t.violation
		fallthrough
	case accesslog.Failed:
		if t.api != "" { // what was no request is in closedFor
			c.Failures++
		}
		y.failure = *t
	}
	y.last = *t
}

// addNew adds to names those of more that are not there yet, and keeps as many as most.
func addNew(names, more []string, most int) []string {
	for _, name := range more {
		if len(names) < most && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// TellHost tells a host what the connection's requests came to, if it wants to know. The host calls it when the connection ends, before
// Closed.
func (s *Session) TellHost(h accesslog.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	y := s.tally
	if y == nil {
		return
	}
	c := y.sum
	c.ClientID, c.Software = s.client.ID(), s.client.Software()
	c.Principal, c.Mechanism = s.loggedInAs(), s.client.Mechanism()
	waiting := int64(s.inflight.waiting())
	c.Requests, c.Unanswered = c.Requests+waiting, c.Unanswered+waiting
	if c.ClosedBecause = s.why; y.closedFor != nil {
		c.ClosedBecause = y.closedFor.Error()
	}
	if !y.last.received.IsZero() {
		e := y.last.entry(s)
		c.LastRequest = e.AppendJSON(nil)
	}
	if !y.failure.received.IsZero() {
		e := y.failure.entry(s)
		c.LastFailure = e.AppendJSON(nil)
		c.LastError = lastError(&y.failure)
	}
	c.Tell(h)
}

// lastError is what a request was answered with, and why.
func lastError(t *note) string {
	if t.violation != nil {
		return t.violation.Error()
	}
	reason := t.Reason()
	if errors := t.Errors(); len(errors) > 0 && errors[0].Code != wire.None {
		code := errors[0].Code.String()
		if reason == "" {
			return code
		}
		return code + ": " + reason
	}
	return reason
}
