package fetch

import (
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// cover has partitions polled for that nobody is asked for.
func (p *Polls) cover(f *Fetching, todo []*partition) {
	if len(todo) == 0 {
		return
	}
	p.leaveMoved()
	which := make([]wire.TopicPartition, len(todo))
	for i, known := range todo {
		which[i] = wire.TopicPartition{Topic: known.at.name, Partition: known.at.partition}
	}
	p.cluster.Leaders(which, func(found []wire.Partition) {
		p.assign(f, todo, found).do(f)
	})
}

// plan is what is to be done when no lock is held.
type plan struct {
	send  []*poll
	begin []*line
	close []*link.Link
	told  bool // there is news
}

func (n *plan) do(f *Fetching) {
	for _, l := range n.close {
		l.Close(errOld)
	}
	for _, l := range n.begin {
		l.begin()
	}
	for _, q := range n.send {
		q.send()
	}
	if n.told {
		f.news()
	}
}

// assign gives partitions to polls of their leaders.
func (p *Polls) assign(f *Fetching, todo []*partition, found []wire.Partition) *plan {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	n := &plan{}
	if p.current != f || p.closed {
		return n
	}
	var order []int32
	of := map[int32][]*partition{}
	var to *node // of the last one, as mostly
	for i, known := range todo {
		if leader := found[i].Leader; leader >= 0 && (to == nil || to.id != leader) {
			to = p.node(leader)
		}
		switch leader := found[i].Leader; {
		case known.number != f.number, known.poll != nil, known.state == isReady:
		case leader < 0 && !found[i].Code.Transient(), leader < 0 && found[i].Code == wire.UnknownTopicOrPartition:
			n.told = true
			refused := wire.Refused(known.at.partition, found[i].Code)
			known.becomeReady(nil, &refused)
			f.count(known)
		case leader < 0:
			known.state = isLacked
			p.retryIn(p.settings.Backoff)
		case now.Before(to.until):
			known.state = isLacked
			p.retryIn(to.until.Sub(now))
		default:
			if of[leader] == nil {
				order = append(order, leader)
				of[leader] = make([]*partition, 0, len(todo)-i)
			}
			of[leader] = append(of[leader], known)
		}
	}
	for _, id := range order {
		if to := p.node(id); !p.answersNow(f, to) {
			n.poll(f, to, of[id], len(order), now)
		}
	}
	return n
}

// answersNow says whether a broker's records are ready for f, which is answered at once then. What else f asks that broker for is polled for
// with the next request, together with what comes behind those records: each poll of a part of a broker's partitions needs a link more.
// p.mu is held.
func (p *Polls) answersNow(f *Fetching, to *node) bool {
	return (f.urgent || f.bytes > 0 && f.request.MinBytes <= 1) &&
		slices.ContainsFunc(p.ready, func(q *poll) bool { return q.line.node == to })
}

// poll has a broker be polled for partitions, one of so many brokers. The mutex is held.
func (n *plan) poll(f *Fetching, to *node, given []*partition, of int, now time.Time) {
	l, useless := to.idle(f.polls.cluster.Renewals(), now)
	n.close = append(n.close, useless...)
	if l == nil && len(to.lines) >= maxLines {
		oldest := to.oldest()
		given = append(given, oldest.poll.giveUp(f)...)
		oldest.poll = nil
		n.close = append(n.close, oldest.give()...)
		to.remove(oldest)
	}
	if l == nil {
		l = to.add(f.polls)
		n.begin = append(n.begin, l)
	}
	if q := newPoll(f, l, given, of); l.up {
		n.send = append(n.send, q)
	}
}

// retryIn has partitions without anybody to ask looked at again, in that time or before. p.mu is held.
func (p *Polls) retryIn(d time.Duration) {
	due := time.Now().Add(d)
	if p.closed || p.retryTimed && !due.Before(p.retryDue) {
		return
	}
	p.retryTimed, p.retryDue = true, due
	if p.retry == nil {
		p.retry = time.AfterFunc(d, func() { p.settings.Panics.Guard("fetch retry", p.retryNow) })
	} else {
		p.retry.Reset(d)
	}
}

// retryNow is what the timer calls.
func (p *Polls) retryNow() {
	var f *Fetching
	p.locked(func() {
		p.retryTimed = false
		f = p.current
	})
	if f != nil {
		p.coverLacked(f)
	}
}

// coverLacked has partitions polled for that had nobody to be asked.
func (p *Polls) coverLacked(f *Fetching) {
	p.cover(f, p.lacked(f))
}

// lacked are the partitions that have nobody to be asked. They are until there is a poll for them.
func (p *Polls) lacked(f *Fetching) (todo []*partition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != f {
		return nil
	}
	for _, known := range f.partitions {
		if known.state == isLacked && known.poll == nil && known.number == f.number {
			todo = append(todo, known)
		}
	}
	return todo
}
