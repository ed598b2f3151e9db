package matrix

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const header = "| client | version | codecs | acks | idempotent | settings | unmatched topic | lost upstream connection | notes |\n" +
	"|---|---|---|---|---|---|---|---|---|\n"

// producers is the table of the producers under a version of Kafka.
func producers(version string) *table {
	t := &table{name: version, title: "Kafka " + version, header: header}
	for _, c := range clients() {
		t.keys = append(t.keys, rowKey(c.name, c.version))
	}
	return t
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

// consumed is the table of the consumers whose groups are at home on a version of Kafka.
func consumed(version string) *table {
	t := &table{
		name: "consumers " + version, title: "Consumers, groups at home on Kafka " + version,
		header: "| client | version | codecs | in a group | again | without a group | notes |\n|---|---|---|---|---|---|---|\n",
	}
	for _, c := range consumers() {
		t.keys = append(t.keys, rowKey(c.name, c.version))
	}
	return t
}

// line is the row of a consumer, by on how many ways each of its tasks went well.
func (c *consumer) line(good map[string]int) string {
	cells := []string{strings.Join(append([]string{"none"}, c.codecs...), " ")}
	for _, name := range []string{inGroup, again, alone} {
		if name == alone && c.groupsOnly {
			cells = append(cells, "–")
		} else {
			cells = append(cells, fmt.Sprintf("%d of %d ways", good[name], len(c.ways())))
		}
	}
	note := c.note
	if len(c.ways()) < len(everyWay()) {
		note += "; directly it waits for ever"
	}
	return rowKey(c.name, c.version) + " " + strings.Join(append(cells, note), " | ") + " |\n"
}
