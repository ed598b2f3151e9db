package simulation

import (
	"math/rand/v2"
	"time"
)

// client is a model of a producer. Everything it does happens on the timeline.
type client struct {
	nature  nature
	line    *timeline
	reach   reach
	rnd     *rand.Rand
	writers []*writer
	links   map[node]*link
	leaders map[string][]int32 // by topic; what metadata said
	away    time.Duration      // from whom it is connected to
	asking  bool
	frozen  bool // it does nothing, and reads nothing
	// frozenAt is until when it last did.
	frozenAt time.Time
	// broken is what no client should meet.
	broken []string
	// armed is when it looks at its batches next.
	armed time.Time
}

// node is who a client connects to: the facade, or a broker.
type node struct {
	cluster string
	id      int32
}

// reach is how a client gets to who leads its partitions: through the mesh, or itself.
type reach interface {
	// node says who is to be connected to for a partition's leader.
	node(w *writer, leader int32) node
	// connect begins to connect; the link gets on when the client is told.
	connect(c endpoint, l *link)
	// prompt says that every request has to be answered in time.
	prompt() bool
	// ask has metadata asked for; the client is told by learn or unlearned.
	ask(c *client)
}

// look does whatever there is to do now.
func (c *client) look() {
	if c.frozen {
		return
	}
	now := time.Now()
	var soonest time.Time
	for _, w := range c.writers {
		w.giveUp(now)
	}
	for c.sendOne(now, &soonest) {
		soonest = time.Time{}
	}
	for _, l := range c.links {
		if len(l.pending) > 0 && l.pending[0].sent.Add(c.nature.timeout).Sub(now) <= 0 {
			c.hangUp(l)
		}
	}
	if !soonest.IsZero() {
		c.lookAt(soonest)
	}
}

// lookAt has the client look again at a time, unless it does before.
func (c *client) lookAt(at time.Time) {
	if c.armed.After(time.Now()) && !at.Before(c.armed) {
		return
	}
	c.armed = at
	c.line.after(time.Until(at), c.look)
}

// sendOne sends one request, and reports whether it did.
func (c *client) sendOne(now time.Time, soonest *time.Time) bool {
	var request pending
	var to *link
	for _, w := range c.writers {
		b, wait := w.next(now)
		if !wait.IsZero() && (soonest.IsZero() || wait.Before(*soonest)) {
			*soonest = wait
		}
		if b == nil {
			continue
		}
		l := c.linkFor(w)
		if l == nil || to != nil && l != to || c.unanswered(l) >= pipeline {
			continue
		}
		to = l
		request.writers, request.batches = append(request.writers, w), append(request.batches, b)
	}
	if to == nil {
		return false
	}
	frame := c.encode(&request, to.next)
	c.dispatch(to, request, frame)
	for i, w := range request.writers {
		w.sent(request.batches[i])
		c.line.note("%s sends number %d", w.name, request.batches[i].number)
	}
	return true
}

func (c *client) unanswered(l *link) int {
	if c.nature.acks == 0 {
		return 0
	}
	return len(l.pending)
}

// linkFor is the connection for a writer's batches, nil if there is none yet, or answers are still to come on another: clients
// do not send to a new leader what could overtake what is on its way to the old one.
func (c *client) linkFor(w *writer) *link {
	leader := c.leader(w)
	if leader < 0 {
		c.ask()
		return nil
	}
	l := c.link(c.reach.node(w, leader))
	if !l.up || w.via != l && w.onWay() {
		return nil
	}
	w.via = l
	return l
}

// link is the connection to a node, which may not be up yet.
func (c *client) link(to node) *link {
	l := c.links[to]
	if l == nil {
		l = &link{to: to}
		c.links[to] = l
		c.reach.connect(c, l)
	}
	return l
}

// ask asks for metadata, unless that is under way.
func (c *client) ask() {
	if c.asking {
		return
	}
	c.asking = true
	c.line.note("%s asks for metadata", c.writers[0].name)
	c.reach.ask(c)
}

// unlearned says that metadata could not be had.
func (c *client) unlearned() {
	c.line.after(minRetry+time.Duration(c.rnd.Int64N(int64(minRetry))), func() {
		c.asking = false
		c.look()
	})
}

// learn takes the leaders of each topic that was asked for. They are asked for again while one is missing.
func (c *client) learn(said map[string][]int32) {
	c.leaders, c.asking = said, false
	c.line.note("%s is told %v", c.writers[0].name, said)
	for _, w := range c.writers {
		if c.leader(w) < 0 {
			c.asking = true
		}
	}
	if c.asking {
		c.unlearned()
	}
}

// leader is who leads a writer's partition, -1 if that is not known.
func (c *client) leader(w *writer) int32 {
	if leaders := c.leaders[w.place.Topic]; int(w.place.Partition) < len(leaders) {
		return leaders[w.place.Partition]
	}
	return -1
}

// topics are those that the client writes to.
func (c *client) topics() []string {
	var names []string
	for _, w := range c.writers {
		if len(names) == 0 || names[len(names)-1] != w.place.Topic {
			names = append(names, w.place.Topic)
		}
	}
	return names
}

func (c *client) still() bool { return c.frozen }

func (c *client) title() string { return c.nature.name }

// freeze has the client do nothing, as a process that is paused, or go on.
func (c *client) freeze(on bool) {
	c.frozen, c.frozenAt = on, time.Now()
	if on {
		return
	}
	for _, l := range c.links {
		if !l.dead && l.way != nil {
			l.way.thaw()
			c.received(l, nil)
		}
	}
	c.look()
}

// sever breaks all of the client's connections.
func (c *client) sever(lag time.Duration, drop bool) {
	for _, l := range c.links {
		if !l.dead && l.way != nil {
			l.way.sever(lag, drop)
			c.lost(l)
		}
	}
}

func (c *client) done() bool {
	for _, w := range c.writers {
		if !w.done() {
			return false
		}
	}
	return true
}
