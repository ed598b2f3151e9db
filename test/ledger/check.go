package ledger

import (
	"fmt"
	"slices"
)

// check is one comparison under way.
type check struct {
	writers map[string]Writer
	offsets map[record][]int64 // where each record is stored, over all logs of its place
	report  Report
}

type record struct {
	writer string
	number int
}

// Check compares what writers were told with what logs hold. Names of writers are different ones. A record that is in several logs
// of a place, because its topic was made again, is not duplicated by that, and its writer may have been told any of the offsets.
func Check(writers []Writer, logs []Log) Report {
	c := check{writers: map[string]Writer{}, offsets: map[record][]int64{}}
	for _, w := range writers {
		c.writers[w.Name] = w
	}
	for _, l := range logs {
		c.read(l)
	}
	for _, w := range writers {
		c.compare(w)
	}
	return c.report
}

func (c *check) add(k Kind, writer string, number int, where Place, detail string) {
	c.report = append(c.report, Finding{Kind: k, Writer: writer, Number: number, Where: where, Detail: detail})
}

// read goes through one log.
func (c *check) read(l Log) {
	seen, highest := map[record]Found{}, map[string]int{}
	for _, f := range l.Records {
		r := record{f.Writer, f.Number}
		w, known := c.writers[f.Writer]
		switch {
		case !known || f.Number < 0 || f.Number >= len(w.Told):
			c.add(Changed, f.Writer, f.Number, l.Place, fmt.Sprintf("at offset %d: written by nobody", f.Offset))
			continue
		case w.Place != l.Place:
			c.add(WrongPlace, f.Writer, f.Number, l.Place, fmt.Sprintf("at offset %d: belongs to %s", f.Offset, w.Place))
			continue
		case w.Told[f.Number].Sum != f.Sum:
			c.add(Changed, f.Writer, f.Number, l.Place, fmt.Sprintf("at offset %d", f.Offset))
		}
		if first, again := seen[r]; again {
			c.add(Duplicated, f.Writer, f.Number, l.Place, fmt.Sprintf("at offsets %s and %s", first.at(), f.at()))
			c.offsets[r] = append(c.offsets[r], f.Offset)
			continue
		}
		if later, some := highest[f.Writer]; some && later > f.Number {
			c.add(Reordered, f.Writer, f.Number, l.Place, fmt.Sprintf("at offset %d, behind number %d", f.Offset, later))
		} else {
			highest[f.Writer] = f.Number
		}
		seen[r] = f
		c.offsets[r] = append(c.offsets[r], f.Offset)
	}
}

// compare goes through what one writer was told.
func (c *check) compare(w Writer) {
	for n, told := range w.Told {
		switch told.Outcome {
		case Open:
			c.add(Unanswered, w.Name, n, w.Place, "")
		case Refused:
			c.add(Declined, w.Name, n, w.Place, "")
		case Acknowledged:
			c.stored(w, n, told)
		case Abandoned:
		}
	}
}

// stored sees that an acknowledged record is there, at the offset told.
func (c *check) stored(w Writer, n int, told Told) {
	offsets := c.offsets[record{w.Name, n}]
	if len(offsets) == 0 {
		c.add(Lost, w.Name, n, w.Place, "")
		return
	}
	if told.Offset < 0 || slices.Contains(offsets, told.Offset) {
		return
	}
	c.add(WrongOffset, w.Name, n, w.Place, fmt.Sprintf("told %d, stored at %d", told.Offset, offsets))
}
