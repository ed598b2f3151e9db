package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// inquiry is what the pool wants to know next from its cluster, guarded by the pool's mutex. One goroutine asks, while there is
// something to ask and for as long as the cluster does not answer: however many clients want metadata, one request is on its way.
type inquiry struct {
	running bool
	asks    []ask           // to be put to the cluster with the next request
	current []ask           // those that the request on its way is to answer
	stale   map[string]bool // topics to ask for again on the pool's own account; all of them are known or have batches waiting
	// failing is set while the cluster does not answer: nobody waits for it then. wanted is a topic that somebody asked for
	// meanwhile, the last one: it is asked for to see whether the cluster answers again.
	failing bool
	wanted  string
	// backoff is the pause after a failure, and grows until the cluster answers. It belongs to the goroutine that asks.
	backoff time.Duration
	// complaint is what was last logged of that, and when.
	complaint  string
	complained time.Time
}

// ask is one call of Topics that memory could not answer.
type ask struct {
	names  []string // nil: all topics
	create bool
	done   func([]wire.Topic)
}

// Topics reports what the cluster says of the named topics, in the order named; nil asks for all topics. With create,
// the cluster may create those that are missing. done is called once, from any goroutine and possibly before Topics
// returns; it must not change what it gets.
//
// A cluster that does not answer within a moment is answered for from memory, and where memory has nothing, with
// LEADER_NOT_AVAILABLE, which clients retry: its trouble must not become that of clients who want other clusters too.
func (p *Pool) Topics(names []string, create bool, done func([]wire.Topic)) {
	now := time.Now()
	create = create && !p.settings.NoAutoCreate
	p.mu.Lock()
	if p.closed || p.inquiry.failing || names != nil && p.allFresh(names, now) {
		for _, name := range names {
			switch {
			case p.topics[name] != nil && p.inquiry.failing:
				p.refresh(name)
			case p.inquiry.failing:
				p.inquiry.wanted = name
			}
		}
		topics := p.recall(names)
		p.mu.Unlock()
		done(topics)
		return
	}
	p.inquiry.asks = append(p.inquiry.asks, ask{names, create, done})
	p.inquire()
	p.mu.Unlock()
}

func (p *Pool) allFresh(names []string, now time.Time) bool {
	for _, name := range names {
		t := p.topics[name]
		if t == nil || !t.known || t.doubted || !t.led() || now.Sub(t.asked) > min(metadataFresh, p.settings.MetadataMaxAge) {
			return false
		}
		t.used = now
	}
	return true
}

// recall answers from memory. p.mu is held.
func (p *Pool) recall(names []string) []wire.Topic {
	if names == nil {
		var topics []wire.Topic
		for _, t := range p.topics {
			if t.known {
				topics = append(topics, t.meta)
			}
		}
		return topics
	}
	topics := make([]wire.Topic, len(names))
	for i, name := range names {
		topics[i] = wire.Topic{Name: name, Code: wire.LeaderNotAvailable}
		if t := p.topics[name]; t != nil && t.known {
			topics[i] = t.meta
		}
	}
	return topics
}

// refresh has a topic asked for again. p.mu is held.
func (p *Pool) refresh(name string) {
	if p.inquiry.stale == nil {
		p.inquiry.stale = map[string]bool{}
	}
	p.inquiry.stale[name] = true
	p.inquire()
}

// inquire starts the asking goroutine unless it runs. p.mu is held.
func (p *Pool) inquire() {
	if p.inquiry.running || p.closed {
		return
	}
	p.inquiry.running = true
	p.spawn("metadata", p.inquireUntilDone)
}

// inquireUntilDone asks until there is nothing more to ask. After a panic, who waits is answered from memory, and it goes on.
func (p *Pool) inquireUntilDone() {
	for errors.Is(p.attempt("metadata", p.inquireInTurn), errInternal) {
		p.guard("metadata", p.losePatience)
		if !p.pause(p.settings.ReconnectBackoffMax) {
			p.locked(func() { p.inquiry.running = false })
			return
		}
	}
}

func (p *Pool) inquireInTurn() error {
	backoff := &p.inquiry.backoff
	for {
		asks, stale, over := p.nextInquiry()
		if over {
			return nil
		}
		impatience := p.after(patience, "metadata", p.losePatience)
		err := p.inquireOnce(asks, stale)
		impatience.Stop()
		if err == nil {
			*backoff = 0
			continue
		}
		*backoff = min(max(2**backoff, p.settings.ReconnectBackoff), p.settings.ReconnectBackoffMax)
		p.pause(*backoff) // not if closing: what is left is then answered from memory, without the network
	}
}

// nextInquiry takes what is to be asked next. It reports that the asking is over when there is nothing, and the cluster answers.
func (p *Pool) nextInquiry() (asks []ask, stale map[string]bool, over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := &p.inquiry
	if p.closed { // nothing is asked for any more but what batches wait for
		q.stale = p.awaited()
	}
	if len(q.asks) == 0 && len(q.stale) == 0 && (p.closed || !q.failing) {
		q.running = false
		return nil, nil, true
	}
	if len(q.asks) == 0 && len(q.stale) == 0 && q.wanted != "" {
		q.stale = map[string]bool{q.wanted: true}
	}
	names, n := 0, 0
	for n < len(q.asks) && (n == 0 || names+len(q.asks[n].names) <= maxNames) {
		names += len(q.asks[n].names)
		n++
	}
	asks, stale = q.asks[:n:n], q.stale
	q.asks, q.stale, q.current = q.asks[n:], nil, asks
	return asks, stale, false
}

// awaited names the topics that batches wait for. p.mu is held.
func (p *Pool) awaited() map[string]bool {
	names := map[string]bool{}
	for name, t := range p.topics {
		if len(t.waiting) > 0 {
			names[name] = true
		}
	}
	return names
}

// inquireOnce asks the cluster and answers asks. Topics whose creation is allowed are asked for apart from the others:
// the protocol has one flag for a whole request.
func (p *Pool) inquireOnce(asks []ask, stale map[string]bool) error {
	ctx, cancel := context.WithTimeout(p.ctx, metadataTimeout)
	defer cancel()
	all, create, plain := sortAsks(asks, stale)
	got := map[string]wire.Topic{}
	var listed []wire.Topic
	var failure error
	request := func(names []string, mayCreate bool) []wire.Topic {
		meta, err := p.client.Metadata(ctx, names, mayCreate)
		if err != nil {
			failure = err
			p.complain(err)
			return nil
		}
		p.stats.MetadataRefreshes.Add(1)
		p.learnBrokers(meta.Brokers)
		for _, t := range meta.Topics {
			got[t.Name] = t
		}
		return meta.Topics
	}
	if all || len(create)+len(plain) == 0 { // nothing is wanted but to know whether the cluster answers again
		listed = request(nil, false)
	}
	if len(create) > 0 {
		request(create, true)
	}
	if len(plain) > 0 {
		request(plain, false)
	}
	p.learnTopics(got, append(create, plain...), failure)
	p.answerAll(p.takeAsks(failure, stale), got, listed)
	return failure
}

// complain logs that the cluster cannot be asked: once, and again when the reason changes or time has passed.
func (p *Pool) complain(err error) {
	if p.ctx.Err() != nil {
		return
	}
	now := time.Now()
	p.mu.Lock()
	again := err.Error() == p.inquiry.complaint && now.Sub(p.inquiry.complained) < complaintInterval
	if !again {
		p.inquiry.complaint, p.inquiry.complained = err.Error(), now
	}
	p.mu.Unlock()
	if !again {
		p.log.Warn("cannot get metadata", "error", err)
	}
}

// takeAsks returns the asks that the request just answered, or failed to: then also those that came since, and what else was to
// be asked for is kept for the next request.
func (p *Pool) takeAsks(failure error, stale map[string]bool) []ask {
	p.mu.Lock()
	defer p.mu.Unlock()
	asks := p.inquiry.current
	p.inquiry.current = nil
	if p.inquiry.failing = failure != nil; !p.inquiry.failing {
		p.inquiry.wanted = ""
	} else {
		asks = append(asks, p.inquiry.asks...)
		p.inquiry.asks = nil
		for name := range stale {
			if p.topics[name] != nil {
				p.refresh(name)
			}
		}
	}
	return asks
}

// losePatience stops waiting for a cluster that takes its time: it answers from memory, and fails the batches that wait
// for what memory does not have. The request goes on.
func (p *Pool) losePatience() {
	d := dispatch{pool: p}
	var asks []ask
	p.locked(func() {
		p.inquiry.failing = true
		asks = append(p.inquiry.current, p.inquiry.asks...)
		p.inquiry.current, p.inquiry.asks = nil, nil
		for _, t := range p.topics {
			if len(t.waiting) > 0 {
				t.doubted = false
				p.release(t, &d)
			}
		}
		d.enqueue()
		p.inquire() // the answer may have come just now: then nobody asks any more
	})
	d.report()
	p.answerAll(asks, nil, nil)
}

// sortAsks says whether all topics are wanted, and which by name, with and without creation.
func sortAsks(asks []ask, stale map[string]bool) (all bool, create, plain []string) {
	mayCreate := map[string]bool{}
	for name := range stale {
		mayCreate[name] = false
	}
	for _, a := range asks {
		all = all || a.names == nil
		for _, name := range a.names {
			mayCreate[name] = mayCreate[name] || a.create
		}
	}
	for name, c := range mayCreate {
		if c {
			create = append(create, name)
		} else {
			plain = append(plain, name)
		}
	}
	return all, create, plain
}

// answer picks what one ask wanted out of what the cluster said, memory standing in for what it did not say.
func (p *Pool) answer(a ask, got map[string]wire.Topic, listed []wire.Topic) []wire.Topic {
	if listed != nil && a.names == nil {
		return listed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	topics := p.recall(a.names)
	for i, name := range a.names {
		if t, ok := got[name]; ok {
			topics[i] = t
		}
	}
	return topics
}

// learnBrokers takes over the cluster's brokers and lets go of idle lanes to brokers that are no longer there.
func (p *Pool) learnBrokers(brokers map[int32]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.brokers = brokers
	p.inquiry.complaint = ""
	for key, l := range p.lanes {
		addr, ok := brokers[key.node]
		switch {
		case ok && addr != l.addr:
			l.addr = addr
			l.renew() // the broker has moved: the old connection may be to another one, or to nobody
		case !ok && l.idle():
			l.shut()
			delete(p.lanes, key)
		}
	}
}

// learnTopics takes over what the cluster said of the topics that were asked for by name, and sends on the batches
// that waited for it.
func (p *Pool) learnTopics(got map[string]wire.Topic, asked []string, failure error) {
	now := time.Now()
	d := dispatch{pool: p}
	p.locked(func() {
		p.takeTopics(got, asked, failure, now, &d)
		d.enqueue()
	})
	d.report()
}

// takeTopics is what learnTopics does with the mutex held.
func (p *Pool) takeTopics(got map[string]wire.Topic, asked []string, failure error, now time.Time, d *dispatch) {
	for _, name := range asked {
		meta, ok := got[name]
		t := p.topics[name]
		switch {
		case ok && t == nil && meta.Code == wire.None:
			p.topic(name, now).learn(meta, now)
			continue
		case t == nil:
			continue
		case ok:
			t.learn(meta, now)
		case failure == nil: // the cluster was silent about it
			t.learn(wire.Topic{Name: name, Code: wire.UnknownTopicOrPartition}, now)
		default:
			t.doubted = false // could not be asked: go on with what is known
		}
		p.release(t, d)
		if !t.known && !t.busy() {
			delete(p.topics, name)
		}
	}
}

const unknownLeaders = "the cluster cannot be asked for the topic's leaders"

// release sends on, or fails, the batches that waited for t. p.mu is held.
func (p *Pool) release(t *topic, d *dispatch) {
	waiting := t.waiting
	t.waiting = nil
	for _, w := range waiting {
		switch {
		case w.produce.outOfOrder(w.batch):
			d.fail(w.batch, w.produce, wire.NotLeaderOrFollower, earlierFirst)
		case t.known:
			p.placeKnown(t, w.batch, w.produce, d)
		case t.meta.Code != wire.None:
			d.fail(w.batch, w.produce, t.meta.Code, "")
		default:
			d.fail(w.batch, w.produce, wire.NotLeaderOrFollower, unknownLeaders)
		}
	}
}
