package upstream

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
)

// Call sends a request to a broker, in the newest version up to most that both have, and calls done once, with the response or with why
// there is none, from any goroutine and possibly before Call returns. Nothing is sent twice. It is for requests that a broker answers
// soon: all to one broker share a link, apart from the lanes'. The request is the cluster's until then.
func (u *Cluster) Call(t topology.Target, request kmsg.Request, most int16, done func(kmsg.Response, error)) {
	q := &link.Request{Body: request, Most: most, Due: time.Now().Add(u.settings.RequestTimeout), Done: done}
	u.topology.Find(t, func(addr string, err error) {
		switch {
		case err != nil:
			q.Done(nil, err)
		default:
			u.calls.send(u, addr, q)
		}
	})
}

// callIdle is how long a link for calls may have nothing to do.
const callIdle = time.Minute

// calls are the links that calls share, one to an address.
type calls struct {
	mu       sync.Mutex
	renewals int // how often what links are made from has been replaced
	lines    map[string]*line
}

// line is a link that calls share, guarded by the mutex of calls.
type line struct {
	calls    *calls
	addr     string
	link     *link.Link
	renewals int
	up       bool
	waiting  []*link.Request // until it is up
	inFlight int
	until    time.Time
	idle     *time.Timer
}

var _ link.Owner = (*line)(nil)

// send sends a call to the broker at addr.
func (c *calls) send(u *Cluster, addr string, q *link.Request) {
	c.mu.Lock()
	if u.life.Err() != nil {
		c.mu.Unlock()
		q.Done(nil, errClosed)
		return
	}
	l := c.lines[addr]
	if l == nil || l.renewals != c.renewals || !l.until.IsZero() && time.Now().After(l.until) { // the old one ends when it is idle
		l = c.begin(u, addr)
	}
	l.inFlight++
	told := q.Done
	q.Done = func(r kmsg.Response, err error) {
		l.landed()
		told(r, err)
	}
	if !l.up {
		l.waiting = append(l.waiting, q)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	l.send(q)
}

// begin makes a line. c.mu is held.
func (c *calls) begin(u *Cluster, addr string) *line {
	l := &line{calls: c, addr: addr, renewals: c.renewals}
	s := u.link()
	s.AnswerTimeout = u.settings.AnswerTimeout
	u.work.Add(1)
	l.idle = time.AfterFunc(callIdle, func() { u.panics.Guard("rest", l.endIfIdle) })
	if c.lines == nil {
		c.lines = map[string]*line{}
	}
	c.lines[addr] = l
	l.link = link.Start(u.life, s, u.client, addr, &opened{Owner: l, cluster: u})
	return l
}

// Ready implements link.Owner.
func (l *line) Ready(from *link.Link) {
	until := from.Until()
	l.calls.mu.Lock()
	l.up, l.until = true, until
	waiting := l.waiting
	l.waiting = nil
	l.calls.mu.Unlock()
	for _, q := range waiting {
		l.send(q)
	}
}

// Answering implements link.Owner.
func (l *line) Answering() {}

// Answered implements link.Owner.
func (l *line) Answered() {}

// Ended implements link.Owner.
func (l *line) Ended(err error) {
	l.idle.Stop()
	l.calls.mu.Lock()
	if l.calls.lines[l.addr] == l {
		delete(l.calls.lines, l.addr)
	}
	waiting := l.waiting
	l.waiting = nil
	l.calls.mu.Unlock()
	for _, q := range waiting {
		q.Done(nil, err)
	}
}

// send sends a call on the line, which is up.
func (l *line) send(q *link.Request) {
	if err := l.link.Send(q); err != nil {
		q.Done(nil, err)
	}
}

// landed takes note that a call has been answered or has failed.
func (l *line) landed() {
	l.calls.mu.Lock()
	defer l.calls.mu.Unlock()
	if l.inFlight--; l.inFlight == 0 {
		l.idle.Reset(callIdle)
	}
}

// endIfIdle is what the timer calls.
func (l *line) endIfIdle() {
	l.calls.mu.Lock()
	idle := l.inFlight == 0
	if idle && l.calls.lines[l.addr] == l {
		delete(l.calls.lines, l.addr)
	}
	own := l.link
	l.calls.mu.Unlock()
	if idle {
		own.Close(errIdle)
	}
}

// close ends the life of the cluster, with the mutex held: no line is begun any more.
func (c *calls) close(u *Cluster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u.end()
}

// renew has calls from now on use links made from what is there now.
func (c *calls) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renewals++
}
