package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// setting is where, when and of what something was measured.
type setting struct {
	Machine machine
	Commit  string `json:",omitempty"` // what was measured
	Before  string `json:",omitempty"` // what it is compared with
	Rounds  int
	Seconds float64 // measured in each round
}

// String says it in words.
func (s *setting) String() string {
	m := &s.Machine
	text := m.When
	if s.Commit != "" {
		text += ", " + s.Commit
	}
	text += fmt.Sprintf(", on %d cores of %s, %s, %s; %d rounds of %.1f s", m.Cores, m.CPU, m.Kernel, m.Go, s.Rounds, s.Seconds)
	if s.Before != "" {
		text += "; before: " + s.Before
	}
	return text
}

// readReport reads the report that a folder has.
func readReport(dir string) (*report, error) {
	data, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		return nil, err
	}
	r := new(report)
	return r, json.Unmarshal(data, r)
}

// keepEarlier takes over what the report in a folder has of scenarios that this run has not measured.
func (r *report) keepEarlier(dir string) error {
	earlier, err := readReport(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the report that is there: %w", err)
	}
	r.keep(earlier)
	return nil
}

// keep takes over scenarios that this run has not measured, in the order of all. Those that there are no more are left out.
func (r *report) keep(earlier *report) {
	var all []outcome
	for _, s := range scenarios() {
		if o := r.outcome(s.Name, s.Sink); o != nil {
			all = append(all, *o)
		} else if o := earlier.outcome(s.Name, s.Sink); o != nil {
			kept := *o
			if kept.At == nil {
				kept.At = &earlier.setting
			}
			all = append(all, kept)
		}
	}
	r.Outcomes = all
}

// outcome finds a scenario's, or nil.
func (r *report) outcome(name, sink string) *outcome {
	for i := range r.Outcomes {
		if s := &r.Outcomes[i].Scenario; s.Name == name && s.Sink == sink {
			return &r.Outcomes[i]
		}
	}
	return nil
}

// kept says of which earlier runs the report has scenarios, and nothing if there are none.
func (r *report) kept() string {
	var order []string
	count := map[string]int{}
	for i := range r.Outcomes {
		if at := r.Outcomes[i].At; at != nil {
			text := at.String()
			if count[text]++; count[text] == 1 {
				order = append(order, text)
			}
		}
	}
	var b strings.Builder
	for _, text := range order {
		fmt.Fprintf(&b, "\\* Of an earlier run, which %d of the %d scenarios are from: %s.\n\n", count[text], len(r.Outcomes), text)
	}
	return b.String()
}
