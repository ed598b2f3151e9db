package simulation

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

const (
	// maxBacklog is how many batches a writer has without an outcome.
	maxBacklog = 12
	maxBatches = 24
)

// populate makes the clients and has them begin, some of them in the middle of a fault.
func (w *world) populate(clients int) {
	for n := range clients {
		rnd := rand.New(rand.NewPCG(w.rnd.Uint64(), 3))
		all := natures()
		nature := all[rnd.IntN(len(all))]
		if nature.acks != -1 && rnd.IntN(2) == 0 {
			nature = all[rnd.IntN(2)]
		}
		nature.asks = pick[int32](rnd, 30_000, 30_000, 1000, math.MaxInt32)
		c := &client{
			nature: nature, line: w.line, reach: w.reach, rnd: rnd, links: map[node]*link{}, leaders: map[string][]int32{},
			away: exponential(rnd, pick(rnd, time.Millisecond, 5*time.Millisecond, 60*time.Millisecond, 150*time.Millisecond)),
		}
		w.clients = append(w.clients, c)
		if w.mesh != nil {
			w.mesh.workers[c] = rnd.IntN(workers)
		}
		w.employ(c, n)
		begin := exponential(rnd, span/3)
		if rnd.IntN(2) == 0 {
			begin = max(0, pick(rnd, w.schedule...).at-duration(rnd, 100*time.Millisecond))
		}
		pace := exponential(rnd, pick(rnd, 5*time.Millisecond, 50*time.Millisecond)) + time.Millisecond
		burst := pick(rnd, 1, 3, 8)
		w.line.after(begin, func() { c.work(pace, burst) })
	}
}

// employ gives a client what it writes.
func (w *world) employ(c *client, number int) {
	for range 1 + c.rnd.IntN(2) {
		place := ledger.Place{Cluster: "c1", Partition: int32(c.rnd.IntN(partitions))}
		switch n := c.rnd.IntN(8); {
		case n < 2 && !w.crowded:
			place.Cluster = "c2"
		case n < 5 || w.crowded && n < 7:
			place.Cluster, place.Partition = w.hot.cluster, w.hot.partition
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
func (c *client) work(pace time.Duration, burst int) {
	left := 0
	if !c.frozen && c.rnd.IntN(10) == 0 {
		c.ask()
	}
	for _, w := range c.writers {
		if len(w.queue) == 0 && w.draining == 0 && c.rnd.IntN(2) == 0 {
			w.begin() // as a client that has been started anew
		}
		for range 1 + c.rnd.IntN(burst) {
			if !c.frozen && !w.over && w.left > 0 && len(w.queue) < maxBacklog {
				w.make(time.Now())
			}
		}
		if !w.over {
			left += w.left
		}
	}
	if left > 0 {
		c.line.after(exponential(c.rnd, pace)+time.Microsecond, func() { c.work(pace, burst) })
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
	for _, r := range w.readers {
		if !w.read(r) {
			return false
		}
	}
	return true
}
