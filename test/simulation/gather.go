package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	brokerlink "github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

// fetchVersions are those that the clusters have.
var fetchVersions = brokerlink.Range{Min: 4, Max: 17} //nolint:gochecknoglobals // a constant

// gather makes the readers and has them begin.
func (w *world) gather(rnd *rand.Rand) {
	w.evict(rand.New(rand.NewPCG(rnd.Uint64(), 6)), rnd.IntN(9))
	remade := slices.ContainsFunc(w.schedule, func(f fault) bool { return f.kind == recreated })
	for n := range 1 + rnd.IntN(3) {
		r := &reader{
			line: w.line, mesh: w.mesh, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 5)), ignorant: true, topicIDs: map[string][16]byte{},
			away: exponential(rnd, pick(rnd, time.Millisecond, 5*time.Millisecond, 60*time.Millisecond)),
		}
		r.habit = habit{
			version: pick[int16](rnd, byName, byID), topics: []string{"apples", "bananas"}, epochs: rnd.IntN(2) == 0, seeks: rnd.IntN(8),
			wait:  pick(rnd, 0, 20*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond, 5*time.Second),
			least: pick[int32](rnd, 1, 1, 1, 300, 100_000), most: pick[int32](rnd, 1, 400, 50<<20, 50<<20), each: pick[int32](rnd, 1, 300, 1<<20),
			leavesOut: rnd.IntN(3) == 0, dawdles: pick(rnd, 0, 0, time.Millisecond, 30*time.Millisecond),
		}
		if r.least > 1 || r.leavesOut { // it takes for ever, else
			r.wait = min(r.wait, 500*time.Millisecond)
		}
		if r.least > 1 {
			r.each, r.most = 1<<20, 50<<20
		}
		if remade { // who reads by name cannot tell one topic from the next
			r.version = byID
		}
		if r.sessions = r.rnd.IntN(2) == 0; r.sessions {
			r.session.limit = pick(r.rnd, 4, 1000, 1<<31-1)
		}
		r.name = fmt.Sprintf("reader %d (v%d, waits %s, sessions: %t)", n, r.version, r.wait, r.sessions)
		for _, topic := range r.topics {
			for p := range int32(partitions) {
				r.spots = append(r.spots, &readingSpot{place: ledger.Place{Cluster: clusterOf(topic), Topic: topic, Partition: p}})
			}
		}
		w.readers = append(w.readers, r)
		w.mesh.workers[r] = rnd.IntN(workers)
		w.line.after(exponential(rnd, span/3), r.look)
	}
}

// evict has the brokers drop the sessions that they keep, now and then, and keep few or none from then on.
func (w *world) evict(rnd *rand.Rand, times int) {
	if times == 0 {
		return
	}
	w.line.after(exponential(rnd, span/8), func() {
		for _, name := range []string{"c1", "c2"} {
			w.clusters[name].LimitSessions(pick(rnd, 0, 1, 1000, 1000))
		}
		w.evict(rnd, times-1)
	})
}

func clusterOf(topic string) string {
	for cluster, t := range topics() {
		if t == topic {
			return cluster
		}
	}
	return ""
}

// readersLike are those that what happens to a client happens to as well.
func (w *world) readersLike(client int) []*reader {
	if len(w.readers) == 0 {
		return nil
	}
	return w.readers[client%len(w.readers) : client%len(w.readers)+1]
}

// read reports whether a reader has read all that there is.
func (w *world) read(r *reader) bool {
	for _, s := range r.spots {
		cluster := w.clusters[s.place.Cluster]
		if r.version == byID && s.id != cluster.TopicID(s.place.Topic) {
			return false
		}
		log := cluster.Log(s.place.Topic, s.place.Partition)
		if len(log) > 0 && (len(s.given) == 0 || s.next <= log[len(log)-1].Offset) {
			return false
		}
	}
	return true
}

// look takes down what is stored, for what is on its way when all is over, without acknowledgement, readers need not have.
func (w *world) look() {
	for cluster, c := range w.clusters {
		for p := range int32(partitions) {
			place := ledger.Place{Cluster: cluster, Topic: topics()[cluster], Partition: p}
			w.stored = append(w.stored, w.log(place, c.Log(place.Topic, p)))
		}
	}
}

// judgeReaders compares what readers were given with what is stored.
func (w *world) judgeReaders(r *Result) {
	for _, reader := range w.readers {
		for _, b := range reader.broken {
			r.Strict = append(r.Strict, ledger.Finding{Kind: ledger.Altered, Writer: reader.name, Detail: b})
		}
		var readers []ledger.Reader
		for _, s := range reader.spots {
			r.Read += len(s.given)
			readers = append(readers, ledger.Reader{Name: reader.name, Place: s.place, Given: s.given})
		}
		r.Strict = append(r.Strict, ledger.CheckReaders(readers, w.stored)...)
	}
}
