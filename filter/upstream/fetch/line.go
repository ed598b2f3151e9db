package fetch

import (
	"errors"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// maxLines is how many links a client has to one broker at most. One is enough while it reads on; who goes elsewhere needs another until
// the poll for what it wanted before has come back.
const maxLines = 3

var (
	errGone    = errors.New("its client is gone")
	errGivenUp = errors.New("its client wants other records")
	errMoved   = errors.New("its broker has moved to another address")
	errOld     = errors.New("what connections are made from has been replaced")
)

// node is the way to one broker. The mutex of its Polls guards it.
type node struct {
	id     int32
	lines  []*line
	failed int       // links in a row that ended without an answer
	until  time.Time // it is not tried before, after a failure
}

// line is one link to a broker, which has one poll at a time. The mutex of its Polls guards it.
type line struct {
	polls    *Polls
	node     *node
	link     *link.Link // nil until it has begun
	renewals int64
	addr     string // where its broker was when it began
	denied   bool   // it was last told of a partition that the broker does not lead it
	began    time.Time
	up       bool
	until    time.Time // the login ends; zero: never
	poll     *poll     // on its way; nil: none
	served   bool      // it has had an answer
	useless  bool      // it is to be closed
	kept     int       // bytes that its session holds

	// These are of who writes a poll, and then of who tells what comes of it.
	session *session // nil: there is none
	former  int32    // the id of one that is over, of which the broker does not know that
}

var _ link.Owner = (*line)(nil)

// node is the way to a broker. p.mu is held.
func (p *Polls) node(id int32) *node {
	n := p.nodes[id]
	if n == nil {
		n = &node{id: id}
		p.nodes[id] = n
	}
	return n
}

// idle is a line without a poll; nil: there is none. It returns links that are of no use any more. p.mu is held.
func (n *node) idle(renewals int64, now time.Time) (idle *line, old []*link.Link) {
	for i := 0; i < len(n.lines); i++ {
		l := n.lines[i]
		switch {
		case l.poll != nil:
		case l.renewals != renewals, !l.until.IsZero() && now.After(l.until):
			old = append(old, l.give()...)
			n.remove(l)
			i--
		default:
			idle = l
		}
	}
	return idle, old
}

func (n *node) remove(l *line) {
	l.keep(0)
	for i := range n.lines {
		if n.lines[i] == l {
			n.lines = append(n.lines[:i], n.lines[i+1:]...)
			return
		}
	}
}

// oldest is the line whose poll is the oldest.
func (n *node) oldest() *line {
	found := n.lines[0]
	for _, l := range n.lines {
		if l.poll.number < found.poll.number {
			found = l
		}
	}
	return found
}

// add makes a line, which has to be begun. p.mu is held.
func (n *node) add(p *Polls) *line {
	l := &line{polls: p, node: n, renewals: p.cluster.Renewals(), began: time.Now()}
	n.lines = append(n.lines, l)
	return l
}

// leaveMoved closes links to brokers that are elsewhere by now. A link that was made to an address which another broker had by then is
// told that the broker leads nothing, until it ends.
func (p *Polls) leaveMoved() {
	for _, l := range p.denied() {
		addr := p.cluster.Address(l.node.id)
		var old []*link.Link
		p.locked(func() {
			if addr != l.addr && l.poll == nil && !l.useless {
				old = l.give()
				l.node.remove(l)
			}
		})
		for _, o := range old {
			o.Close(errMoved)
		}
	}
}

// denied are the lines without a poll that were last told that their broker does not lead something.
func (p *Polls) denied() (lines []*line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.nodes {
		for _, l := range n.lines {
			if l.denied && l.poll == nil {
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// Ready implements link.Owner.
func (l *line) Ready(from *link.Link) {
	until := from.Until()
	var waits *poll
	l.polls.locked(func() {
		if !l.up {
			waits = l.poll
		}
		l.up, l.until, l.link = true, until, from
	})
	if waits != nil {
		waits.send()
	}
}

// Answering implements link.Owner.
func (l *line) Answering() {}

// Answered implements link.Owner.
func (l *line) Answered() {}

// Ended implements link.Owner: who waits for an answer is polled for again.
func (l *line) Ended(error) {
	f, doubted, lost := l.end()
	if !lost {
		return
	}
	l.polls.doubt(doubted)
	if f != nil {
		l.polls.coverLacked(f)
	}
}

// end takes the line out. It returns what the client waits for, of which those partitions have lost their poll, unless lost is false: then
// no broker has lost anything, or the client is gone.
func (l *line) end() (f *Fetching, doubted []place, lost bool) {
	p := l.polls
	p.mu.Lock()
	defer p.mu.Unlock()
	n := l.node
	n.remove(l)
	if !l.served && !l.useless {
		n.failed++
		n.until = time.Now().Add(p.pause(n.failed))
	}
	q := l.poll
	if l.poll = nil; q == nil {
		return nil, nil, false
	}
	doubted = q.lose(p.current)
	return p.current, doubted, !p.closed
}

// begin has the broker be dialled. No lock is held.
func (l *line) begin() {
	p := l.polls
	addr := p.cluster.Address(l.node.id)
	p.locked(func() { l.addr = addr })
	opened := p.cluster.OpenOwn(target.Node(l.node.id), p.settings.Room, l)
	useless := false
	p.locked(func() {
		useless = l.useless
		if l.link == nil { // else it is ready already, and may be read
			l.link = opened
		}
		if opened == nil { // the cluster is closed
			l.node.remove(l)
		}
	})
	if useless && opened != nil {
		opened.Close(errGivenUp)
	}
}

// keep takes note of how much is held for the line's session.
func (l *line) keep(n int) {
	l.polls.memory += n - l.kept
	l.kept = n
}

// give has the line be closed: by who gets its link, or by who has it begin. The mutex is held.
func (l *line) give() []*link.Link {
	l.useless = true
	if l.link == nil {
		return nil
	}
	return []*link.Link{l.link}
}

// dialsFor is how long it has been connecting.
func (l *line) dialsFor() time.Duration {
	if l.up {
		return 0
	}
	return time.Since(l.began)
}

// pause is how long a broker is let be after so many failures.
func (p *Polls) pause(failed int) time.Duration {
	return min(p.settings.Backoff<<min(failed-1, 10), p.settings.BackoffMax)
}

// doubt has the leaders of partitions be asked for anew.
func (p *Polls) doubt(all []place) {
	told := map[string]bool{}
	for _, at := range all {
		if !told[at.name] {
			told[at.name] = true
			p.cluster.Doubt(target.Leader(at.name, at.partition))
		}
	}
}
