package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

// side is the groups that a column of the table of reading is about.
type side int

const (
	fromMesh side = iota
	fromCluster
	sides
)

// reading is what was found of groups.
type reading struct {
	given, again, skipped, wrong, setBack, failed, rebalances int

	looks   looks
	silence time.Duration // the longest in which a group was given nothing of its topic on the first cluster
}

func (s *reading) String() string {
	return fmt.Sprintf("%d, %d, %d/%d/%d, %d, %d, %.1f s, %s", s.given, s.again, s.skipped, s.wrong, s.setBack, s.failed, s.rebalances,
		s.silence.Seconds(), s.looks)
}

// add adds what was found of another group.
func (s *reading) add(o reading) {
	s.given += o.given
	s.again += o.again
	s.skipped += o.skipped
	s.wrong += o.wrong
	s.setBack += o.setBack
	s.failed += o.failed
	s.rebalances += o.rebalances
	s.looks.asked, s.looks.none, s.looks.less = s.looks.asked+o.looks.asked, s.looks.none+o.looks.none, s.looks.less+o.looks.less
	s.silence = max(s.silence, o.silence)
}

// say keeps what a person has to know of a group.
func (r *result) say(g *group, mine reading, report ledger.Report, back []string) {
	line := []string{fmt.Sprintf("%s: %s", g.name, &mine)}
	for _, why := range slices.Sorted(maps.Keys(g.reasons)) {
		line = append(line, fmt.Sprintf("%d × %s", g.reasons[why], why))
	}
	r.findings = append(r.findings, strings.Join(line, ", "))
	if len(report) > 0 {
		r.findings = append(r.findings, report[:min(len(report), 10)].String())
	}
	r.findings = append(r.findings, back[:min(len(back), 10)]...)
}

// sayWindows says how long after the check of who commits the offsets of another cluster than the group's home were committed.
func (r *result) sayWindows() {
	n := len(r.windows)
	if n == 0 {
		return
	}
	slices.Sort(r.windows)
	r.findings = append(r.findings, fmt.Sprintf("%d commits of two clusters: between them %s in the middle, %s for 99 %%, %s at most",
		n, r.windows[n/2], r.windows[n*99/100], r.windows[n-1]))
}

// badReading says what of the groups through the mesh breaks a promise.
func (r *result) badReading() []string {
	if s := r.read[fromMesh]; s.skipped+s.wrong+s.setBack+s.looks.none > 0 {
		return []string{"groups: " + s.String()}
	}
	return nil
}

// readTable is what groups read, in Markdown.
func readTable(results []*result) string {
	var b strings.Builder
	b.WriteString("Each cell: given, given again, skipped/wrong/offsets set back, commits and reads that failed, rebalances, longest silence, " +
		"offsets asked for/told not to be there/told to be less than before.\n\n" +
		"| fault | seed | groups through the mesh | groups beside it |\n|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", r.fault, r.seed, &r.read[fromMesh], &r.read[fromCluster])
	}
	return b.String()
}
