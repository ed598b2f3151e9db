package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

// result is what one trial showed.
type result struct {
	fault    string
	seed     uint64
	took     time.Duration
	sums     [columns]tally
	read     [sides]reading
	windows  []time.Duration // between the parts of commits of two clusters
	wrong    []string
	schedule []string
	findings []string // at most some of each producer
	uneven   bool     // the direct producers had fewer faults: what was given up is no measure
}

// column is the producers that one of the table is about.
type column int

const (
	meshIdempotent column = iota
	directIdempotent
	meshPlain
	directPlain
	columns
)

func (a *account) column() column {
	switch {
	case a.idempotent && a.direct:
		return directIdempotent
	case a.idempotent:
		return meshIdempotent
	case a.direct:
		return directPlain
	}
	return meshPlain
}

// tally is what was found of a group.
type tally struct {
	acked, failed, lost, twice, moved, other int

	unsure int // of those twice or moved: their producer had given records up, and does not know what of them is stored
}

// add takes in what was found of one producer.
func (r *result) add(t *trial, a *account, all ledger.Report) {
	var report ledger.Report
	for _, f := range all {
		if strings.HasPrefix(f.Writer, a.name+" ") && !t.excused(a, f) {
			report = append(report, f)
		}
	}
	_, acked, failed := a.counts()
	mine := tally{acked: acked, failed: failed}
	mine.lost, mine.twice, mine.moved = report.Count(ledger.Lost), report.Count(ledger.Duplicated), report.Count(ledger.Reordered)
	if failed > 0 {
		mine.unsure = mine.twice + mine.moved
	}
	mine.other = len(report) - mine.lost - mine.twice - mine.moved
	r.sums[a.column()].add(mine)
	if len(report)+failed == 0 {
		return
	}
	line := []string{fmt.Sprintf("%s: %s", a.name, &mine)}
	for _, why := range slices.Sorted(maps.Keys(a.reasons)) {
		line = append(line, fmt.Sprintf("%d × %s", a.reasons[why], why))
	}
	r.findings = append(r.findings, strings.Join(line, ", "))
	if a.idempotent || mine.other > 0 {
		r.findings = append(r.findings, report[:min(len(report), 10)].String())
	}
}

// excused tells whether a finding is no fault: a topic that was deleted has lost what was in it.
func (t *trial) excused(a *account, f ledger.Finding) bool {
	for _, tp := range t.topics {
		if tp.name == a.topic && tp.remade {
			return f.Kind == ledger.Lost || f.Kind == ledger.WrongOffset
		}
	}
	return false
}

// bad says what of a result breaks a promise.
func (r *result) bad() []string {
	out := slices.Clone(r.wrong)
	if s := r.sums[meshIdempotent]; s.lost+s.twice-s.unsure+s.moved+s.other > 0 {
		out = append(out, "idempotent producers: "+s.String())
	}
	if s, direct := r.sums[meshIdempotent], r.sums[directIdempotent]; s.failed > 0 && direct.failed == 0 && !r.uneven {
		out = append(out, "idempotent producers gave up, and none that is direct: "+s.String())
	}
	if s := r.sums[meshPlain]; s.other > 0 {
		out = append(out, "other producers: "+s.String())
	}
	return append(out, r.badReading()...)
}

func (s *tally) String() string {
	return fmt.Sprintf("%d, %d, %d/%d/%d/%d", s.acked, s.failed, s.lost, s.twice, s.moved, s.other)
}

func (s *tally) add(o tally) {
	s.acked += o.acked
	s.failed += o.failed
	s.lost += o.lost
	s.twice += o.twice
	s.unsure += o.unsure
	s.moved += o.moved
	s.other += o.other
}

// table is the results in Markdown.
func table(results []*result) string {
	var b strings.Builder
	b.WriteString("Each cell: acknowledged, given up, lost/twice/moved/other.\n\n" +
		"| fault | seed | seconds | idempotent | the same, direct | not idempotent | the same, direct |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %d | %.0f |", r.fault, r.seed, r.took.Seconds())
		for i := range r.sums {
			fmt.Fprintf(&b, " %s |", &r.sums[i])
		}
		b.WriteString("\n")
	}
	return b.String() + "\n" + readTable(results)
}
