package simulation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

const (
	// maxBacklog is how many batches a writer has without an outcome.
	maxBacklog = 12
	maxBatches = 16
)

// populate makes the clients and has them begin, some of them in the middle of a fault.
func (w *world) populate() {
	for n := range 2 + w.rnd.IntN(4) {
		rnd := rand.New(rand.NewPCG(w.rnd.Uint64(), 3))
		all := natures()
		nature := all[rnd.IntN(len(all))]
		if nature.acks != -1 && rnd.IntN(2) == 0 {
			nature = all[rnd.IntN(2)]
		}
		c := &client{
			nature: nature, line: w.line, reach: w.reach, rnd: rnd, links: map[node]*link{}, leaders: map[string][]int32{},
			away: exponential(rnd, []time.Duration{time.Millisecond, 5 * time.Millisecond, 60 * time.Millisecond}[rnd.IntN(3)]),
		}
		w.clients = append(w.clients, c)
		if w.mesh != nil {
			w.mesh.workers[c] = rnd.IntN(workers)
		}
		w.employ(c, n)
		begin := exponential(rnd, span/3)
		pace := exponential(rnd, 50*time.Millisecond) + time.Millisecond
		w.line.after(begin, func() { c.work(pace) })
	}
}

// employ gives a client what it writes.
func (w *world) employ(c *client, number int) {
	for range 1 + c.rnd.IntN(2) {
		place := ledger.Place{Cluster: "c1", Partition: int32(c.rnd.IntN(partitions))}
		if c.rnd.IntN(4) == 0 {
			place.Cluster = "c2"
		}
		place.Topic = topics()[place.Cluster]
		if slices.ContainsFunc(c.writers, func(other *writer) bool { return other.place == place }) {
			continue
		}
		wr := &writer{
			name: fmt.Sprintf("client %d (%s) at %s", number, c.nature.name, place), place: place, nature: &c.nature, rnd: c.rnd,
			known: w.known, left: 1 + c.rnd.IntN(maxBatches),
		}
		wr.begin()
		c.writers = append(c.writers, wr)
	}
	slices.SortFunc(c.writers, func(a, b *writer) int { return cmp.Compare(a.place.Topic, b.place.Topic) })
}

// work has a client make batches, a few at a time, until it has made all.
func (c *client) work(pace time.Duration) {
	left := 0
	for _, w := range c.writers {
		for range 1 + c.rnd.IntN(3) {
			if !c.frozen && !w.over && w.left > 0 && len(w.queue) < maxBacklog {
				w.make(time.Now())
			}
		}
		if !w.over {
			left += w.left
		}
	}
	if left > 0 {
		c.line.after(exponential(c.rnd, pace)+time.Microsecond, func() { c.work(pace) })
	}
	c.look()
}

// distance is how long something takes from the client to whom it is connected to.
func (c *client) distance() time.Duration {
	return c.away + time.Microsecond + duration(c.rnd, c.away/4+time.Microsecond)
}

func (w *world) done() bool {
	for _, c := range w.clients {
		if !c.done() {
			return false
		}
	}
	return true
}
