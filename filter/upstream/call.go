package upstream

import (
	"cmp"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Call sends a request to a broker, in the newest version up to most that both have, and calls done once, with the response or with why
// there is none, from any goroutine and possibly before Call returns. Nothing is sent twice. It is for requests that a broker answers
// soon: all to one broker share a link, apart from the lanes'. The request is the cluster's until then.
//
// A broker that does not answer may not be what to says any more: that is doubted.
func (u *Cluster) Call(to target.Broker, request kmsg.Request, most int16, done func(kmsg.Response, error)) {
	u.call(&u.calls, to, request, most, u.settings.RequestTimeout, done)
}

// call is Call on one of the links of c, with so much time for the answer.
func (u *Cluster) call(c *calls, to target.Broker, request kmsg.Request, most int16, within time.Duration, done func(kmsg.Response, error)) {
	u.callIf(c, to, request, most, within, nil, done)
}

// callIf is call for a request that may be sent only while still says so; nil: whenever it can.
func (u *Cluster) callIf(
	c *calls, to target.Broker, request kmsg.Request, most int16, within time.Duration, still func() bool, done func(kmsg.Response, error),
) {
	q := &call{still: still, patient: within > soon, Request: link.Request{Body: request, Most: most, Due: time.Now().Add(within), Done: func(r kmsg.Response, err error) {
		if err != nil && !unsaid(err) && !errors.Is(err, errDown) {
			u.Doubt(to)
		}
		done(r, err)
	}}}
	u.find(to, func(addr string, err error) {
		switch {
		case err != nil:
			u.look()
			done(nil, err)
		default:
			c.send(u, addr, q)
		}
	})
}

// find gives the address of a broker, as topology.Map.Find does.
func (u *Cluster) find(to target.Broker, done func(addr string, err error)) {
	if to.Role() == target.RoleCoordinator {
		u.coordinators.find(u, to.Group(), done)
		return
	}
	u.topology.Find(to, done)
}

// Doubt says that a broker is not what to says, or cannot be reached: who is it is asked for again.
func (u *Cluster) Doubt(to target.Broker) {
	switch to.Role() {
	case target.RoleLeader:
		topic, _ := to.Partition()
		u.topology.Ask(nil, []string{topic}, topic)
	case target.RoleCoordinator:
		u.coordinators.doubt(to.Group())
		u.look()
	case target.RoleNode, target.RoleController:
		u.topology.Look()
	case target.RoleAny:
		u.look()
	}
}

// look has the cluster asked whether it still answers, or again, once a second at most.
func (u *Cluster) look() {
	last, now := u.looked.Load(), time.Now()
	if (last == nil || now.Sub(*last) >= lookInterval) && u.looked.CompareAndSwap(last, &now) {
		u.topology.Look()
	}
}

// Changed says that a topic has just been created, changed or deleted, as topology.Map.Changed has it.
func (u *Cluster) Changed(topic string) { u.topology.Changed(topic) }

// Leaders says who leads partitions, as topology.Map.Leaders does.
func (u *Cluster) Leaders(partitions []wire.TopicPartition, done func([]wire.Partition)) {
	u.topology.Leaders(partitions, done)
}

// Nodes lists the cluster's brokers, as topology.Map.Nodes does.
func (u *Cluster) Nodes(done func(ids []int32)) { u.topology.Nodes(done) }

// lookInterval is the least between two looks because of calls that fail.
const lookInterval = time.Second

// silence is after how long a line is not believed in whose cluster does not answer otherwise either.
const silence = 2 * time.Second

// soon is within what a broker answers at the latest what does not wait for others, as a JoinGroup does.
const soon = 30 * time.Second

// errDown says that a call was not sent, because no broker of its cluster answers.
var errDown = errors.New("the cluster is known not to answer")

// callIdle is how long a link for calls may have nothing to do.
const callIdle = time.Minute

// call is a request on its way to its link.
type call struct {
	link.Request

	still func() bool // asked right before it is sent; nil: it is sent
	again bool        // a line could not send it

	patient bool // it may take longer than soon
}

// calls are links that calls share, one to an address.
type calls struct {
	answerTimeout time.Duration // of its links
	clientID      string        // in requests; empty: the cluster's

	mu     sync.Mutex
	closed bool // no line is begun any more
	lines  map[string]*line
}

// line is a link that calls share, guarded by the mutex of calls.
type line struct {
	cluster  *Cluster
	calls    *calls
	addr     string
	link     *link.Link
	renewals int64 // of the cluster when it was made
	up       bool
	waiting  []*call // until it is up
	inFlight int
	patient  int       // of those in flight that may take longer than soon
	failed   bool      // the last call to end has
	heard    time.Time // when a call was last answered or failed, or the first of those in flight was sent
	until    time.Time
	idle     *time.Timer
}

var _ link.Owner = (*line)(nil)

// send sends a call to the broker at addr. While the cluster is known not to answer, nobody waits for a connection.
func (c *calls) send(u *Cluster, addr string, q *call) {
	down := u.topology.Down()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		q.Done(nil, errClosed)
		return
	}
	l := c.lines[addr]
	if down && !l.answers() {
		c.mu.Unlock()
		u.look()
		q.Done(nil, errDown)
		return
	}
	if l == nil || l.renewals != u.renewals.Load() || !l.until.IsZero() && time.Now().After(l.until) { // the old one ends when it is idle
		l = c.begin(u, addr)
	}
	if l.inFlight++; l.inFlight == 1 {
		l.heard = time.Now()
	}
	if q.patient {
		l.patient++
	}
	told := q.Done
	q.Done = func(r kmsg.Response, err error) {
		l.landed(q, err)
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
	l := &line{cluster: u, calls: c, addr: addr, renewals: u.renewals.Load()}
	s := u.link()
	s.AnswerTimeout, s.ClientID = c.answerTimeout, cmp.Or(c.clientID, s.ClientID)
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
func (l *line) send(q *call) {
	if q.still != nil && !q.still() {
		q.Done(nil, errWithdrawn)
		return
	}
	err := l.link.Send(&q.Request)
	switch {
	case err == nil:
	case q.again || errors.Is(err, wire.ErrVersion):
		q.Done(nil, err)
	default: // the link has just ended, and nothing was sent
		q.again = true
		l.forget()
		l.calls.send(l.cluster, l.addr, q)
	}
}

// forget has no other call be sent on the line.
func (l *line) forget() {
	l.calls.mu.Lock()
	defer l.calls.mu.Unlock()
	if l.calls.lines[l.addr] == l {
		delete(l.calls.lines, l.addr)
	}
}

// answers reports whether there is a line that may still be answered on. The mutex of calls is held. Behind a patient call silence says
// nothing: a broker answers in order.
func (l *line) answers() bool {
	return l != nil && l.up && !l.failed && (l.inFlight == 0 || l.patient > 0 || time.Since(l.heard) < silence)
}

// landed takes note that a call has been answered or has failed.
func (l *line) landed(q *call, err error) {
	l.calls.mu.Lock()
	defer l.calls.mu.Unlock()
	if !unsaid(err) {
		l.heard, l.failed = time.Now(), err != nil
	}
	if q.patient {
		l.patient--
	}
	if l.inFlight--; l.inFlight == 0 {
		l.idle.Reset(callIdle)
	}
}

// unsaid reports whether an error is of a call that no broker has failed.
func unsaid(err error) bool {
	return errors.Is(err, wire.ErrVersion) || errors.Is(err, errWithdrawn) || errors.Is(err, errGone)
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

// close has no line begun any more, calls end, and returns the links that are there.
func (c *calls) close(end func()) (links []*link.Link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	end()
	for _, l := range c.lines {
		links = append(links, l.link)
	}
	return links
}
