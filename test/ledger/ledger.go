package ledger

import (
	"fmt"
	"strconv"
	"strings"
)

// Place is where a writer writes, and where a log is.
type Place struct {
	Cluster   string
	Topic     string
	Partition int32
}

// String names the place as cluster:topic/partition.
func (p Place) String() string { return fmt.Sprintf("%s:%s/%d", p.Cluster, p.Topic, p.Partition) }

// Outcome is what a writer was told of one record.
type Outcome uint8

const (
	// Open says that there has been no answer.
	Open Outcome = iota
	// Acknowledged says that it is stored.
	Acknowledged
	// Refused says that the cluster will not have it.
	Refused
	// Abandoned says that the writer gave up: it may be stored or not.
	Abandoned
)

// Told is what a writer was told of one record.
type Told struct {
	Outcome Outcome
	Offset  int64  // -1: not told
	Sum     uint64 // of its content, as Found has it
}

// Writer is one producer in one partition, and what it was told of its records: the index is a record's number.
type Writer struct {
	Name  string
	Place Place
	Told  []Told
}

// Found is one record of a log.
type Found struct {
	Writer string // empty: nobody's
	Number int
	Offset int64
	Sum    uint64
	Under  string // whose it is to the broker, in words; empty: nobody's
}

// at says where it is stored.
func (f Found) at() string {
	if f.Under == "" {
		return strconv.FormatInt(f.Offset, 10)
	}
	return fmt.Sprintf("%d (%s)", f.Offset, f.Under)
}

// Log is what one partition holds, in the order of offsets. A topic that was made again has a log for each time.
type Log struct {
	Place   Place
	Records []Found
}

// Kind is a kind of fault.
type Kind uint8

const (
	// Lost was acknowledged and is not stored.
	Lost Kind = iota
	// Duplicated is stored more often than once in a log.
	Duplicated
	// Reordered is stored behind what its writer wrote later.
	Reordered
	// Changed is stored with other content than was written, or was written by nobody.
	Changed
	// WrongOffset is stored at another offset than its writer was told.
	WrongOffset
	// WrongPlace is stored where its writer does not write.
	WrongPlace
	// Unanswered was neither acknowledged nor refused in the end.
	Unanswered
	// Declined was refused.
	Declined
	// Skipped is stored, and its reader was not given it.
	Skipped
	// Altered was given to a reader with other content than is stored.
	Altered
	// Invented was given to a reader and is not stored.
	Invented
	// Again was given to a reader for a second time, or behind a later one.
	Again
	kinds
)

// String names the kind.
func (k Kind) String() string {
	names := [kinds]string{
		"acknowledged but lost", "duplicated", "reordered", "changed", "wrong offset", "wrong place", "never answered", "refused",
		"skipped", "altered", "invented", "given again",
	}
	return names[k]
}

// Finding is one fault.
type Finding struct {
	Kind   Kind
	Writer string // or reader
	Number int    // of the record; what a reader was given is numbered by offset
	Where  Place
	Detail string
}

// String tells it in one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s of %s at %s %s", f.Kind, fmt.Sprint("number ", f.Number), f.Writer, f.Where, f.Detail)
}

// Report is what was found.
type Report []Finding

// Count is how many faults there are of a kind.
func (r Report) Count(k Kind) int {
	n := 0
	for _, f := range r {
		if f.Kind == k {
			n++
		}
	}
	return n
}

// Only is the part of the report that is of certain kinds.
func (r Report) Only(kinds ...Kind) Report {
	var part Report
	for _, f := range r {
		for _, k := range kinds {
			if f.Kind == k {
				part = append(part, f)
			}
		}
	}
	return part
}

// String lists the faults, a line each.
func (r Report) String() string {
	lines := make([]string, 0, len(r))
	for _, f := range r {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}
