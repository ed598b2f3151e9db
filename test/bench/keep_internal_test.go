package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oneOf is a report of one scenario, with a commit.
func oneOf(commit string, s *scenario) *report {
	return &report{
		setting:  setting{Commit: commit, Rounds: 5, Seconds: 1},
		Outcomes: []outcome{{Scenario: *s, Ways: []wayOutcome{{Name: directWay, Samples: make([]sample, 1)}}}},
	}
}

// A run replaces what it has measured and nothing else, and the report says what was measured when.
func TestKeep(t *testing.T) {
	t.Parallel()
	all := scenarios()
	dir := t.TempDir()
	store := func(r *report) {
		t.Helper()
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "report.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var last *report
	for _, step := range []struct {
		name  string
		run   *report
		kept  []string // the commit of each scenario of the report
		notes int
	}{
		{"the first", oneOf("commit a", &all[1]), []string{""}, 0},
		{"another scenario, which comes before it", oneOf("commit b", &all[0]), []string{"", "commit a"}, 1},
		{"a third", oneOf("commit c", &all[2]), []string{"commit b", "commit a", ""}, 2},
		{"the first again", oneOf("commit d", &all[1]), []string{"commit b", "", "commit c"}, 2},
		{"one that there is no more", oneOf("commit e", &scenario{Name: "gone", Sink: rawSink}), []string{"commit b", "commit d", "commit c"}, 3},
	} {
		if err := step.run.keepEarlier(dir); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		last = step.run
		store(last)
		var got []string
		for i := range last.Outcomes {
			commit := ""
			if at := last.Outcomes[i].At; at != nil {
				commit = at.Commit
			}
			got = append(got, commit)
		}
		if strings.Join(got, ";") != strings.Join(step.kept, ";") {
			t.Errorf("%s: kept %q, want %q", step.name, got, step.kept)
		}
		if n := strings.Count(last.head(), "Of an earlier run"); n != step.notes {
			t.Errorf("%s: %d notes, want %d", step.name, n, step.notes)
		}
	}
	if text := last.markdown(); !strings.Contains(text, "Measured ") || !strings.Contains(text, "commit c") {
		t.Error("a section does not say when it was measured")
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := oneOf("commit f", &all[0]).keepEarlier(dir); err == nil {
		t.Error("a report that cannot be read is replaced")
	}
}
