package simulation

import (
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

// close ends everything, so that no goroutine is left.
func (w *world) close() {
	for _, c := range w.clients {
		for _, l := range c.links {
			l.dead = true
		}
	}
	for _, r := range w.readers {
		r.end()
	}
	if w.mesh != nil {
		w.mesh.close()
		w.filter.Close()
	}
	w.stop()
	for _, c := range w.clusters {
		c.DelayDials(0)
		for id := range int32(brokers) {
			c.Down(id+1, true)
		}
	}
	// Connections that are being closed, and those that are still being made.
	w.line.run(w.line.now()+settling, func() bool { return false })
	for _, l := range w.loops {
		l.Close()
	}
}

// settling is the time that what is on its way at the end needs to get there.
const settling = 2 * timeout

// log is what a log holds, in the ledger's terms.
func (w *world) log(place ledger.Place, entries []upstreamtest.Entry) ledger.Log {
	l := ledger.Log{Place: place}
	for _, e := range entries {
		f := w.known[sum(e.Records)]
		f.Offset = e.Offset
		l.Records = append(l.Records, f)
	}
	return l
}

// judge compares what clients were told with what is stored.
func (w *world) judge(r *Result) {
	logs := w.old
	for name, c := range w.clusters {
		for p := range int32(partitions) {
			logs = append(logs, w.log(ledger.Place{Cluster: name, Topic: topics()[name], Partition: p}, c.Log(topics()[name], p)))
		}
	}
	numbered := map[string]bool{}
	var writers []ledger.Writer
	for _, c := range w.clients {
		for _, wr := range c.writers {
			numbered[wr.name] = wr.nature.numbered
			told := wr.told
			for range wr.left { // was never made
				if !wr.over {
					told = append(told, ledger.Told{})
				}
			}
			r.Batches += len(told)
			r.Gaps += wr.gaps
			writers = append(writers, ledger.Writer{Name: wr.name, Place: wr.place, Told: told})
		}
	}
	w.judgeRest(r)
	w.judgeReaders(r)
	for _, f := range ledger.Check(writers, logs) {
		if numbered[f.Writer] || f.Writer == "" {
			r.Strict = append(r.Strict, f)
		} else {
			r.Loose = append(r.Loose, f)
		}
	}
}

// judgeRest finds what may not be besides what is stored.
func (w *world) judgeRest(r *Result) {
	wrong := func(k ledger.Kind, format string, args ...any) {
		r.Strict = append(r.Strict, ledger.Finding{Kind: k, Detail: fmt.Sprintf(format, args...)})
	}
	for _, c := range w.clients {
		for _, b := range c.broken {
			wrong(ledger.Changed, "%s: %s", c.nature.name, b)
		}
	}
	if r.Gaps > 0 {
		wrong(ledger.Reordered, "brokers found %d gaps in the numbers of writers", r.Gaps)
	}
	for name, n := range statstest.Raised(w.stats) {
		wrong(ledger.Unanswered, "gauge %s is %d in the end", name, n)
	}
	for _, c := range statstest.Contradictions(w.stats) {
		wrong(ledger.Unanswered, "metrics: %s", c)
	}
	w.judgeRules(wrong)
}

// judgeRules wants each rule to count what its cluster counts: nothing is refused before it has a cluster.
func (w *world) judgeRules(wrong func(k ledger.Kind, format string, args ...any)) {
	of := map[string]int64{}
	for _, s := range w.stats.Read() {
		if of[s.Name] = s.Value; s.Sizes != nil {
			of[s.Name] = s.Sizes.Count()
		}
	}
	for cluster, topic := range topics() {
		for _, same := range []string{"failed_batches", "time_total_us"} {
			if a, b := of["cluster."+cluster+"."+same], of["rule."+stats.RuleMetrics(topic)+"."+same]; a != b {
				wrong(ledger.Unanswered, "metrics: %s of %s is %d, of rule %s %d", same, cluster, a, topic, b)
			}
		}
		if a, b := of["cluster."+cluster+".batches"], of["rule."+stats.RuleMetrics(topic)+".batches"]; a > b {
			wrong(ledger.Unanswered, "metrics: %d batches were sent to %s, of %d", a, cluster, b)
		}
	}
}
