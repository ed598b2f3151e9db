package produce

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

var _ topology.Owner = (*Pool)(nil)

// Learned takes over what the cluster said, or that it could not be asked, and sends on the batches that waited for it.
func (p *Pool) Learned(n *topology.News) {
	now := time.Now()
	d := dispatch{pool: p}
	p.locked(func() {
		p.failing = n.Err != nil
		if n.Brokers != nil {
			p.takeBrokers(n.Brokers)
		}
		for _, name := range n.Asked {
			p.takeTopic(name, n, now, &d)
		}
		d.enqueue()
	})
	d.report()
}

// Impatient fails the batches that wait for what is not known: the cluster takes its time. It is still asked.
func (p *Pool) Impatient() {
	d := dispatch{pool: p}
	p.locked(func() {
		p.failing = true
		for _, t := range p.topics {
			if len(t.waiting) > 0 {
				t.doubted = false
				p.release(t, &d)
			}
		}
		d.enqueue()
	})
	d.report()
}

// InUse names the topics that batches have needed since maxAge, and forgets the others.
func (p *Pool) InUse(now time.Time, maxAge time.Duration) (names []string) {
	p.locked(func() {
		for name, t := range p.topics {
			if t.unused(now, maxAge) {
				delete(p.topics, name)
			} else {
				names = append(names, name)
			}
		}
	})
	return names
}

// takeBrokers takes over the cluster's brokers and lets go of idle lanes to brokers that are no longer there. The mutex is held.
func (p *Pool) takeBrokers(brokers map[int32]string) {
	p.brokers = brokers
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

// takeTopic takes over what the cluster said of a topic that it was asked for by name. The mutex is held.
func (p *Pool) takeTopic(name string, n *topology.News, now time.Time, d *dispatch) {
	meta, ok := n.Topics[name]
	t := p.topics[name]
	if t == nil {
		if ok && meta.Code == wire.None {
			p.topic(name, now).learn(meta, now)
		}
		return
	}
	t.asking = false
	switch {
	case ok:
		t.learn(meta, now)
	case n.Err == nil: // the cluster was silent about it
		t.learn(wire.Topic{Name: name, Code: wire.UnknownTopicOrPartition}, now)
	default:
		t.doubted = false // could not be asked: go on with what is known
	}
	p.release(t, d)
	if !t.known && !t.busy() {
		delete(p.topics, name)
	}
}

// release sends on, or fails, the batches that waited for t. The mutex is held.
func (p *Pool) release(t *topic, d *dispatch) {
	waiting := t.waiting
	t.waiting = nil
	for _, w := range waiting {
		p.placeAgain(w, d)
	}
}
