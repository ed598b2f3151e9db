package matrix

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	document = "../../docs/clients.md"
	header   = "| client | version | codecs | acks | idempotent | settings | unmatched topic | lost upstream connection | notes |\n" +
		"|---|---|---|---|---|---|---|---|---|\n"
)

// TestTable checks that docs/clients.md has a row for each client of the matrix, and no others, under each Kafka.
func TestTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range clients() {
		want = append(want, fmt.Sprintf("| %s | %s |", c.name, c.version))
	}
	sections := sectionPattern("[0-9.]+").FindAllString(string(text), -1)
	if len(sections) == 0 {
		t.Fatalf("%s has no table: make matrix", document)
	}
	for _, section := range sections {
		_, rows, _ := strings.Cut(section, header)
		var got []string
		for line := range strings.Lines(rows) {
			if cells := strings.SplitN(line, "|", 4); len(cells) == 4 {
				got = append(got, strings.Join(cells[:3], "|")+"|")
			}
		}
		if !slices.Equal(want, got) {
			t.Errorf("%s has rows\n%s\nwant\n%s", document, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// sectionPattern matches the part of the document that is generated for a version of Kafka.
func sectionPattern(version string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)<!-- begin ` + version + ` -->\n.*?<!-- end -->\n`)
}

// resultList are the rows of the clients that have run. Its methods may be called from any goroutine.
type resultList struct {
	mu   sync.Mutex
	rows []*row
}

var results resultList

func (l *resultList) add(r *row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = append(l.rows, r)
}

// write puts the rows, which must be of all clients, into the document, in place of those of the same Kafka.
func (l *resultList) write() error {
	order := map[string]int{}
	for i, c := range clients() {
		order[c.id()] = i + 1
	}
	if len(l.rows) != len(order) || !full() {
		return fmt.Errorf("%d of %d clients have run; %s is of a full run", len(l.rows), len(order), document)
	}
	slices.SortFunc(l.rows, func(a, b *row) int { return cmp.Compare(order[a.id()], order[b.id()]) })
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- begin %s -->\n## Kafka %[1]s\n\n%s", kafkaVersion(), header)
	for _, r := range l.rows {
		b.WriteString(r.line())
	}
	section := b.String() + "<!-- end -->\n"
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	pattern := sectionPattern(regexp.QuoteMeta(kafkaVersion()))
	if pattern.Match(text) {
		text = pattern.ReplaceAllLiteral(text, []byte(section))
	} else {
		text = fmt.Appendf(text, "\n%s", section)
	}
	return os.WriteFile(document, text, 0o600)
}

func (r *row) line() string {
	good := 0
	bad := map[string]bool{} // codecs that failed in some setting
	var acks []string
	for i, s := range r.settings {
		if faults := r.mesh[i].faults(); len(faults) == 0 {
			good++
		} else {
			bad[s.codec] = true
		}
		if s.acks != "" && !slices.Contains(acks, s.acks) {
			acks = append(acks, s.acks)
		}
	}
	arrived := slices.DeleteFunc(append([]string{"none"}, r.codecs...), func(codec string) bool { return bad[codec] })
	idempotent := "cannot"
	switch {
	case r.defaults.idempotent:
		idempotent = "default"
	case r.idempotent:
		idempotent = "if asked"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %d of %d | %s | %s | %s |\n", r.name, r.version, strings.Join(arrived, " "),
		strings.Join(acks, " "), idempotent, good, len(r.settings), r.unmatched, r.cut, strings.Join(r.notes(), "; "))
}

func (r *row) notes() []string {
	var list []string
	if r.note != "" {
		list = append(list, r.note)
	}
	if r.oracle == nil {
		list = append(list, "this Kafka itself does not take message sets")
	}
	return list
}

// describeUnmatched describes how a client that sent some records to a topic without a rule was told.
func describeUnmatched(failed int, first, last time.Duration, named bool) string {
	if failed == 0 {
		return "not told"
	}
	text := "fails " + about(first)
	if named {
		text += ", named"
	}
	if about(last) != about(first) {
		text += fmt.Sprintf("; %d records %s", failed, about(last))
	}
	return text
}

// about is a time as exact as it is the same in each run.
func about(d time.Duration) string {
	for _, limit := range []time.Duration{2, 10, 30, 60, 120} {
		if d < limit*time.Second {
			return fmt.Sprintf("in < %d s", limit)
		}
	}
	return "in minutes"
}

// describeCut describes what became of records when a connection upstream was lost while they were on their way.
func describeCut(failed, lost, twice, disordered int) string {
	var list []string
	for _, f := range []struct {
		n    int
		what string
	}{{failed, "told of failures"}, {lost, "lost"}, {twice, "sent again: twice"}, {disordered, "out of order"}} {
		if f.n > 0 {
			list = append(list, f.what)
		}
	}
	if len(list) == 0 {
		return "all once, in order"
	}
	return strings.Join(list, ", ")
}
