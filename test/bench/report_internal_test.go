package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each key figure is of a scenario that there is, and no two scenarios have one title.
func TestKeyFiguresHaveScenarios(t *testing.T) {
	t.Parallel()
	titles := map[string]bool{}
	for _, s := range scenarios() {
		if titles[s.title()] {
			t.Errorf("two scenarios are called %s", s.title())
		}
		titles[s.title()] = true
	}
	for _, k := range keyFigures() {
		if title := (&scenario{Name: k.scenario, Sink: k.sink}).title(); !titles[title] {
			t.Errorf("%s: no scenario is called %s", k.what, title)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		value, aim float64
		more       bool
		want       string
	}{
		{"less is better", 1.04, 1.05, false, "reached"},
		{"as much", 1.05, 1.05, false, "reached"},
		{"too much", 1.5, 1.2, false, "missed by 25 %"},
		{"more is better", 0.8, 0.75, true, "reached"},
		{"too little", 0.6, 0.75, true, "missed by 20 %"},
		{"not measured", unknown().median, 1, true, "not measured"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := keyFigure{more: tt.more}
			if got := k.verdict(spread{median: tt.value}, tt.aim); got != tt.want {
				t.Errorf("verdict = %q, want %q", got, tt.want)
			}
		})
	}
}

// The report in docs/benchmarks can be rendered, whatever its run did not measure.
func TestTodaysReportRenders(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/benchmarks/report.json")
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	r.summarize()
	if len(r.Summary) == 0 {
		t.Error("no key figures")
	}
	text := r.markdown()
	for i := range r.Outcomes {
		if title := "### " + r.Outcomes[i].Scenario.title(); !strings.Contains(text, title+"\n") {
			t.Errorf("no section %q", title)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("a figure that was not measured is written")
	}
	if _, err := json.Marshal(&r); err != nil {
		t.Error(err)
	}
}

func TestWriteSummary(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "README.md")
	r := &report{setting: setting{Machine: machine{When: "today"}}}
	if err := r.writeSummary(file); err != nil {
		t.Errorf("without a file: %v", err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"no summary", "a\nb\n", "a\nb\n"},
		{"an old one", "a\n" + summaryBegin + "old\n" + summaryEnd + "b\n", "a\n" + summaryBegin + "\n" + r.head() + "\n" + summaryEnd + "b\n"},
	} {
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.writeSummary(file); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got, _ := os.ReadFile(file); string(got) != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
