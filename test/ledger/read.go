package ledger

import "fmt"

// Delivery is one record that a reader was given.
type Delivery struct {
	Offset int64
	Sum    uint64 // of its content, as Found has it
}

// Reader is who reads one log, which may be several clients of a group, and what they were given of it in the order of their telling.
type Reader struct {
	Name  string
	Place Place
	Given []Delivery
	Once  bool // each record once and in order: nothing happened for which a client reads again
}

// CheckReaders compares what readers were given with what logs hold. There is one log of each place.
func CheckReaders(readers []Reader, logs []Log) Report {
	var report Report
	for _, r := range readers {
		for _, l := range logs {
			if l.Place == r.Place {
				report = append(report, r.compare(l)...)
			}
		}
	}
	return report
}

// Again is how many records the reader was given more often than once, each time counted.
func (r Reader) Again() int {
	seen, again := map[int64]bool{}, 0
	for _, d := range r.Given {
		if seen[d.Offset] {
			again++
		}
		seen[d.Offset] = true
	}
	return again
}

// compare goes through what one reader was given of a log.
func (r Reader) compare(l Log) Report {
	var report Report
	add := func(k Kind, offset int64, detail string) {
		report = append(report, Finding{Kind: k, Writer: r.Name, Number: int(offset), Where: r.Place, Detail: detail})
	}
	stored := make(map[int64]uint64, len(l.Records))
	for _, f := range l.Records {
		stored[f.Offset] = f.Sum
	}
	given, last := make(map[int64]bool, len(r.Given)), int64(-1)
	for _, d := range r.Given {
		sum, there := stored[d.Offset]
		switch {
		case !there:
			add(Invented, d.Offset, "")
		case sum != d.Sum:
			add(Altered, d.Offset, "")
		case r.Once && d.Offset <= last:
			add(Again, d.Offset, fmt.Sprintf("behind %d", last))
		}
		given[d.Offset], last = true, d.Offset
	}
	for _, f := range l.Records {
		if !given[f.Offset] {
			add(Skipped, f.Offset, "")
		}
	}
	return report
}
