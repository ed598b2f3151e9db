package simulation

import (
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// strike has a fault begin, and end when it is time.
func (w *world) strike(f fault) {
	c := w.clusters[f.cluster]
	begin, end := w.brokerFault(c, f)
	if begin == nil {
		begin, end = w.clusterFault(c, f)
	}
	if begin == nil {
		begin, end = w.clientFault(f)
	}
	begin()
	if end != nil {
		w.line.after(f.lasts, end)
	}
}

func toggle(do func(on bool)) (begin, end func()) {
	return func() { do(true) }, func() { do(false) }
}

// brokerFault is what goes wrong with one broker, nil if f is something else.
func (w *world) brokerFault(c *upstreamtest.Cluster, f fault) (begin, end func()) {
	switch f.kind {
	case cut:
		return func() { c.Cut(f.broker) }, nil
	case cutHalf:
		return func() { c.CutNext(f.broker, upstreamtest.CutHalfRead) }, func() { c.CutNext(f.broker, upstreamtest.CutNot) }
	case cutStored:
		return func() { c.CutNext(f.broker, upstreamtest.CutStored) }, func() { c.CutNext(f.broker, upstreamtest.CutNot) }
	case killed:
		return func() {
			w.lead(f, -1)
			c.Down(f.broker, true)
			w.line.after(f.delay, func() { w.lead(f, f.other) })
		}, func() { c.Down(f.broker, false) }
	case rolled:
		return func() {
			w.lead(f, f.other)
			w.line.after(f.delay, func() { c.Down(f.broker, true) })
		}, func() { w.line.after(f.delay, func() { c.Down(f.broker, false) }) }
	case gone:
		return toggle(func(on bool) { c.Down(f.broker, on) })
	case stalled:
		return toggle(func(on bool) { c.Stall(f.broker, on) })
	case clogged:
		return toggle(func(on bool) { c.Clog(f.broker, on) })
	case deaf:
		return toggle(func(on bool) { c.Deafen(f.broker, on) })
	case refusing:
		return toggle(func(on bool) { c.Refuse(f.broker, on) })
	case slow:
		return func() { c.Delay(f.broker, f.delay, 3*f.delay) }, func() { w.calm(f.cluster, f.broker) }
	default:
		return nil, nil
	}
}

// clusterFault is what goes wrong with a cluster or a topic of it, nil if f is something else.
func (w *world) clusterFault(c *upstreamtest.Cluster, f fault) (begin, end func()) {
	switch f.kind {
	case elected:
		return func() {
			if f.drop { // the brokers learn of it late
				c.Outdate(true)
				w.line.after(f.delay, func() { c.Outdate(false) })
			}
			w.move(f.cluster, f.partition, f.other)
		}, nil
	case leaderless:
		return func() { w.move(f.cluster, f.partition, -1) }, func() { w.move(f.cluster, f.partition, f.other) }
	case allGone:
		return toggle(func(on bool) {
			for id := range int32(brokers) {
				c.Down(id+1, on)
			}
		})
	case short:
		return toggle(func(on bool) {
			if !w.missing[f.cluster] {
				c.Shorten(f.topic, f.partition, on)
			}
		})
	case answers:
		return func() { w.answer(f) }, nil
	case silent:
		return toggle(c.Silence)
	case slowMetadata:
		return func() { c.DelayMetadata(5 * f.delay) }, func() { c.DelayMetadata(w.asking) }
	case oldMetadata:
		return toggle(c.Outdate)
	case exchanged:
		if w.mesh == nil { // the models do not see that a broker has moved
			return func() { c.Cut(f.broker) }, nil
		}
		return func() {
			c.DelayDials(f.delay)
			c.Cut(f.broker)
			w.line.after(f.delay/2, func() { c.Exchange(f.broker, f.other) })
		}, func() { c.DelayDials(w.distance) }
	case replaced:
		return c.Replace, nil
	case recreated:
		return func() {
			w.remove(f.cluster)
			w.leaders[f.cluster][f.partition] = f.other
		}, func() { w.restore(f.cluster) }
	case grown:
		return func() {
			if !w.missing[f.cluster] {
				c.AddPartitions(f.topic, f.broker)
			}
		}, nil
	default:
		return nil, nil
	}
}

// clientFault is what goes wrong with clients.
func (w *world) clientFault(f fault) (begin, end func()) {
	c := w.clients[f.client]
	readers := w.readersLike(f.client)
	switch f.kind {
	case severed:
		return func() {
			c.sever(f.delay, f.drop)
			for _, r := range readers {
				r.sever(f.delay, f.drop)
			}
		}, nil
	case moved:
		return func() {
			w.hop(c)
			c.sever(f.delay, f.drop)
			for _, r := range readers {
				w.hop(r)
				r.sever(f.delay, f.drop)
			}
		}, nil
	case workerLost:
		return func() { w.loseWorker(f) }, nil
	default:
		return toggle(func(on bool) {
			c.freeze(on)
			for _, r := range readers {
				r.freeze(on)
			}
		})
	}
}

// loseWorker has those who use a worker lose their connections, and use the other.
func (w *world) loseWorker(f fault) {
	for _, c := range w.clients {
		if w.mesh == nil || w.mesh.workers[c] == int(f.broker)%workers {
			w.hop(c)
			c.sever(f.delay, f.drop)
		}
	}
	for _, r := range w.readers {
		if w.mesh.workers[r] == int(f.broker)%workers {
			w.hop(r)
			r.sever(f.delay, f.drop)
		}
	}
}

// hop has a client use the other worker from now on.
func (w *world) hop(c endpoint) {
	if w.mesh != nil {
		w.mesh.workers[c] = (w.mesh.workers[c] + 1) % workers
	}
}

// lead has another broker lead all that one leads.
func (w *world) lead(f fault, other int32) {
	for p, leader := range w.leaders[f.cluster] {
		if leader == f.broker || leader == -1 {
			w.move(f.cluster, int32(p), other)
		}
	}
}

// move has a broker lead a partition.
func (w *world) move(cluster string, partition, broker int32) {
	w.leaders[cluster][partition] = broker
	if !w.missing[cluster] {
		w.clusters[cluster].Move(topics()[cluster], partition, broker)
	}
}

// answer has a broker answer with errors that say that nothing was stored.
func (w *world) answer(f fault) {
	codes := []wire.ErrorCode{
		wire.NotLeaderOrFollower, wire.LeaderNotAvailable, wire.NotEnoughReplicas, wire.RequestTimedOut, wire.KafkaStorageError,
		wire.UnknownTopicOrPartition,
	}
	if w.missing[f.cluster] {
		return
	}
	code := codes[w.rnd.IntN(len(codes))]
	next := make([]wire.ErrorCode, 1+w.rnd.IntN(6))
	for i := range next {
		if i == 0 || w.rnd.IntN(3) > 0 {
			next[i] = code
		}
	}
	w.clusters[f.cluster].Answer(f.topic, f.partition, next...)
}

// heal ends whatever may still be wrong.
func (w *world) heal() {
	for name, c := range w.clusters {
		w.restore(name)
		for id := range int32(brokers) {
			c.Down(id+1, false)
			c.Stall(id+1, false)
			c.Clog(id+1, false)
			c.Deafen(id+1, false)
			c.Refuse(id+1, false)
			c.CutNext(id+1, upstreamtest.CutNot)
			w.calm(name, id+1)
		}
		c.Silence(false)
		c.Outdate(false)
		c.DelayMetadata(w.asking)
		c.DelayDials(w.distance)
		for p, leader := range w.leaders[name] {
			c.Shorten(topics()[name], int32(p), false)
			if leader == -1 {
				w.move(name, int32(p), 1)
			}
		}
	}
	for _, c := range w.clients {
		c.freeze(false)
	}
	for _, r := range w.readers {
		r.freeze(false)
	}
}
